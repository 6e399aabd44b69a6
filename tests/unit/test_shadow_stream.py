"""The frames between worker and comparer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.errors import MalformedFrameError
from shadow.exchange import Answer, AskedRequest, Exchange, decode
from shadow.exchange import encode as encode_exchange
from shadow.stream import FRAME_BYTES_MAX, Ack, Batch, FrameReader, Hello, Nack, Welcome, encode, encode_batch

words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
numbers = st.integers(0, 2**63 - 1)


@st.composite
def acks(draw: st.DrawFn) -> Ack:
    verdicts = draw(st.dictionaries(words, st.dictionaries(words, numbers, max_size=2), max_size=3))
    unsettled = draw(st.sets(st.sampled_from(sorted(verdicts)))) if verdicts else ()
    return Ack(draw(numbers), verdicts, frozenset(unsettled))


frames = st.one_of(
    st.builds(Hello, words, numbers),
    st.builds(Welcome),
    st.builds(Batch, numbers, st.lists(st.binary(max_size=20), max_size=4).map(tuple)),
    acks(),
    st.builds(Nack, numbers, words),
)


@given(st.lists(frames, max_size=4), st.data())
def test_frames_are_the_same_however_their_bytes_are_split(sent, data):
    stream = b"".join(map(encode, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    reader = FrameReader()
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert [frame for piece in pieces for frame in reader.feed(piece)] == sent


@given(st.binary(max_size=60))
def test_any_bytes_are_frames_or_refused(data):
    reader = FrameReader()
    try:
        reader.feed(data)
    except MalformedFrameError:
        return


def test_exchanges_of_a_batch_arrive_without_their_bodies_being_joined_first():
    exchanges = [
        Exchange(str(n), 1.5, "orders", "legacy", AskedRequest("GET", "/", "h"), Answer("complete", 200, (), body), Answer("failed"))
        for n, body in enumerate([b"", b"one", b"x" * 5000])
    ]  # fmt: skip
    pieces = encode_batch(7, [encode_exchange(exchange) for exchange in exchanges])
    [batch] = FrameReader().feed(b"".join(pieces))
    assert isinstance(batch, Batch)
    assert batch.seq == 7
    assert [decode(message) for message in batch.messages] == exchanges


def test_frame_that_is_too_long_is_refused_before_it_has_come():
    with pytest.raises(MalformedFrameError, match="says that it has"):
        FrameReader().feed((FRAME_BYTES_MAX + 1).to_bytes(4, "big"))


def test_batch_that_is_too_long_is_not_made():
    piece = memoryview(bytes(FRAME_BYTES_MAX // 2))
    with pytest.raises(MalformedFrameError, match="longer than"):
        encode_batch(1, [[piece], [piece]])


@pytest.mark.parametrize(
    "payload",
    [
        *(b"a[1]", b"a[1,2]", b'a[1,{"r":3},[]]', b"a{}", b'h[1,""]', b'h[1,"0:x",[]]', b'n["1","store"]', b"x", b"w1"),
        b"b\0\0\0\0\0\0\0\1\0\0",
        *(b'a[1,{"r":{}}]', b'a[1,{"r":{}},"r"]', b'a[1,{"r":{}},[1]]', b'a[1,{"r":{}},["r","r"]]', b'a[1,{},["r"]]'),
        b'a[1,{"r":{}},["r"],1]',
        b"a[1,{%b},[]]" % b",".join(b'"%d":{}' % number for number in range(257)),
    ],
)
def test_frame_with_the_wrong_content_is_refused(payload):
    with pytest.raises(MalformedFrameError):
        FrameReader().feed(len(payload).to_bytes(4, "big") + payload)
