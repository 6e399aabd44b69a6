"""Secrets in free text: dumps of requests, escaped documents, credentials; and what hostile text costs."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest

from shadow.comparison import Difference, Kind
from shadow.errors import UndecodableError
from shadow.keeping.differing import redact_difference
from shadow.keeping.places import TOKEN_START
from shadow.keeping.redaction import Redaction, Redactor
from shadow.keeping.secrets import replace_secrets
from shadow.reading.hypertext import read_html
from shadow.reading.markup import read_xml

KEY = b"a key of the tests"
S = "s3CR3T"
J = '{"password": "a\\"s3CR3T"}'


def redaction(*redact: str) -> Redaction:
    return Redactor(KEY, redact).begin()


def shown(text: str) -> str:
    return replace_secrets(text, lambda _: TOKEN_START + "0" * 24)


@pytest.mark.parametrize(
    "text",
    [
        f"GET / HTTP/1.1\r\nHost: a\r\nCookie: theme={S}; session={S}; {S}\r\nAccept: */*\r\n",
        f"> cookie: a=b; c={S}",
        f"Set-Cookie: a={S}; Path=/; HttpOnly\nSet-Cookie: b={S}; Secure",
        f"{{'Cookie': 'a=b; c={S}', 'Host': 'x'}}",
        f"[('cookie', 'a=b; c={S}'), ('host', 'x')]",
        f'headers: {{"Cookie":"a=b; c={S}"}} and more',
        f'{{"said": "{{\\"Cookie\\": \\"a=b; c={S}\\"}}"',
        f"HTTP_COOKIE=a=b; c={S}",
        f"curl -H 'Cookie: a=b; c={S}' -H 'Accept: x' http://a/",
        f"Cookie: {S}",
        f'document.cookie = "a=b; c={S}"',
        f"cookie: a=b; c={S}\\r\\nhost: x",
        f'Authorization: Digest username="bob", realm="x", response="{S}"',
        f"Authorization: AWS4-HMAC-SHA256 Credential=AKIA/x, SignedHeaders=host, Signature={S}",
        f"authorization: {S} and {S}",
        f"Authorization: Token {S}",
        f"X-Forwarded-Authorization: custom x {S}",
        f"proxy-authorization => Basic YTpi {S}",
        f"Bearer\t{S}abcdef",
        f"Bearer\n {S}abcdef",
        f"Bearer\xa0{S}abcdef",
        f"Bearer%20{S}abcdef",
        f"bearer:{S}abcdef",
        f"Bearer {S}",
        f"token is Bearer 17|{S}abcdefgh",
        f'{{"password": "a\\"{S}"}}',
        json.dumps(json.dumps({"password": f'a"{S}'})),
        json.dumps(json.dumps(json.dumps({"password": f'a"b\\{S}'}))) + "…",
        f'request was {{"tokens": [{{"a": "x]"}}, {{"b": "{S}"}}]}} at 10',
        f'request was {{\\"tokens\\": [{{\\"a\\": \\"x]}}\\"}}, {{\\"b\\": \\"{S}\\"}}]}} at 10',
        f"password='a\\'{S}'",
        f"password=&quot;a&amp;{S}&quot;",
        f"filter=%7B%22password%22%3A%22{S}%22%7D",
        f"password := {S}",
        f"password == '{S}'",
        f"_token={S}",
        f"--password={S}",
        f"api key: {S}",
        f"the access token = {S}",
        f"com.{'x' * 100}.password={S}",
        f"postgres://app:p@{S}@db/shop",
        f"https://{S}@github.com/a/b",
        f"redis://:{S}{'y' * 300}@cache",
        f"see https://a/?code={'y' * 5000}{S}",
        f"card-4111111111111111 {TOKEN_START}",
        f"<password><![CDATA[a<b>{S}]]></password>",
        f"<ns:credentials a='{'y' * 600}'><user>bob</user><value>{S}</value></ns:credentials>",
        f"<token><token>a</token>{S}</token>",
        f"<token>{S}",
        f'<add key="password" value="{S}"/>',
        f'{{"name":"pin","required":true,"value":"{S}"',
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{'y' * 30_000}{S}\n-----END OPENSSH PRIVATE KEY-----",
        f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n{S}\n-----END PGP PRIVATE KEY BLOCK-----",
        f"-----BEGIN RSA PRIVATE KEY-----\\nProc-Type: 4,ENCRYPTED\\n{S}",
    ],
)
def test_a_secret_is_found_in_free_text(text):
    told = shown(text)
    assert S not in told
    assert "4111" not in told
    assert TOKEN_START in told
    assert shown(told).count(TOKEN_START) <= told.count(TOKEN_START)


@pytest.mark.parametrize(
    "text",
    [
        "the cookie jar is empty", "a basic understanding of bearers", "see <b>bold</b> and <a href='x'>y</a>",
        "12:30:45 GET /orders/17 200", "mailto:joe@mail.example", "git@github.com:a/b.git", "ssh://git@github.com/a/b.git",
        "C:\\Users\\joe\\file.txt", "1b9d6bcd-1111-4111-8111-111111111111", "the author: Jane", "key=value; a=b",
        "https://shop.example/items?page=2&sort=name#top", "Set the table, not the cookie", "a -> b", "x == y",
    ],
)  # fmt: skip
def test_ordinary_text_stays(text):
    assert shown(text) == text


def test_a_dump_of_a_request_keeps_what_is_no_secret():
    token = TOKEN_START + "0" * 24
    assert shown("GET /\r\nCookie: a=1; b=2\r\nHost: x") == f"GET /\r\nCookie: a={token}; b={token}\r\nHost: x"
    assert shown("Set-Cookie: a=1; Path=/; Max-Age=5; Secure") == f"Set-Cookie: a={token}; Path=/; Max-Age=5; Secure"
    assert shown("Authorization: Basic YTpiYzpk, next") == f"Authorization: Basic {token}"
    assert shown("-H 'Cookie: a=1' -H 'Accept: b'") == f"-H 'Cookie: a={token}' -H 'Accept: b'"


def test_a_document_inside_of_a_text_is_redacted_as_a_document():
    token = Redactor(KEY).token
    one = redaction("/payload/customer/name", "nickname")
    inner = {
        "customer": {"name": "Ann Smith"},
        "nickname": "annie",
        "inputs": [{"name": "pin", "value": "1234"}],
        "n": 1,
    }
    told = json.loads(one.document({"payload": json.dumps(inner)})["payload"])
    assert told == {
        "customer": {"name": token("Ann Smith")},
        "nickname": token("annie"),
        "inputs": [{"name": "pin", "value": token("1234")}],
        "n": 1,
    }
    twice = redaction().document({"payload": json.dumps({"x": json.dumps({"pin": 1234})})})
    assert "1234" not in json.dumps(twice)
    assert redaction().document({"payload": '{"a":  1.50}'}) == {"payload": '{"a":  1.50}'}


@pytest.mark.parametrize(
    "text", ['{"pin": "1234", "pin": null}', '{"a": {"pin": 1234}, "a": 1}', "[" * 100_000 + '"pin"' + "]" * 100_000]
)
def test_a_document_that_readers_take_differently_is_one_token(text):
    assert redaction().document(text).startswith(TOKEN_START)


def test_a_parameter_that_is_a_document_is_looked_into():
    one = redaction("nickname")
    for said in ('{"password": "hunter22"}', '{"nickname": "hunter22"}', '{"a": "token=hunter22"}'):
        for written in (quote(said), quote(said, safe=""), quote(quote(said))):
            if written == quote(quote(said)) and "nickname" in said:
                continue  # a name of the configuration, twice encoded: not looked for
            assert "hunter22" not in one.target(f"/a?filter={written}&page=2")
            assert one.target(f"/a?filter={written}&page=2").endswith("&page=2")
    assert one.target("/a?q=%7B%22a%22%3A1%7D&x=1%202+3") == "/a?q=%7B%22a%22%3A1%7D&x=1%202+3"


def test_names_of_parameters_that_are_secrets_are_hidden():
    target = redaction().target("/a?sk_live_4eC39HqLyjWDarjT1zdp7dc=1&joe%40mail.example=2&page=3")
    assert "sk_live" not in target
    assert "mail.example" not in target
    assert target.endswith("&page=3")


def test_what_stands_for_a_scheme_is_hidden_unless_it_is_one():
    fields = redaction().fields(
        (("authorization", "k3yk3yk3y rest"), ("proxy-authorization", "Basic dXNlcjpodW50ZXIyMg"))
    )
    assert "k3y" not in fields[0][1]
    assert fields[1][1].startswith("Basic ~hmac:")


def test_values_beyond_the_bound_of_echoes_are_still_hidden_in_differences():
    one = redaction()
    one.document({"inputs": [{"name": "pin", "value": f"pin{number:05}"} for number in range(2_000)]})
    difference = Difference("/inputs/1999/value", Kind.VALUE, "pin01999", "pin00007", "/inputs/*/value")
    assert redact_difference(one, difference)[2:4] == tuple(
        Redactor(KEY).token(pin) for pin in ("pin01999", "pin00007")
    )


def test_what_a_rules_function_said_of_a_secret_is_hidden():
    one = redaction("/customer/iban")
    said = Difference("@rule/file:0", Kind.VALUE, "/customer/iban", "ValueError: not a number: 1234", "@rule/file:0")
    assert redact_difference(one, said).new.startswith("ValueError: ~hmac:")
    inside = said._replace(legacy="/sessions/k3y/user")
    assert redact_difference(one, inside).legacy == "/sessions"
    plain = said._replace(legacy="/total")
    assert redact_difference(one, plain).new == "ValueError: not a number: 1234"


def test_all_values_of_a_name_that_stands_twice_are_redacted():
    one = redaction("/customer/iban")
    values = [{"iban": "DE00"}, {"iban": "DE11", "pin": 7}]
    told = redact_difference(one, Difference("/customer", Kind.DUPLICATE, values, None, "/customer"))
    token = Redactor(KEY).token
    assert told.legacy == [{"iban": token("DE00")}, {"iban": token("DE11"), "pin": token("7")}]


#: Eight times as much text may cost so many times more: linear is 8, quadratic 64.
_TIMES_MAX = 28
_SMALLEST_S = 0.002
_LARGE = 1 << 20


def assert_ratio(small: Callable[[], object], large: Callable[[], object]) -> None:
    """CPU time of eight times as much, in the best of three runs: other programs only make it look worse."""
    ratios = []
    while len(ratios) < 3:
        took_s = []
        for work in (small, large):
            began = time.process_time()
            work()
            took_s.append(time.process_time() - began)
        ratios.append(took_s[1] / max(took_s[0], _SMALLEST_S))
        if ratios[-1] < _TIMES_MAX:
            return
    pytest.fail(f"eight times as much takes {ratios} times as long")


def assert_linear(work: Callable[[str], object], piece: str) -> None:
    large = (piece * (_LARGE // len(piece) + 1))[:_LARGE]
    assert_ratio(lambda: work(large[: _LARGE // 8]), lambda: work(large))


PIECES = [
    "a", "a.", "_", "\\", '\\"', '\\\\"', "'", '"', "=", ":", "://", "://a:", "@", "%3D%3Da", "%22", "&quot;", "<", "<a ",
    "<a b='", "<token>", "</token>", "<token></token>", "<token><token></token>", "<token><![CDATA[", "<tokens>x</token>",
    "1", "1 ", "1-", "eyJ", "-eyJ", "eyJ.", "eyJaaaaaa.aaaaaa.", "bearer ", "bearer\t", "bearer aaaaaaaa", "basic basic",
    "password", "password=", "password: ", "password='", 'password="', 'password=\\"', "password={", 'password=[\\"',
    'password={"', "password=}{", "token=[", "token\\\\\\", "cookie", "cookie: ", "cookie:\n", "'cookie: a\n", "cookie='",
    "cookie\\\\\\", "cookie: \\", "set-cookie: a=b; ", "?cookie=a&", "authorization:", "authorization: a ",
    "-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "-", "a b ", "api key ", "api key: x ", "name='pin' ",
    "name='pin' value='", 'name=\\"pin\\" ', "?code=", "?code=a&", "{", "[", '{"a":', '["', '{"a":"{', "4111 1111 ", " ",
]  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
def test_hostile_text_takes_linear_time(piece):
    assert_linear(lambda text: redaction().text(text), piece)


@pytest.mark.parametrize(
    "make",
    [
        lambda n: "".join(f"<token{i}><token{i}></token{i}>" for i in range(n)),
        lambda n: "".join(f"<token{i}>" for i in range(n)) + "".join(f"</token{i}>" for i in range(n)),
        lambda n: "".join(f"token{i}='" for i in range(n)),
        lambda n: "".join(f"password{i}={{" for i in range(n)),
        lambda n: "\\" * n * 4 + '"' + "password={" + "\\" * n * 8,
        lambda n: "password=[" + '\\"' * n + "]" * n,
        lambda n: "cookie: " + "a=b;" * n,
        lambda n: "://" + "a:" * n + "@" + "://" * n,
    ],
)
def test_hostile_text_of_many_names_takes_linear_time(make):
    small, large = make(5_000), make(40_000)
    assert_ratio(lambda: shown(small), lambda: shown(large))


def _read(read: Callable[[object], object], text: object) -> None:
    with contextlib.suppress(UndecodableError):
        read(text)


ATTRIBUTES = " ".join(f"a{number}" for number in range(9_000))
PAGES = [
    f"<p x' y='> ' {ATTRIBUTES}>x</p>",
    f'<script><p x="</script><p y=">" {ATTRIBUTES}>x</p>',
    f'<!-- <p x=" --><p y=">" {ATTRIBUTES}>x</p>',
    f'<p ="> {ATTRIBUTES} ">x</p>',
    f"<p {ATTRIBUTES}>x</p>",
    f"<textarea><p x='</textarea><p y='>' {ATTRIBUTES}>",
    "<p a='<' " * 20,
    "<a '",
    "<a <",
    "<p a=>",
    "<b><i></b>",
    "<table><tr><td>",
    "&amp;",
    "&#1;",
    "<!--",
    "<![CDATA[",
    "<p x'y=\"'z=>",
]


@pytest.mark.parametrize("page", PAGES)
def test_hostile_pages_take_linear_time(page):
    assert_linear(lambda text: _read(read_html, text), page)


@pytest.mark.parametrize("start", ["<p x' y='> ' ", '<script><p x="</script><p y=">" ', '<!-- <p x=" --><p y=">" '])
def test_start_tag_that_quotes_hide_takes_linear_time(start):
    small, large = (start + " ".join(f"a{number}" for number in range(count)) + ">x</p>" for count in (1_100, 8_800))
    assert_ratio(lambda: _read(read_html, small), lambda: _read(read_html, large))


@pytest.mark.parametrize("page", ["<a b='1' ", "<a>", "<a xmlns:b='c'>", "<a b='<' ", "&amp;", "<?a ?>", "<![CDATA["])
def test_hostile_xml_takes_linear_time(page):
    assert_linear(lambda text: _read(read_xml, f"<x>{text}".encode()), page)


def test_the_same_text_is_looked_at_anew_where_paths_say_more_of_it():
    one = redaction("/payload/customer/name")
    text = '{"customer": {"name": "Ann Smith"}}'
    told = one.document({"note": text, "payload": text})
    assert told["note"] == text
    assert "Ann" not in told["payload"]
