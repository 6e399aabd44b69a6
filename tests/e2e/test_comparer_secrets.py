"""Secrets in every place of an exchange, through the real process: not one byte of them is in the database or the log."""

from __future__ import annotations

import contextlib
import gzip
import sqlite3
from collections.abc import Iterator
from hashlib import blake2b, md5, sha1, sha256
from pathlib import Path

import asyncpg
import orjson
import pytest
import zstandard

from shadow.exchange import AskedRequest, Exchange
from shadow.keeping.places import TOKEN_START
from shadow.keeping.secrets import is_card_number
from shadow.stream import Ack
from support.comparer_process import ComparerProcess, Stream, route
from support.exchanges import JSON, answer, exchange


class Secrets:
    """Makes secrets that stand nowhere else, and remembers them."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def __call__(self, place: str) -> str:
        return self._remember(f"zq{len(self.made):02}{place}zq")

    def number(self) -> str:
        return self._remember(f"73{len(self.made):05}91")

    def fraction(self) -> str:
        return self._remember(f"{len(self.made)}{len(self.made):03}7.6134")

    def card(self) -> str:
        start = f"45{len(self.made):013}"
        return self._remember(next(start + last for last in "0123456789" if is_card_number(int(start + last))))

    def jwt(self) -> str:
        return self._remember(f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln{len(self.made):04}")

    def opaque(self) -> str:
        return self._remember(f"sk_live_4eC39HqL{len(self.made):04}yjWDarj7T1zdp7dc")

    def _remember(self, secret: str) -> str:
        self.made.append(secret)
        return secret


def traces(secret: str) -> Iterator[bytes]:
    """What may not be stored of a secret: itself, and what whoever guesses it can find it by without the key."""
    raw = secret.encode()
    yield raw
    yield from (blake2b(raw, digest_size=size).hexdigest().encode() for size in (8, 16, 32))
    yield from (name(raw).hexdigest().encode() for name in (md5, sha1, sha256))


def typed(name: str, body: str | bytes, **more: object):
    data = body.encode() if isinstance(body, str) else body
    return answer(body=data, fields=(("content-type", name), *more.pop("fields", ())), **more)


def pairs(new: Secrets) -> Iterator[Exchange]:
    """Exchanges with secrets in every place, each with another answer of new."""
    yield from documents(new)
    yield from around(new)


def documents(new: Secrets) -> Iterator[Exchange]:
    def both(name: str, template: str, place: str, **more: object) -> Exchange:
        left, right = (typed(name, template.replace("SECRET", new(f"{place}{arm}"))) for arm in "ln")
        return exchange(left, right, **more)

    yield both("application/json", '{"user": {"Password": "SECRET"}}', "json")
    yield both("application/json", '{"pad": "x", "customer": {"name": "SECRET"}}', "path")
    yield both("application/json", '{"nickname": "SECRET"}', "name")
    yield both("application/json", '{"tokens": [{"deep": {"er": "SECRET"}}]}', "inside")
    yield both("application/json", '{"sessions": {"SECRET": {"user": 1}}}', "key")
    yield both("application/json", '{"said": "wrong password=SECRET"}', "prose")
    yield both("application/json", '{"said": "Bearer SECRET0"}', "bearer")
    yield both("application/json", '{"url": "https://a:SECRET@host/?access_token=SECRET"}', "url")
    yield both("application/json", '{"inputs": [{"name": "cvv", "value": "SECRET"}]}', "pairs")
    yield both("application/json", '{"token": "SECRET", broken', "broken")
    yield both("application/json", '{"customer": {"name": "SECRET"}, broken', "brokenpath")
    yield both("application/x-ndjson", '{"password": "SECRET"}\n{"b": 1}', "ndjson")
    yield both("application/xml", "<a><password>SECRET</password></a>", "xml")
    yield both("application/xml", '<a apiKey="SECRET"/>', "attribute")
    yield both("application/xml", "<a><password>SECRET</a>", "brokenxml")
    yield both("text/html", '<form><input type="hidden" name="csrf_token" value="SECRET"></form>', "hidden")
    yield both("text/html", "<script>var token = 'SECRET'</script>", "script")
    yield both("text/html", '<meta name="csrf-token" content="SECRET">', "meta")
    yield both("application/x-www-form-urlencoded", "a=1&password=SECRET", "form")
    yield both("text/plain", "login\npassword: SECRET\n", "text")
    yield both("text/plain", '{"password": "SECRET"}', "textjson")
    yield both("application/octet-stream", "password=SECRET", "bytes")
    yield both("application/octet-stream", "SECRET", "allbytes")
    file = '--x\r\nContent-Disposition: form-data; name="f"\r\nContent-Type: image/png\r\n\r\nSECRET\r\n--x--\r\n'
    yield both("multipart/form-data; boundary=x", file, "file")
    part = '--x\r\nContent-Disposition: form-data; name="password"\r\n\r\nSECRET\r\n--x--\r\n'
    yield both("multipart/form-data; boundary=x", part, "multipart")
    packed = [gzip.compress(orjson.dumps({"password": new(f"gzip{arm}")})) for arm in "ln"]
    yield exchange(*(typed("application/json", one, fields=(("content-encoding", "gzip"),)) for one in packed))
    plain = [orjson.dumps({"password": new(f"fakegzip{arm}")}) for arm in "ln"]
    yield exchange(*(typed("application/json", one, fields=(("content-encoding", "gzip"),)) for one in plain))
    yield exchange(typed("application/json", plain[0]), typed("application/json", plain[1][:-4]))


def around(new: Secrets) -> Iterator[Exchange]:
    fields = (
        ("authorization", f"Bearer {new('authorization')}"),
        ("proxy-authorization", f"Basic {new('proxy')}"),
        ("cookie", f"session={new('cookie')}; theme={new('theme')}"),
        ("x-api-key", new("header")),
        ("x-user", new("configured")),
        ("referer", f"http://shop.example/?token={new('referer')}"),
        ("content-type", "application/json"),
    )
    target = f"/orders/1?access_token={new('query')}&sig={new('sig')}&nickname={new('nick')}"
    body = orjson.dumps({"password": new("body"), "card": {"number": "4111 1111 1111 1111"}})
    request = AskedRequest("POST", target, "shop.example", fields=fields, body=body)
    left, right = (
        answer({"a": arm}, fields=(
            ("content-type", "application/json"),
            ("set-cookie", f"session={new(f'setcookie{arm}')}; Path=/"),
            ("location", f"/next?code={new(f'location{arm}')}"),
            ("x-auth-token", new(f"answerheader{arm}")),
        ))
        for arm in "ln"
    )  # fmt: skip
    yield exchange(left, right, request=request, again=left)
    echoed = new("echo")
    asked = AskedRequest("GET", "/orders/1", "shop.example", fields=(("authorization", f"Bearer {echoed}"),))
    yield exchange({"error": f"nobody has {echoed} here"}, {"error": f"{echoed}!", echoed: 1}, request=asked)
    form = AskedRequest("POST", "/orders", "h", fields=(("content-type", "application/x-www-form-urlencoded"),), body=f"user=a&password={new('sentform')}".encode())  # fmt: skip
    yield exchange({"a": 1}, {"a": 2}, request=form)
    failed = answer(body=b"", outcome="failed", status=0, error="connection_refused")
    yield exchange(typed("text/plain", f"stack trace: api_key={new('trace')}", status=500), failed)
    yield exchange({"a": {"password": new("sample")}}, {"a": {"password": "same"}}, identifier="id")


REDACT = ["nickname", "/customer/name", "@header/x-user"]


def noisy(new: Secrets) -> Iterator[Exchange]:
    """Secrets where legacy's answers differ from each other, so that noise learns of them: names, texts, numbers."""
    for template in (
        '{"user": {"password": "SECRET"}}',
        '{"nickname": "SECRET"}',
        '{"customer": {"name": "SECRET"}}',
        '{"sessions": {"SECRET": {"user": "SECRET"}}}',
        '{"sessions": {"SECRET": 1}, "said": "token=SECRET"}',
        '{"said": "Bearer SECRET"}',
        '{"wallet": {"pin": NUMBER}}',
        '{"customer": {"name": NUMBER}}',
        '{"customer": {"name": FRACTION}}',
        '{"order": {"number": CARD}}',
        '{"users": {"SECRET@mail.example": {"n": "SECRET@mail.example"}}, "password": "SECRET@mail.example"}',
        '{"keys": {"JWT": {"seen": 1}}}',
        '{"keys": {"OPAQUE": {"seen": 1}}}',
        '{"boxed": [{"OPAQUE": 1, "SECRET@mail.example": 2}]}',
        '{"password": "SECRET", "SECRET": {"n": 1}}',
        '{"password": "SECRET", "list": [{"SECRET": 1}]}',
        '{"a": 1, "password": "SECRET", "password": "SECRET"}',
        '{"customer": {"name": "SECRET"}, "customer": {"name": "SECRET"}}',
    ):
        yield from thrice("application/json", template, new)
    yield from thrice("application/xml", "<a password='SECRET'><pin>NUMBER</pin><nickname>SECRET</nickname></a>", new)
    yield from thrice("text/html", "<p>x</p><input name='csrf_token' value='SECRET'>", new)
    yield from thrice("application/x-www-form-urlencoded", "password=SECRET&nickname=SECRET&b=2", new)
    part = '--x\r\nContent-Disposition: form-data; name="pin"\r\n\r\nSECRET\r\n--x--\r\n'
    yield from thrice("multipart/form-data; boundary=x", part, new)
    yield from thrice("text/plain", "login\npassword: SECRET\nCookie: a=SECRET; b=SECRET\n", new)
    for name, value in (
        ("set-cookie", "session=SECRET; Path=/"),
        ("set-cookie", "SECRET"),
        ("set-cookie", "SECRET; Path=/; HttpOnly"),
        ("set-cookie", "OPAQUE=1; Path=/"),
        ("location", "/next?access_token=SECRET"),
        ("x-auth-token", "SECRET"),
    ):
        for _ in range(4):
            values = (fill(value, new) for _ in range(3))
            left, right, again = (answer({"a": 1}, fields=(*JSON, (name, one))) for one in values)
            yield exchange(left, right, again=again)
    # What the client sent, as a name and as a number of an answer.
    for _ in range(4):
        sent, number = new("sent"), new.number()
        request = AskedRequest("GET", f"/orders/1?access_token={number}", "h", fields=(("cookie", f"a={sent}"),))
        documents = (
            {"by": {sent: n}, "for": {sent + "x": n}, "n": [int(number), n], "m": int(number) + n * 0}
            for n in (1, 2, 3)
        )
        left, right, again = documents
        left["m"] = 3
        yield exchange(left, right, request=request, again=answer(again))


def fill(template: str, new: Secrets) -> str:
    for word, make in (
        ("SECRET", lambda: new("noise")), ("NUMBER", new.number), ("FRACTION", new.fraction), ("CARD", new.card),
        ("JWT", new.jwt), ("OPAQUE", new.opaque),
    ):  # fmt: skip
        template = template.replace(word, make()) if word in template else template
    return template


def thrice(name: str, template: str, new: Secrets) -> Iterator[Exchange]:
    """Four exchanges in which legacy, new and legacy again all say something else."""
    for _ in range(4):
        left, right, again = (typed(name, fill(template, new)) for _ in range(3))
        yield exchange(left, right, again=again)
        yield exchange(left, right)


def run(url: str, secrets: Secrets) -> str:
    """Put them through a comparer that is killed at the end; returns its log."""
    table = [route(compare={"redact": REDACT, "headers": ["location", "x-auth-token"]})]
    comparer = ComparerProcess(url, routes=table).start()
    try:
        with Stream(comparer.path) as stream:
            comparer.frame("ack")
            count = 0
            for one in pairs(secrets):
                count += 1
                verdicts = stream.batch([one])
                assert isinstance(verdicts, Ack)
                assert list(verdicts.verdicts["orders"]) != ["match"], one
            for one in noisy(secrets):
                verdicts = stream.batch([one])
                assert isinstance(verdicts, Ack)
        assert comparer.stop() == 0  # what was learned is written at the end
        comparer.start()
        comparer.frame("ack")
        with Stream(comparer.path, "1:two") as stream:
            stream.batch(list(noisy(secrets)))
        comparer.kill()
        assert count > 30
        return comparer.said()
    finally:
        comparer.close()


def assert_clean(stored: bytes, secrets: Secrets) -> None:
    assert not [(secret, trace) for secret in secrets.made for trace in traces(secret) if trace in stored]
    assert b"4111 1111 1111 1111" not in stored
    assert TOKEN_START.encode() in stored


def assert_learned(states: list[dict[str, object]]) -> None:
    """Noise was written, and something was learned at the places of secrets."""
    patterns = {key[0] for state in states for key in state["keys"]}
    assert {"/user/password", "/nickname", "/customer/name", "/wallet/pin", "@cookie/session/value"} <= patterns


def frames(raw: bytes) -> bytes:
    """Every zstd frame in some bytes, unpacked: the contents, wherever SQLite put them in one piece."""
    pieces, at = [], 0
    while (at := raw.find(b"\x28\xb5\x2f\xfd", at)) >= 0:
        with contextlib.suppress(zstandard.ZstdError):
            pieces.append(zstandard.ZstdDecompressor().decompressobj().decompress(raw[at:]))
        at += 4
    return b"\n".join(pieces)


def test_the_sqlite_file_and_its_log_hold_no_secret(tmp_path: Path):
    secrets = Secrets()
    said = run(f"sqlite:///{tmp_path / 'state.db'}", secrets)
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert files["state.db-wal"]
    raw = b"".join(files.values())
    contents = frames(raw)
    assert contents.count(b'"differences"') > 30
    with contextlib.closing(sqlite3.connect(tmp_path / "state.db")) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        dumped = "\n".join(str(row) for table in tables for row in connection.execute(f"SELECT * FROM {table}"))
        learned = [orjson.loads(state) for (state,) in connection.execute("SELECT state FROM shadow_noise")]
    assert_learned(learned)
    assert_clean(raw + contents + dumped.encode(), secrets)
    assert not [secret for secret in secrets.made if secret in said]


async def test_postgresql_holds_no_secret(postgresql_url: str):
    secrets = Secrets()
    run(postgresql_url, secrets)
    connection = await asyncpg.connect(postgresql_url)
    tables = [row["tablename"] for row in await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]  # fmt: skip
    dumped = [str(dict(row)) for table in tables for row in await connection.fetch(f"SELECT * FROM {table}")]
    contents = [zstandard.ZstdDecompressor().decompress(row["content"]) for row in await connection.fetch("SELECT content FROM shadow_contents")]  # fmt: skip
    learned = [orjson.loads(row["state"]) for row in await connection.fetch("SELECT state FROM shadow_noise")]
    await connection.close()
    assert len(contents) > 30
    assert_learned(learned)
    assert_clean("\n".join(dumped).encode() + b"\n".join(contents), secrets)


@pytest.mark.parametrize("place", ["body", "header", "query"])
def test_the_search_finds_what_is_there(place: str):
    """A test of the test: what is not redacted is found in the bytes that are searched."""
    secrets = Secrets()
    secret = secrets(place)
    packed = zstandard.ZstdCompressor(level=1).compress(b'{"x": "' + secret.encode() * 3 + b'"}' + TOKEN_START.encode())
    with pytest.raises(AssertionError):
        assert_clean(frames(b"page" + packed + b"page"), secrets)
