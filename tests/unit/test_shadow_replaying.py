"""What of a kept request is sent again, and what never is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shadow.errors import ReplayError
from shadow.keeping.places import TOKEN_START
from shadow.keeping.records import KeptAnswer, KeptRequest, Record
from shadow.replaying import plan_replay

TOKEN = TOKEN_START + "0123456789abcdef01234567"
ANSWER = KeptAnswer("complete", 200, (), 2, "", 0.01, 0.02, {})
REQUEST = KeptRequest(
    "GET", "/orders/7?full=1", "shop.example:8080", "https",
    (("accept", "application/json"), ("authorization", TOKEN), ("cookie", f"sid={TOKEN}; lang=en"),
     ("x-strangler-mirror", "1"), ("connection", "x"), ("if-none-match", '"1"')),
)  # fmt: skip
RECORD = Record(
    "id-1", 1000.0, "orders", "legacy", sandbox=False, verdict="mismatch", reason="", media="json",
    request=REQUEST, legacy=ANSWER, new=ANSWER,
)  # fmt: skip


def asked(**changes: object) -> Record:
    return replace(RECORD, request=replace(REQUEST, **changes))  # type: ignore[arg-type]


def test_secrets_are_left_out_and_named() -> None:
    replay = plan_replay(RECORD)
    assert (replay.method, replay.path, replay.query) == ("GET", "/orders/7", "full=1")
    assert replay.fields == (("accept", "application/json"),)
    assert replay.missing == ("authorization", "cookie")


def test_given_fields_take_the_place_of_what_is_missing() -> None:
    replay = plan_replay(RECORD, [("Authorization", "Bearer x"), ("Accept", "text/csv")])
    assert replay.fields == (("authorization", "Bearer x"), ("accept", "text/csv"))
    assert replay.missing == ("cookie",)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "get", "CONNECT", "BREW\u2615"])
def test_what_may_change_things_is_never_sent_again(method: str) -> None:
    with pytest.raises(ReplayError, match="may change things"):
        plan_replay(asked(method=method))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"target": f"/reset?token={TOKEN}"}, "has secrets"),
        ({"target": "/reset?token=%7Ehmac%3A0123456789abcdef01234567"}, "has secrets"),
        ({"target": "/" + "a" * 400 + "…"}, "too long"),
        ({"body_bytes": 4}, "had a body"),
    ],
)
def test_what_is_not_whole_is_not_sent_again(changes: dict[str, object], words: str) -> None:
    with pytest.raises(ReplayError, match=words):
        plan_replay(asked(**changes))


@pytest.mark.parametrize(
    "header",
    [("X-A", "one\r\nX-B: two"), ("", "x"), ("a b", "x"), ("a\n", "x\0"), ("Host", "x"), ("Content-Length", "5"),
     ("Transfer-Encoding", "chunked"), ("X-Strangler-Mirror", "0"), ("ä", "x")],
)  # fmt: skip
def test_given_fields_that_would_be_something_else_are_refused(header: tuple[str, str]) -> None:
    with pytest.raises(ReplayError):
        plan_replay(RECORD, [header])


def test_number_of_given_fields_is_bounded() -> None:
    with pytest.raises(ReplayError, match="at most"):
        plan_replay(RECORD, [(f"x-{number}", "1") for number in range(51)])
