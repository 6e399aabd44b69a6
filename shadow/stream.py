"""How exchanges travel from a worker to the comparer: frames on a unix stream socket, as pure values.

```
worker   ── hello   ─────────────────────────────────► comparer   which stream this is
         ◄─ welcome ──────────────────────────────────            it is read from now on
         ── batch 7 ─────────────────────────────────►            exchanges
         ◄─ ack 7, verdicts, unsettled  │  nack 7, reason ─         they are stored  │  they are not, and never will be
```
Stop and wait: there is no batch 8 before batch 7 is answered. Where the connection ends first, the worker connects
again and sends batch 7 again, with the same bytes. The comparer keeps the number of the last batch of each stream in
the same transaction as what it made of it, so that it answers a batch that it has already from there: nothing is
counted twice, and nothing that was acknowledged is lost.

A stream belongs to one worker process: `<worker number>:<uuid>`. Numbers of batches start at 1.

A frame is four bytes of length, one byte that says which kind it is, and the rest of as many bytes as the length says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import orjson

from shadow.errors import MalformedFrameError

#: Of this description; a comparer refuses a worker that speaks another. 2: an ack names what is unsettled.
VERSION: Final = 2
#: Longest frame: one exchange of the longest bodies that can be configured is shorter.
FRAME_BYTES_MAX: Final = 128 << 20
#: A batch is closed at so many exchanges, or when the next one would make it longer than so many bytes.
BATCH_EXCHANGES_MAX: Final = 256
BATCH_BYTES_MAX: Final = 2 << 20
#: Longest name of a stream.
STREAM_CHARACTERS_MAX: Final = 128

#: Reasons of a nack.
STORE: Final = "store"  # the database cannot be written, such as a full disk
MALFORMED: Final = "malformed"  # what came is no batch of exchanges
NACK_REASONS: Final = (STORE, MALFORMED)

_LENGTH_BYTES: Final = 4
_SEQ_BYTES: Final = 8
_HELLO, _WELCOME, _BATCH, _ACK, _NACK = b"h", b"w", b"b", b"a", b"n"

#: route -> verdict -> how many exchanges of the batch.
Verdicts = Mapping[str, Mapping[str, int]]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Hello:
    """The first frame of a worker.

    Attributes:
        stream: `<worker number>:<uuid>`, the same for every connection of one worker process.
        version: of the frames that it speaks.
    """

    stream: str
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class Welcome:
    """The comparer's answer to `Hello`: batches may come."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Exchanges of one stream.

    Attributes:
        seq: 1 for the first batch of the stream, then one more for each.
        messages: each is one exchange for `shadow.exchange.decode`.
    """

    seq: int
    messages: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Ack:
    """A batch was compared and what came of it is stored for good.

    Attributes:
        seq: its number.
        verdicts: route -> verdict -> count; empty where the comparer had it already and no longer knows.
        unsettled: of these routes, those on which asking legacy a second time more often would settle whether a
            difference is noise (`RouteNoise.wants_second_asks`). It holds until an ack has the route again.
    """

    seq: int
    verdicts: Verdicts = field(default_factory=dict)
    unsettled: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Nack:
    """A batch is lost, and must not be sent again.

    Attributes:
        seq: its number.
        reason: one of `NACK_REASONS`.
    """

    seq: int
    reason: str


Frame = Hello | Welcome | Batch | Ack | Nack


def encode(frame: Frame) -> bytes:
    """A frame as bytes.

    Raises:
        MalformedFrameError: it would be longer than `FRAME_BYTES_MAX`.
    """
    match frame:
        case Hello(stream, version):
            return _framed(_HELLO, orjson.dumps([version, stream]))
        case Welcome():
            return _framed(_WELCOME, b"")
        case Batch(seq, messages):
            return b"".join(encode_batch(seq, [(message,) for message in messages]))
        case Ack(seq, verdicts, unsettled):
            return _framed(_ACK, orjson.dumps([seq, verdicts, sorted(unsettled)]))
        case Nack(seq, reason):
            return _framed(_NACK, orjson.dumps([seq, reason]))


def encode_batch(seq: int, messages: Iterable[Sequence[bytes | memoryview]]) -> list[bytes | memoryview]:
    """A batch as pieces for `writelines`, so that no body is copied.

    Args:
        seq: number of the batch.
        messages: the pieces of each, as `shadow.exchange.encode` gives them.

    Raises:
        MalformedFrameError: it would be longer than `FRAME_BYTES_MAX`.
    """
    pieces: list[bytes | memoryview] = [b""]
    total = len(_BATCH) + _SEQ_BYTES
    for message in messages:
        size = sum(map(len, message))
        pieces.append(size.to_bytes(_LENGTH_BYTES, "big"))
        pieces += message
        total += _LENGTH_BYTES + size
    if total > FRAME_BYTES_MAX:
        raise MalformedFrameError(f"a batch of {total} bytes is longer than {FRAME_BYTES_MAX}")
    pieces[0] = total.to_bytes(_LENGTH_BYTES, "big") + _BATCH + seq.to_bytes(_SEQ_BYTES, "big")
    return pieces


class FrameReader:
    """Cuts a stream of bytes into frames; keeps what is not whole yet, at most one frame."""

    __slots__ = ("_received",)

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, data: bytes | memoryview) -> list[Frame]:
        """Take what came; the frames that are whole now, in order.

        Raises:
            MalformedFrameError: what came is no frame; nothing after it can be read.
        """
        received = self._received
        received += data
        frames: list[Frame] = []
        at = 0
        while len(received) - at >= _LENGTH_BYTES:
            size = int.from_bytes(received[at : at + _LENGTH_BYTES], "big")
            if not 1 <= size <= FRAME_BYTES_MAX:
                raise MalformedFrameError(f"a frame says that it has {size} bytes")
            end = at + _LENGTH_BYTES + size
            if end > len(received):
                break
            frames.append(_decode(bytes(memoryview(received)[at + _LENGTH_BYTES : end])))
            at = end
        if at:
            del received[:at]
        return frames


def _framed(kind: bytes, payload: bytes) -> bytes:
    size = len(kind) + len(payload)
    if size > FRAME_BYTES_MAX:
        raise MalformedFrameError(f"a frame of {size} bytes is longer than {FRAME_BYTES_MAX}")
    return b"%b%b%b" % (size.to_bytes(_LENGTH_BYTES, "big"), kind, payload)


def _decode(frame: bytes) -> Frame:
    kind, payload = frame[:1], frame[1:]
    if kind == _BATCH:
        return _decode_batch(payload)
    if kind == _WELCOME and not payload:
        return Welcome()
    if kind not in {_HELLO, _ACK, _NACK}:
        raise MalformedFrameError(f"there is no frame of kind {kind!r}")
    try:
        first, second, *more = orjson.loads(payload)
    except (ValueError, TypeError) as error:
        raise MalformedFrameError(f"a frame of kind {kind!r} is not what it must be: {error}") from error
    if len(more) != (kind == _ACK):
        raise MalformedFrameError(f"a frame of kind {kind!r} has {2 + len(more)} parts")
    number = _expect(first, int)
    if kind == _HELLO:
        stream = _expect(second, str)
        if not 0 < len(stream) <= STREAM_CHARACTERS_MAX:
            raise MalformedFrameError("the name of a stream is empty or too long")
        return Hello(stream, number)
    if kind == _NACK:
        return Nack(number, _expect(second, str))
    verdicts = _verdicts(second)
    return Ack(number, verdicts, _unsettled(more[0], verdicts))


def _decode_batch(payload: bytes) -> Batch:
    messages = []
    at, size = _SEQ_BYTES, len(payload)
    while at < size:
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(payload[at:start], "big")
        messages.append(payload[start:at])
    if at != size:
        raise MalformedFrameError(f"the messages of a batch end at byte {at} of {size}")
    return Batch(int.from_bytes(payload[:_SEQ_BYTES], "big"), tuple(messages))


def _verdicts(given: Any) -> dict[str, dict[str, int]]:
    routes = _expect(given, dict)
    if len(routes) > BATCH_EXCHANGES_MAX:
        raise MalformedFrameError(f"an ack of {len(routes)} routes, and a batch has {BATCH_EXCHANGES_MAX} exchanges")
    return {
        route: {verdict: _expect(count, int) for verdict, count in _expect(counts, dict).items()}
        for route, counts in routes.items()
    }


def _unsettled(given: Any, verdicts: Verdicts) -> frozenset[str]:
    """Names of routes that the ack has: so there are never more of them than exchanges."""
    names = [_expect(name, str) for name in _expect(given, list)]
    unsettled = frozenset(names)
    if len(names) != len(unsettled) or not unsettled <= verdicts.keys():
        raise MalformedFrameError("an ack names a route twice, or one that it does not have")
    return unsettled


def _expect(value: Any, kind: type[T]) -> T:
    if not isinstance(value, kind):
        raise MalformedFrameError(f"{type(value).__name__} where {kind.__name__} is expected")
    return value
