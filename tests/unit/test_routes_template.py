"""Path templates, path regexes, and which paths every server reads alike."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routes.template import SEGMENTS_MAX, TemplateError, is_plain_path, literal_prefix, parse_regex, parse_template


@pytest.mark.parametrize(
    "path",
    [b"/", b"*", b"/a/", b"/...", b"/.well-known/x", b"/a.", b"/a..", b"/..a", b"/a;v=1/b", b"/%2ea", b"/a%20b",
     b"/a:b@c!$&'()*+,=~-_[]|^`{}\"<>", b"/a%25b", b"/a%3b"],
)  # fmt: skip
def test_ordinary_paths_are_plain(path):
    assert is_plain_path(path)


@pytest.mark.parametrize(
    "path",
    [b"", b"a", b"**", b"/a//b", b"//a", b"/a/..", b"/a/./b", b"/%2e%2E/", b"/.%2e", b"/a/..;x/b", b"/.;", b"/a/%2e;/",
     b"/a/..%3b/", b"/;x", b"/a/;/b", b"/%3Bx", b"/a%2Fb", b"/a%2fb", b"/a%5cb", b"/a%5C", b"/%00", b"/a\\b", b"/\xc3",
     b"/a%", b"/a%2", b"/a%zz", b"/a#b", b"/a b", b"/a\x7f", b"/a\x00", b"/a\n", b"/."],
)  # fmt: skip
def test_paths_that_servers_read_differently_are_not_plain(path):
    assert not is_plain_path(path)


@given(
    st.lists(st.sampled_from([b"/", b".", b"..", b"%2e", b"%2F", b";", b"a", b"%", b"4", b"1", b"\\", b"%3b", b"%00"]))
)
def test_no_plain_path_hides_another_path(parts):
    path = b"/" + b"".join(parts)
    if is_plain_path(path):
        decoded = unquote_to_bytes(path)
        segments = [segment.partition(b";")[0] for segment in decoded[1:].split(b"/")]
        assert decoded.count(b"/") == path.count(b"/")
        assert not {b".", b".."} & set(segments)
        assert b"" not in segments[:-1]
        assert b"\\" not in decoded
        assert b"\0" not in decoded


@pytest.mark.parametrize(
    ("text", "path", "captures"),
    [
        ("/", b"/", ()),
        ("/", b"/a", None),
        ("/a/b", b"/a/b", ()),
        ("/a/b", b"/a/b/", None),
        ("/a/", b"/a/", ()),
        ("/a/", b"/a", None),
        ("/a/{x}", b"/a/1%2D", (b"1%2D",)),
        ("/a/{x}", b"/a/", None),
        ("/a/{x}", b"/a/1/2", None),
        ("/a/{x}/b/{y}", b"/a/1/b/2", (b"1", b"2")),
        ("/a/{x...}", b"/a", (b"",)),
        ("/a/{x...}", b"/a/", (b"/",)),
        ("/a/{x...}", b"/a/b//c", (b"/b//c",)),
        ("/a/{x...}", b"/ab", None),
        ("/a/**", b"/a/b", (b"/b",)),
        ("/**", b"/", (b"/",)),
        ("/**", b"*", (b"*",)),
        ("/caf\u00e9", b"/caf%C3%A9", ()),
        ("/caf\u00e9", b"/caf%c3%a9", None),
    ],
)
def test_template_matches_and_captures_raw_bytes(text, path, captures):
    assert parse_template(text).captures(path) == captures


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "/a/*",
        "/a/{x}b",
        "/{x...}/b",
        "/**/b",
        "/{x}/{x}",
        "/{1}",
        "/{}",
        "/a?b",
        "/a#b",
        "/a b",
        "/%zz",
        "/a{",
    ],
)
def test_templates_that_cannot_mean_anything_are_refused(text):
    with pytest.raises(TemplateError):
        parse_template(text)


@given(st.lists(st.sampled_from(["a", "b", "{x}", "{y}"]), max_size=4, unique=True), st.sampled_from(["", "/**", "/{z...}"]),
       st.lists(st.sampled_from([b"a", b"b", b"", b"c"]), max_size=5))  # fmt: skip
def test_filling_in_what_was_captured_gives_the_path_back(parts, rest, path_parts):
    template = parse_template("/" + "/".join(parts) + rest if parts else rest or "/")
    path = b"/" + b"/".join(path_parts)
    found = template.captures(path)
    if found is not None:
        assert template.fill(dict(zip(template.names, found, strict=True))) == path
        assert template.pick(path) == found


@pytest.mark.parametrize(
    ("text", "prefix"),
    [("^/v\\d+/", b"/v"), ("^/a\\.b", b"/a.b"), ("/a", b""), ("^/ab?", b"/a"), ("^/ab{2}", b"/a"), ("^/a|/b", b""),
     ("^/a(b|c)", b"/a"), ("^/ab+", b"/ab"), ("(?i)^/a", b""), ("^/a$", b"/a"), ("^/\u00e9?", b"/"), ("^/\u00e9+", b"")],
)  # fmt: skip
def test_literal_prefix_of_a_regex(text, prefix):
    assert literal_prefix(text) == prefix


@pytest.mark.parametrize("text", ["^/[[a]", "^/[a--b]", "^/[a&&b]", "^/[a||b]"])
def test_regex_that_a_later_python_reads_otherwise_is_refused(text):
    with pytest.raises(TemplateError, match="ambiguous"):
        parse_regex(text)


@given(st.text(alphabet="^/ab|(){}?*+\\.$[]1,", max_size=12), st.text(alphabet="/ab|(){}?1,.", max_size=12))
def test_whatever_a_regex_matches_starts_with_its_prefix(text, path):
    try:
        regex = parse_regex("^" + text)
    except TemplateError:
        return
    if regex.matches(path.encode()):
        assert path.encode().startswith(regex.prefix)


def test_template_deeper_than_the_bound_is_refused():
    parse_template("/a" * SEGMENTS_MAX)
    with pytest.raises(TemplateError, match="segments"):
        parse_template("/a" * (SEGMENTS_MAX + 1))


def test_star_is_taken_by_the_template_of_everything_only():
    assert parse_template("/**").pick(b"*") == (b"*",)
    assert parse_template("/a/**").captures(b"*") is None
    assert not parse_template("/{x}").matches(b"*")


def test_named_groups_are_captured_and_missing_ones_are_empty():
    regex = parse_regex("^/v(?P<major>\\d+)(?:\\.(?P<minor>\\d+))?/")
    assert regex.names == ("major", "minor")
    assert regex.captures(b"/v2/x") == (b"2", b"")
    assert regex.captures(b"/x") is None
    assert isinstance(regex.pattern, re.Pattern)
