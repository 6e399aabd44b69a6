"""What a service is asked instead of what the client asked."""

from __future__ import annotations

import pytest

from routes.head import Head
from routes.rewrite import compile_rewrite
from routes.template import TemplateError, parse_regex, parse_template


def sent(
    source: str | None,
    path: str | None,
    asked: bytes,
    query: bytes | None = None,
    *,
    regex=False,
    sets=None,
    removes=(),
):
    parsed = None if source is None else parse_regex(source) if regex else parse_template(source)
    rewrite = compile_rewrite(parsed, None if path is None else parse_template(path), sets or {}, list(removes))
    params = () if parsed is None else parsed.captures(asked)
    assert params is not None
    return rewrite.target(Head(b"GET", asked, query), params)


@pytest.mark.parametrize(
    ("source", "path", "asked", "target"),
    [
        ("/api/orders/{id}", "/v2/orders/{id}", b"/api/orders/7", b"/v2/orders/7"),
        ("/api/orders/{id}", "/v2/orders/{id}", b"/api/orders/a%2Fb%zz", b"/v2/orders/a%2Fb%zz"),
        ("/{a}/{b}", "/{b}/x/{a}", b"/1/2", b"/2/x/1"),
        ("/api/**", "/v2/**", b"/api", b"/v2"),
        ("/api/**", "/v2/**", b"/api/", b"/v2/"),
        ("/api/{rest...}", "/{rest...}", b"/api", b"/"),
        ("/api/{rest...}", "/{rest...}", b"/api/a//b", b"/a//b"),
        ("/{rest...}", "/app/{rest...}", b"/", b"/app/"),
        ("/a", "/", b"/a", b"/"),
        ("/a/{x}", "/b", b"/a/1", b"/b"),
        ("/**", "/app/**", b"*", b"*"),
    ],
)
def test_path_is_rewritten_with_the_raw_captures(source, path, asked, target):
    assert sent(source, path, asked) == target


def test_named_groups_of_a_regex_can_be_used():
    assert sent("^/v(?P<major>\\d+)/(?P<rest>.*)", "/api/{major}/{rest...}", b"/v2/a/b", regex=True) == b"/api/2/a/b"


@pytest.mark.parametrize(
    ("query", "target"),
    [
        (None, b"/a?x=1+%26"),
        (b"", b"/a?x=1+%26"),
        (b"a=%2f&b", b"/a?a=%2f&b&x=1+%26"),
        (b"x=9&a=1&%78=2", b"/a?a=1&x=1+%26"),
        (b"y=1&y=2&yy=3", b"/a?yy=3&x=1+%26"),
    ],
)
def test_query_parameters_are_set_and_removed_and_others_keep_their_bytes(query, target):
    assert sent(None, None, b"/a", query, sets={"x": "1 &"}, removes=["y"]) == target


def test_query_that_is_removed_completely_leaves_no_question_mark():
    assert sent(None, None, b"/a", b"y=1", removes=["y"]) == b"/a"


def test_query_without_changes_keeps_its_bytes():
    assert sent("/a", "/b", b"/a", b"&&a=b=c&?%zz#") == b"/b?&&a=b=c&?%zz#"
    assert sent("/a", "/b", b"/a", b"") == b"/b?"


def test_capture_that_the_route_does_not_have_is_refused():
    with pytest.raises(TemplateError, match=r"\{id\}"):
        sent("/a/{x}", "/b/{id}", b"/a/1")
