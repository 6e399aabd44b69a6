"""What is stored holds no secret: names, paths, texts that look like one, and echoes of what was hidden elsewhere."""

from __future__ import annotations

import time

import orjson
import pytest

from shadow.comparison import Difference, Kind
from shadow.keeping.differing import redact_difference
from shadow.keeping.places import TOKEN_START
from shadow.keeping.redaction import DEPTH_MAX, Redaction, Redactor
from shadow.keeping.secretnames import is_secret
from shadow.keeping.secrets import replace_secrets

KEY = b"a key of the tests"


def redaction(*redact: str) -> Redaction:
    return Redactor(KEY, redact).begin()


@pytest.mark.parametrize(
    "name",
    [
        "password", "Password", "userPassword", "user_password", "passwd", "PWD", "apiKey", "API-Key", "x-api-key",
        "accessToken", "refresh_token", "X-Auth-Token", "client_secret", "cardNumber", "credit_card", "cvv", "PIN",
        "sessionId", "JSESSIONID", "csrf-token", "X-XSRF-TOKEN", "ssn", "iban", "{urn:x}Password", "wsse:Password", "@password",
        "authorization", "privateKey", "X-Amz-Signature",
    ],
)  # fmt: skip
def test_names_of_secrets_are_known_however_they_are_written(name):
    assert is_secret(name)


@pytest.mark.parametrize("name", ["name", "compass", "spinner", "author", "id", "keyboard", "total", "{http://token.example/}name", "www-authenticate"])  # fmt: skip
def test_names_that_only_look_alike_are_not(name):
    assert not is_secret(name)


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("login failed: password=hunter22, try again", "hunter22"),
        ('{"password": "hunter22"}', "hunter22"),
        ('{\\"password\\": \\"hunter22\\"}', "hunter22"),
        ("password: 'hunter 22'", "hunter 22"),
        ("redirect=%2Fx%3Ftoken%3Dhunter22", "hunter22"),
        ("Authorization: Bearer abc.DEF-123", "abc.DEF-123"),
        ("see eyJhbGciOi.eyJzdWIiOiIx.c2lnbmF0dXJl here", "eyJzdWIiOiIx"),
        ("postgres://app:hunter22@db/shop", "hunter22"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----", "MIIEow"),
        ("card 4111 1111 1111 1111 was declined", "4111 1111 1111 1111"),
    ],
)
def test_texts_that_look_like_secrets_are_replaced(text, secret):
    cleaned = replace_secrets(text, lambda _: TOKEN_START)
    assert secret not in cleaned
    assert TOKEN_START in cleaned


@pytest.mark.parametrize("text", ["a basic understanding", "order 1234567890123456 at 10:30", "key=value", "https://shop.example/a?b=c"])  # fmt: skip
def test_ordinary_texts_stay(text):
    assert replace_secrets(text, lambda _: TOKEN_START) == text


def test_hostile_texts_take_linear_time():
    began = time.process_time()
    for piece in (
        "a",
        "a.",
        "password",
        "eyJ",
        "1 ",
        "://a:",
        "-----BEGIN PRIVATE KEY-----",
        '\\"',
        "bearer ",
        "token=",
        "%3D%3Da",
    ):
        replace_secrets((piece * 200_000)[:400_000], lambda _: TOKEN_START)
    assert time.process_time() - began < 4


def test_equal_values_have_equal_tokens_and_other_keys_give_others():
    assert Redactor(KEY).token("x") == Redactor(KEY).token("x") != Redactor(KEY).token("y")
    assert Redactor(KEY).token("x") != Redactor(b"another key of tests").token("x")


def test_headers_keep_the_names_of_cookies_and_the_scheme_of_credentials():
    fields = redaction().fields(
        (
            ("authorization", "Basic dXNlcjpodW50ZXIyMg=="),
            ("cookie", "theme=dark; session=s3cr3t"),
            ("set-cookie", "session=s3cr3t; Path=/; HttpOnly"),
            ("x-api-key", "k3y"),
            ("location", "/next?token=t0ken&page=2"),
            ("content-type", "text/html; charset=utf-8"),
        )
    )
    token = Redactor(KEY).token
    assert fields == (
        ("authorization", f"Basic {token('dXNlcjpodW50ZXIyMg==')}"),
        ("cookie", f"theme={token('dark')}; session={token('s3cr3t')}"),
        ("set-cookie", f"session={token('s3cr3t')}; Path=/; HttpOnly"),
        ("x-api-key", token("k3y")),
        ("location", f"/next?token={token('t0ken')}&page=2"),
        ("content-type", "text/html; charset=utf-8"),
    )


def test_a_password_of_basic_credentials_is_hidden_wherever_it_is_echoed():
    one = redaction()
    one.fields((("authorization", "Basic dXNlcjpodW50ZXIyMg=="),))
    assert "hunter22" not in one.scrub_text("no user has the password hunter22!")


def test_parameters_of_secret_names_become_tokens():
    one = redaction("nickname")
    token = Redactor(KEY).token
    assert one.target("/a?access_token=s%20x&page=1&code=abc&nickname=joe") == (
        f"/a?access_token={token('s x')}&page=1&code={token('abc')}&nickname={token('joe')}"
    )


def test_documents_are_redacted_by_name_and_by_exact_path():
    token = Redactor(KEY).token
    document = {
        "items": [{"price": 3, "name": "x"}],
        "price": 4,
        "user": {"Password": "p", "mail": "m", "tokens": ["a", {"b": "c"}]},
        "inputs": [{"name": "csrf_token", "value": "v"}, {"name": "size", "value": "w"}],
        "passwordless": None,
    }
    cleaned = redaction("/items/*/price", "mail").document(document)
    assert cleaned == {
        "items": [{"price": token("3"), "name": "x"}],
        "price": 4,
        "user": {"Password": token("p"), "mail": token("m"), "tokens": token(["a", {"b": "c"}])},
        "inputs": [{"name": "csrf_token", "value": token("v")}, {"name": "size", "value": "w"}],
        "passwordless": None,
    }


def test_a_document_deeper_than_the_bound_becomes_a_token_there():
    document = secret = {"x": "here"}
    for _ in range(DEPTH_MAX + 50):
        document = {"x": document}
    cleaned = orjson.dumps(redaction().document(document))
    assert secret["x"].encode() not in cleaned


def test_a_difference_inside_of_something_secret_ends_there():
    one = redaction("/card")
    token = Redactor(KEY).token
    inside = Difference("/sessions/s3cr3tkey/user", Kind.VALUE, "a", "b", "/sessions/s3cr3tkey/user")
    assert redact_difference(one, inside)[:5] == ("/sessions", Kind.VALUE, token("a"), token("b"), "/sessions")
    assert redact_difference(one, Difference("/card/x", Kind.EXTRA, None, 7, "/card/x"))[2:4] == (None, token("7"))
    header = Difference("@header/x-api-key", Kind.VALUE, "a", "b", "@header/x-api-key")
    assert redact_difference(one, header)[2:4] == (token("a"), token("b"))
    cookie = Difference("@cookie/session/value", Kind.VALUE, "a", "b", "@cookie/session/value")
    assert redact_difference(one, cookie)[2:4] == (token("a"), token("b"))
    path = Difference("@cookie/session/path", Kind.VALUE, "/", "/a", "@cookie/session/path")
    assert redact_difference(one, path)[2:4] == ("/", "/a")


def test_a_short_value_that_its_neighbour_makes_secret_is_hidden_in_differences_too():
    one = redaction()
    one.document({"@name": "pin", "@value": "1234"})
    difference = Difference("/@value", Kind.VALUE, "1234", "5678", "/@value")
    assert redact_difference(one, difference).legacy == Redactor(KEY).token("1234")


def test_what_was_hidden_is_found_elsewhere_however_it_is_written():
    one = redaction()
    one.fields((("x-api-key", 'a "quoted" & key'),))
    kept = {"said": 'no such key: a "quoted" & key', "url": "/x?y=a%20%22quoted%22%20%26%20key", "n": 1}
    assert one.echoes(orjson.dumps(kept))
    assert "quoted" not in orjson.dumps(one.scrub(kept)).decode()


def test_halves_of_characters_and_huge_numbers_do_no_harm():
    one = redaction("/big")
    cleaned = one.document({"password": "\ud800", "big": 10**40, "token": {"x": "\udfff", "y": 10**30}})
    assert all(value.startswith(TOKEN_START) for value in cleaned.values())
    assert not one.echoes(b"{}")


@pytest.mark.parametrize(
    "text",
    [
        "card 4111111111111111.",
        "<ns:login><ns:password a='1'>hunter22</ns:password></ns:login>",
        '{"password": ["hunter22","hunter22"]}',
        '{"credentials": {"user":"bob","value":"hunter22"}}',
        "'password' => 'hunter22'",
        "password=&quot;hunter22&quot;",
        f'password="{"A" * 5000}hunter22"',
        f"Bearer {'A1' * 3000}hunter22",
        f"x-eyJ{'a' * 9000}.{'b' * 9000}.hunter22",
    ],
)
def test_secret_in_a_text_is_hidden_to_its_end(text):
    shown = replace_secrets(text, lambda _: "~hmac:t")
    assert "hunter22" not in shown
    assert "4111" not in shown
    assert "~hmac:t" in shown


def test_beginnings_of_jwts_without_an_end_take_linear_time():
    began = time.perf_counter()
    replace_secrets("-eyJ" * 500_000, lambda _: "~hmac:t")
    assert time.perf_counter() - began < 2.0
