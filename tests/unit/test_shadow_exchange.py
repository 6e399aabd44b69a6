"""An exchange as one message and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.errors import MalformedExchangeError
from shadow.exchange import OUTCOMES, Answer, AskedRequest, Exchange, decode, encode

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
fields = st.lists(st.tuples(texts, texts), max_size=3).map(tuple)
seconds = st.floats(0, 1e9)
answers = st.builds(
    Answer, st.sampled_from(OUTCOMES), st.integers(0, 999), fields, st.binary(max_size=20), st.integers(0, 2**40), texts,
    seconds, seconds,
)  # fmt: skip
requests = st.builds(AskedRequest, texts, texts, texts, texts, fields, st.binary(max_size=20))
exchanges = st.builds(
    Exchange, texts, seconds, texts, st.sampled_from(["legacy", "new"]), requests, answers, answers,
    st.none() | answers, st.booleans(), st.booleans(),
)  # fmt: skip


@given(exchanges)
def test_what_is_sent_is_what_arrives(exchange):
    assert decode(b"".join(encode(exchange))) == exchange


@given(exchanges, st.data())
def test_message_that_is_cut_is_refused(exchange, data):
    message = b"".join(encode(exchange))
    with pytest.raises(MalformedExchangeError):
        decode(message[: data.draw(st.integers(0, len(message) - 1))])


@given(st.binary(max_size=40))
def test_any_bytes_are_an_exchange_or_refused(message):
    try:
        decode(message)
    except MalformedExchangeError:
        return


def test_bytes_after_the_last_body_are_refused():
    message = b"".join(
        encode(
            Exchange("1", 0.0, "orders", "legacy", AskedRequest("GET", "/", "h"), Answer("complete"), Answer("failed"))
        )
    )
    with pytest.raises(MalformedExchangeError, match="bodies end at byte"):
        decode(message + b"x")


def test_field_is_found_by_name():
    answer = Answer("complete", 200, (("a", "1"), ("b", "2"), ("a", "3")))
    assert answer.field("a") == "1"
    assert answer.field("c") is None
