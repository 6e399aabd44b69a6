"""Which kinds of answers were compared and which never were: what an exchange counts as."""

from __future__ import annotations

import pytest

from routes.shadowing import CompareModel
from shadow.engine import Engine
from shadow.exchange import Answer, AskedRequest, Exchange

JSON = (("content-type", "application/json; charset=utf-8"),)
PDF = (("content-type", "application/pdf"),)
LINES = (("content-type", "application/x-ndjson"),)


def answer(body: bytes = b"{}", fields: tuple[tuple[str, str], ...] = JSON, **more: object) -> Answer:
    return Answer("complete", 200, fields, body, len(body), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("legacy", "new", "counted"),
    [
        (answer(), answer(), ("match", 2, "json")),
        (answer(b"x", PDF), answer(b"x", PDF), ("match", 2, "binary")),
        (Answer("too_large", 200, PDF, b"", 9_000_000), answer(b"x", PDF), ("not_comparable", 2, "binary")),
        (Answer("too_large", 404, LINES, b"", 9_000_000), answer(), ("not_comparable", 4, "json")),
        (Answer("streamed", 200, (("content-type", "text/event-stream"),)), answer(), ("not_comparable", 2, "text")),
        (Answer("timed_out"), answer(), ("not_comparable", 0, "")),
        (answer(b"", ()), answer(b"", ()), ("match", 2, "empty")),
    ],
)
def test_exchange_counts_as_what_legacy_answered(legacy: Answer, new: Answer, counted: tuple[str, int, str]) -> None:
    engine = Engine(b"0123456789abcdef", now=lambda: 1000.0)
    engine.install({"orders": CompareModel()}, {})
    tally = engine.take(Exchange("id", 999.0, "orders", "legacy", AskedRequest("GET", "/", "shop"), legacy, new)).tally
    assert (tally.verdict, tally.status, tally.media) == counted
