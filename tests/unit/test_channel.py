"""The channel between the supervisor and its processes, over a real socket pair."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import orjson
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from proxy.channel import FRAME_BYTES_MAX, OFFER_BYTES_MAX, Channel, Frame, open_channel
from support.waits import eventually


@dataclass
class End:
    """One end of a pair, and what it was told."""

    channel: Channel
    frames: list[Frame] = field(default_factory=list)
    closes: list[int] = field(default_factory=list)


async def make_end(sock: socket.socket) -> End:
    frames: list[Frame] = []
    closes: list[int] = []
    channel = await open_channel(sock, frames.append, lambda: closes.append(len(frames)))
    return End(channel, frames, closes)


@pytest_asyncio.fixture
async def pair() -> AsyncIterator[tuple[End, End]]:
    one, other = [await make_end(sock) for sock in socket.socketpair()]
    yield one, other
    one.channel.close()
    other.channel.close()
    await asyncio.sleep(0)


@pytest_asyncio.fixture
async def raw() -> AsyncIterator[tuple[End, socket.socket]]:
    """An end, and the bare socket of the other."""
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    end = await make_end(ours)
    yield end, theirs
    end.channel.close()
    theirs.close()
    await asyncio.sleep(0)


def framed(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


async def test_frames_arrive_whole_and_in_order_both_ways(pair: tuple[End, End]) -> None:
    one, other = pair
    for number in range(200):
        one.channel.send({"type": "table", "number": number, "padding": "x" * (number * 97)})
        other.channel.send({"type": "ack", "number": number})
    await eventually(lambda: len(other.frames) == len(one.frames) == 200)
    assert [frame["number"] for frame in other.frames] == list(range(200))
    assert [frame["number"] for frame in one.frames] == list(range(200))


async def test_end_is_reported_once_and_after_every_frame(pair: tuple[End, End]) -> None:
    one, other = pair
    for number in range(50):
        one.channel.send({"type": "ack", "version": number})
    one.channel.close()
    await eventually(lambda: other.closes)
    assert (len(other.frames), other.closes, one.closes) == (50, [50], [])
    assert other.channel.closed


async def test_offers_are_dropped_and_counted_when_nobody_reads_but_control_frames_are_not(
    raw: tuple[End, socket.socket],
) -> None:
    end, reader = raw
    offers = [end.channel.offer({"type": "snapshot", "padding": "x" * 100_000}) for _ in range(100)]
    assert end.channel.dropped == offers.count(False) > 0
    end.channel.send({"type": "ack", "version": 7})
    received = bytearray()

    async def everything() -> bool:
        try:
            while chunk := reader.recv(1 << 20):
                received.extend(chunk)
        except BlockingIOError:
            pass
        return b'"version":7' in received

    await eventually(everything)
    assert received.count(b'"snapshot"') == offers.count(True)
    assert len(received) < OFFER_BYTES_MAX + 1_000_000


async def test_offers_flow_again_when_the_reader_is_back(raw: tuple[End, socket.socket]) -> None:
    end, reader = raw
    while end.channel.offer({"type": "snapshot", "padding": "x" * 100_000}):
        pass

    async def accepted() -> bool:
        with contextlib.suppress(BlockingIOError):
            reader.recv(1 << 20)
        return end.channel.offer({"type": "snapshot"})

    await eventually(accepted)


@pytest.mark.parametrize(
    "content",
    [
        (FRAME_BYTES_MAX + 1).to_bytes(4, "big"),
        framed(b"no json"),
        framed(b"[1, 2]"),
        framed(b'{"no": "type"}'),
        framed(b'{"type": 7}'),
        framed(b""),
    ],
)
async def test_nonsense_ends_the_channel(raw: tuple[End, socket.socket], content: bytes) -> None:
    end, peer = raw
    peer.send(framed(b'{"type":"ack"}') + content)
    await eventually(lambda: end.closes)
    assert end.frames == [{"type": "ack"}]


async def test_frame_that_is_cut_off_is_not_delivered(raw: tuple[End, socket.socket]) -> None:
    end, peer = raw
    peer.send(framed(b'{"type":"ack"}')[:-3])
    peer.close()
    await eventually(lambda: end.closes)
    assert end.frames == []


async def test_too_large_a_frame_is_refused_at_its_sender(pair: tuple[End, End]) -> None:
    with pytest.raises(ValueError, match="more than"):
        pair[0].channel.send({"type": "table", "config": "x" * FRAME_BYTES_MAX})


async def test_sending_after_the_end_is_no_error(pair: tuple[End, End]) -> None:
    one, other = pair
    other.channel.close()
    await eventually(lambda: one.closes)
    one.channel.send({"type": "ack"})
    assert one.channel.offer({"type": "snapshot"}) is False


@given(frames=st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20)), max_size=6), data=st.data())
def test_any_split_of_the_bytes_gives_the_same_frames(frames: list[dict[str, str]], data: st.DataObject) -> None:
    wanted = [{**frame, "type": "any"} for frame in frames]
    stream = b"".join(framed(orjson.dumps(frame)) for frame in wanted)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    seen: list[Frame] = []
    channel = Channel(seen.append, lambda: None)
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        channel.data_received(stream[start:end])
    assert seen == wanted
