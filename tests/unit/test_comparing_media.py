"""What is compared per media type, and beside the body."""

from __future__ import annotations

import pytest

from shadow.comparison import Verdict
from shadow.exchange import FAILED, STREAMED, TIMED_OUT, TOO_LARGE, UPGRADED, Answer
from support.answers import answer, compare, comparer, shown

XML = "application/xml"
HTML = "text/html; charset=utf-8"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"


@pytest.mark.parametrize(
    ("content_type", "legacy", "new"),
    [
        (XML, b'<a x="1" y="2"/>', b"<?xml version='1.0'?>\n<a y='2' x='1'></a>"),
        (XML, b'<p:a xmlns:p="urn:x"><p:b/></p:a>', b'<a xmlns="urn:x"><q:b xmlns:q="urn:x"/></a>'),
        (XML, b"<a>\n  <b>t</b>\n</a>", b"<a><b> t </b></a>"),
        (XML, b"<a><!-- one --><b/><?pi x?></a>", b"<a><b/></a>"),
        (XML, b"<a>&lt;&#233;</a>", "<a><![CDATA[<é]]></a>".encode()),
        (XML, b'<?xml version="1.0" encoding="iso-8859-1"?><a>\xe9</a>', "<a>é</a>".encode()),
        (XML, '<?xml version="1.0" encoding="utf-16"?><a>é</a>'.encode("utf-16"), "<a>é</a>".encode()),
        ("application/soap+xml", f'<s:Envelope xmlns:s="{SOAP}"><s:Body><r xmlns=""/></s:Body></s:Envelope>'.encode(),
         f'<E:Envelope xmlns:E="{SOAP}">\n<E:Body>\n<r/></E:Body></E:Envelope>'.encode()),
        (XML, b'<a xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns:x="urn:s" i:type="x:int">1</a>',
         b'<a xmlns:j="http://www.w3.org/2001/XMLSchema-instance" xmlns:y="urn:s" j:type="y:int">1</a>'),
        (HTML, b"<p class='b a' id=x>Hi   there</p>", b"<!doctype html><html><body><p id=x class='a b'>Hi there</p>"),
        (HTML, b"<input disabled>", b"<input disabled='disabled'>"),
        (HTML, b"<ul><li>a<li>b</ul>", b"<ul><li>a</li><!-- x --><li>b</li></ul>"),
        ("application/x-www-form-urlencoded", b"a=1&b=%C3%A9+x&a=2", "a=1&a=2&b=é%20x".encode()),
        ("text/plain", b"a\r\nb\r\n", b"a\nb\n"),
        ("text/plain; charset=latin1", b"\xe9", b"\xe9"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--\r\n",
         b"preamble\r\n--x \r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--x--"),
        (None, b"", b""),
    ],
)  # fmt: skip
def test_same_meaning_in_other_bytes_matches(content_type, legacy, new):
    comparison = compare(legacy, new, content_type=content_type)
    assert comparison.verdict is Verdict.MATCH, shown(comparison.differences)


@pytest.mark.parametrize(
    ("content_type", "media", "legacy", "new", "lines"),
    [
        (XML, "xml", b"<a><b>1</b></a>", b"<a><b>2</b></a>", ['value /a/0/b/0/#text "1" "2"']),
        (XML, "xml", b'<a x="1"/>', b'<a x="2"/>', ['value /a/0/@x "1" "2"']),
        (XML, "xml", b"<a/>", b'<a x="2"/>', ['extra /a/0/@x null "2"']),
        (XML, "xml", b'<a xmlns="urn:1"/>', b'<a xmlns="urn:2"/>', ['value /a/0/@xmlns "urn:1" "urn:2"']),
        (XML, "xml", b"<a><b/><b>1</b></a>", b"<a><b>1</b></a>", ["missing /a/0/b/0 {} null"]),
        (XML, "xml", b"<a><b>1</b><b>2</b></a>", b"<a><b>2</b><b>1</b></a>", ["order /a/0/b [0, 1] [1, 0]"]),
        (XML, "xml", b"<a><b/><c/></a>", b"<a><c/><b/></a>", ['order /a/0 ["b", "c"] ["c", "b"]']),
        (XML, "xml", b"<a><b/><c/><b/></a>", b"<a><b/><b/><c/></a>",
         ['order /a/0 ["b", "c", "b"] ["b", "b", "c"]']),
        (XML, "xml", b"<a>x<b/>y</a>", b"<a>x y<b/></a>", ['order /a/0 ["#text 1", "b", "#text 1"] ["#text", "b"]']),
        (XML, "xml", b"<a>big x<b/>y</a>", b"<a>big<b/>x y</a>",
         ['order /a/0 ["#text 5", "b", "#text 1"] ["#text 3", "b", "#text 3"]']),
        (XML, "xml", b"<r><a>x y<b/>z</a><a/></r>", b"<r><a>x<b/>y z</a><a/></r>",
         ['order /r/0/a/0 ["#text 3", "b", "#text 1"] ["#text 1", "b", "#text 3"]']),
        (XML, "xml", b"<a>one<b/>two<c/></a>", b"<a>three<c/>four<b/></a>",
         ['value /a/0/#text "one two" "three four"', 'order /a/0 ["#text", "b", "#text", "c"] ["#text", "c", "#text", "b"]']),
        (XML, "xml", b"<a><b/><c/></a>", b"<a><b/><x/><c/></a>", ["extra /a/0/x null [{}]"]),
        (XML, "xml", b"<a>x <b/> y</a>", b"<a>x <b/> z</a>", ['value /a/0/#text "x y" "x z"']),
        (HTML, "html", b"<p>a <b>c</b> d</p>", b"<p>a <b>x</b> d</p>",
         ['value /html/0/body/0/p/0/b/0/#text "c" "x"']),
        (HTML, "html", b"<script>var  a = 1</script>", b"<script>var a = 1</script>",
         ['value /html/0/head/0/script/0/#text "var  a = 1" "var a = 1"']),
        (HTML, "html", b"<a href='/x'>y</a>", b"<a href='/z'>y</a>", ['value /html/0/body/0/a/0/@href "/x" "/z"']),
        ("application/x-www-form-urlencoded", "form", b"a=1&b=2", b"a=1&b=3", ['value /b/0 "2" "3"']),
        ("text/plain", "text", b"a\nb\nc", b"a\nB\nc\nd", ['value /1 "b" "B"', 'extra /3 null "d"']),
        ("text/csv", "text", b"a\nx\nb", b"a\nb", ['missing /1 "x" null']),
        ("image/png", "binary", b"12", b"123", ["length @body 2 3"]),
        ("application/json", "json", b'{"a":1}', b"{oops",
         ['undecodable @body null "syntax: unexpected character, expected a string key: line 1 column 2 (char 1)"']),
        ("application/json", "text", b"{oops", b"{ouch", ['value /0 "{oops" "{ouch"']),
        ("application/json", "json", b'{"a":1}', b"", ['missing @body {"bytes": 7} null']),
        ("multipart/mixed; boundary=x", "multipart",
         b'--x\r\nContent-Type: application/json\r\n\r\n{"a": 1}\r\n--x\r\n\r\nb\r\n--x--\r\n',
         b'--x\r\nContent-Type: application/json\r\n\r\n{"a": 2}\r\n--x\r\n\r\nb\r\n--x--\r\n',
         ["value /part/0/body/a 1 2"]),
    ],
)  # fmt: skip
def test_difference_is_found_where_it_is(content_type, media, legacy, new, lines):
    comparison = compare(legacy, new, content_type=content_type)
    assert shown(comparison.differences) == lines
    assert comparison.verdict is Verdict.MISMATCH
    assert comparison.media in (media, "empty")


def test_binary_bodies_of_one_length_differ_by_their_hash():
    difference = compare(b"12", b"13", content_type="image/png").differences[0]
    assert (difference.path, difference.kind) == ("@body", "value")
    assert len(difference.legacy) == len(difference.new) == 64


def test_json_that_is_declared_badly_is_compared_as_json():
    legacy, new = answer({"a": 1}, "text/html"), answer({"a": 2}, "application/json; charset=utf-8")
    assert shown(comparer().compare(legacy, new, method="GET").differences) == [
        'value @header/content-type "text/html" "application/json"',
        "value /a 1 2",
    ]


def test_error_page_instead_of_json_is_another_type():
    legacy, new = answer({"a": 1}), answer(b"<html><p>Sorry</p></html>", "text/html")
    assert shown(comparer().compare(legacy, new, method="GET").differences)[-1] == 'type @body "json" "html"'


def test_body_without_a_type_is_read_as_what_it_looks_like():
    assert shown(compare({"a": 1}, {"a": 2}, content_type=None).differences) == ["value /a 1 2"]
    assert compare(b"<a><b/></a>", b"<a><c/></a>", content_type=None).media == "xml"
    assert compare(b"\0\1", b"\0\2", content_type=None).media == "binary"
    assert compare(b"plain", b"text", content_type=None).media == "text"


def test_charset_of_each_side_is_its_own():
    legacy = answer(b'{"a":"\xe9"}', "application/json; charset=iso-8859-1")
    new = answer('{"a":"é"}'.encode())
    comparison = comparer(("@header/content-type", "ignore")).compare(legacy, new, method="GET")
    assert [difference.path for difference in comparison.differences] == ["@header/content-type"]
    legacy = answer(b"caf\xe9", "text/plain; charset=latin1")
    new = answer("café".encode(), "text/plain; charset=utf-8")
    assert [one.path for one in comparer().compare(legacy, new, method="GET").differences] == ["@header/content-type"]
    assert shown(compare(b"\xff", "ÿ".encode(), content_type="text/plain; charset=utf-8").differences) == [
        'value /0 "\\\\xff" "\\u00ff"'
    ]


def test_charset_that_there_is_not_cannot_be_read():
    legacy = answer(b"x", "text/plain")
    new = answer(b"x", "text/plain; charset=rot13")
    lines = shown(comparer(("@header/content-type", "ignore")).compare(legacy, new, method="GET").unexplained)
    assert lines == ['undecodable @body null "charset: no charset is called rot13"']


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_answers_without_a_body_have_none_to_compare(method, status):
    legacy, new = answer(b"", status=status), answer(b"", status=status)
    comparison = comparer().compare(legacy, new, method=method)
    assert (comparison.verdict, comparison.media) == (Verdict.MATCH, "empty")


@pytest.mark.parametrize(
    ("legacy", "new", "lines"),
    [
        ([("cache-control", "no-store, Private")], [("cache-control", "private,no-store")], []),
        ([("cache-control", "no-store")], [], ['missing @header/cache-control "no-store" null']),
        ([], [("location", "/x")], ['extra @header/location null "/x"']),
        ([("location", "/x")], [("location", "/y")], ['value @header/location "/x" "/y"']),
        ([("date", "today"), ("server", "a")], [("date", "now"), ("server", "b")], []),
        ([("set-cookie", "a=1; Path=/; HttpOnly; SameSite=Lax")], [("set-cookie", "a=1;httponly;samesite=lax;path=/")], []),
        ([("set-cookie", "a=1; Path=/; Secure")], [("set-cookie", "a=2; Path=/x")],
         ['value @cookie/a/value "1" "2"', 'value @cookie/a/path "/" "/x"', 'missing @cookie/a/secure "" null']),
        ([("set-cookie", "a=1"), ("set-cookie", "b=1")], [("set-cookie", "b=1")],
         ['missing @cookie/a {"value": "1"} null']),
        ([("set-cookie", "a=1"), ("set-cookie", "a=2; Path=/x")], [("set-cookie", "a=1")],
         ['missing @cookie/a#2 {"value": "2", "path": "/x"} null']),
    ],
)  # fmt: skip
def test_chosen_headers_and_cookies_are_compared(legacy, new, lines):
    comparison = comparer().compare(
        answer({}, "application/json", *legacy), answer({}, "application/json", *new), method="GET"
    )
    assert shown(comparison.differences) == lines


def test_cookies_are_not_compared_where_that_is_off():
    legacy = answer({}, "application/json", ("set-cookie", "a=1"))
    assert comparer(cookies=False).compare(legacy, answer({}), method="GET").verdict is Verdict.MATCH


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("application/json", "Application/JSON; charset=UTF8", True),
        ("text/html; charset=latin1", 'text/html;charset="ISO-8859-1"', True),
        ("text/html; charset=utf-8", "text/html", False),
        ("text/plain; format=flowed; charset=utf-8", "text/plain; charset=utf-8; format=flowed", True),
        ("application/json; profile=a", "application/json; profile=b", False),
    ],
)  # fmt: skip
def test_content_types_are_compared_normalised(left, right, same):
    differences = comparer().compare(answer(b"", left), answer(b"", right), method="GET").differences
    assert [one.path for one in differences] == ([] if same else ["@header/content-type"])


def test_latency_is_compared_where_a_factor_is_given():
    slow = answer({}, total_s=0.5)
    assert comparer(latency_factor=2.0).compare(answer({}, total_s=0.3), slow, method="GET").verdict is Verdict.MATCH
    comparison = comparer(latency_factor=2.0).compare(answer({}, total_s=0.2), slow, method="GET")
    assert shown(comparison.differences) == ["value @latency 0.2 0.5"]
    quick = comparer(latency_factor=2.0).compare(answer({}, total_s=0.001), answer({}, total_s=0.009), method="GET")
    assert quick.verdict is Verdict.MATCH


def failed(error="connection_refused"):
    return Answer(FAILED, error=error)


@pytest.mark.parametrize(
    ("legacy", "new", "verdict", "reason", "lines"),
    [
        (answer({}), failed(), Verdict.NEW_FAILED, "connection_refused", ['type @status 200 "connection_refused"']),
        (failed(), answer({}), Verdict.LEGACY_FAILED, "connection_refused", ['type @status "connection_refused" 200']),
        (answer({}), answer({}, status=500), Verdict.NEW_FAILED, "500", ["value @status 200 500"]),
        (answer({}, status=503), answer({}), Verdict.LEGACY_FAILED, "503", ["value @status 503 200"]),
        (answer({}, status=500), answer({"a": 1}, status=500), Verdict.BOTH_FAILED_ALIKE, "500", []),
        (failed(), failed(), Verdict.BOTH_FAILED_ALIKE, "connection_refused", []),
        (answer({}, status=500), answer({}, status=502), Verdict.MISMATCH, "502", ["value @status 500 502"]),
        (failed("a"), failed("b"), Verdict.MISMATCH, "b", ['value @status "a" "b"']),
        (answer({}), answer({}, outcome=TIMED_OUT), Verdict.NOT_COMPARABLE, "timed_out", []),
        (answer({}, outcome=TOO_LARGE), answer({}), Verdict.NOT_COMPARABLE, "too_large", []),
        (answer({}, outcome=STREAMED), answer({}, outcome=UPGRADED), Verdict.NOT_COMPARABLE, "upgraded", []),
        (answer({}, status=404), answer({}, status=404), Verdict.MATCH, "", []),
        (answer({}), answer({}, status=404), Verdict.MISMATCH, "", ["value @status 200 404"]),
    ],
)  # fmt: skip
def test_verdict(legacy, new, verdict, reason, lines):
    comparison = comparer().compare(legacy, new, method="GET")
    assert (comparison.verdict, comparison.reason) == (verdict, reason)
    assert shown(comparison.differences) == lines


def test_rule_may_say_that_a_server_error_became_another_status():
    legacy, new = answer({"a": 1}, status=500), answer({"a": 2}, status=422)
    comparison = comparer(("@status", "map", {"500": 422})).compare(legacy, new, method="GET")
    assert comparison.verdict is Verdict.MISMATCH
    assert shown(comparison.unexplained) == ["value /a 1 2"]


ELEMENTS = b"<o><r><k>1</k><v>1</v></r><r><k>2</k><v>2</v></r></o>"
MOVED = b"<o><r><v>2</v><k>2</k></r><r><v>1</v><k>1</k></r></o>"


def test_the_order_of_children_of_different_names_is_explained_by_a_rule_for_their_element():
    within = ['order /o/0/r/0 ["k", "v"] ["v", "k"]', 'order /o/0/r/1 ["k", "v"] ["v", "k"]']
    among = "order /o/0/r [0, 1] [1, 0]"
    found = compare(ELEMENTS, MOVED, ("/o/*/r/*", "unordered"), content_type=XML)
    assert shown(found.differences) == [*(f"{one} (file:0)" for one in within), among]
    assert found.verdict is Verdict.MISMATCH
    both = (("/o/*/r", "unordered"), ("/o/*/r/*", "unordered"))
    assert compare(ELEMENTS, MOVED, *both, content_type=XML).verdict is Verdict.EXPLAINED


def test_the_rule_that_is_proposed_for_children_that_moved_explains_them():
    (difference,) = compare(b"<o><a/><b/></o>", b"<o><b/><a/></o>", content_type=XML).differences
    (explained,) = compare(
        b"<o><a/><b/></o>", b"<o><b/><a/></o>", (difference.pattern, "unordered"), content_type=XML
    ).differences
    assert explained.explained_by == "file:0"


def test_text_that_changed_makes_an_element_no_other_one():
    paragraphs = [f"<p>{text} <b>x</b> {text}</p>" for text in ("one", "two", "three")]
    legacy, new = "".join(paragraphs), "".join(["<p>twelve <b>x</b> twelve</p>", paragraphs[0], paragraphs[2]])
    found = compare(legacy.encode(), new.encode(), content_type="text/html")
    assert [one.kind for one in found.differences] == ["value", "order"]
