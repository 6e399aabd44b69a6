"""One arm's answer while it comes: its head, the pieces of its body up to a bound, and when they came."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from shadow.exchange import COMPLETE, NOT_ASKED, STREAMED, TOO_LARGE

if TYPE_CHECKING:
    from proxy.hop.response import Response

#: Of a body that is too large so much is kept, so that a person sees what it was.
BEGINNING_BYTES_MAX: Final = 4096

#: What all captures of a worker may hold together.
HELD_BYTES_MAX: Final = 64 << 20
#: Outcome of a capture that was given up since there was no memory left; it never leaves the worker.
STARVED: Final = "starved"

_NOTHING: Final[list[bytes | memoryview]] = []

#: Media types that may go on for ever.
_STREAMS: Final = (b"text/event-stream", b"multipart/x-mixed-replace")


class Memory:
    """What all captures of a worker hold together.

    Attributes:
        held_bytes: now.
        bytes_max: with as much, nothing more is captured.
    """

    __slots__ = ("bytes_max", "held_bytes")

    def __init__(self, bytes_max: int = HELD_BYTES_MAX) -> None:
        self.held_bytes = 0
        self.bytes_max = bytes_max

    @property
    def full(self) -> bool:
        """Whether nothing more may be captured."""
        return self.held_bytes >= self.bytes_max


class Capture:
    """What one arm answered, so far.

    Attributes:
        outcome: one of `shadow.exchange.OUTCOMES`; `NOT_ASKED` until there is another.
        response: the head, None where there is none.
        pieces: of the body, as they came; without chunks.
        kept_bytes: of all of them.
        body_bytes: of the body as far as it came, also where it is not kept.
        error: Proxy-Status error type of a failure, else "".
        sent_s: monotonic time at which the request was sent, 0.0 before.
        first_byte_s: monotonic time of the head, 0.0 before.
        ended_s: monotonic time of the end, whatever it was.
    """

    __slots__ = (
        *("_bytes_max", "_memory", "body_bytes", "ended_s", "error", "first_byte_s", "kept_bytes", "outcome", "pieces"),
        *("response", "sent_s"),
    )

    def __init__(self, memory: Memory, bytes_max: int) -> None:
        self._memory = memory
        self._bytes_max = bytes_max
        self.outcome = NOT_ASKED
        self.response: Response | None = None
        self.pieces: list[bytes | memoryview] = _NOTHING
        self.kept_bytes = self.body_bytes = 0
        self.error = ""
        self.sent_s = self.first_byte_s = self.ended_s = 0.0

    def keep_head(self, response: Response, data: bytes | memoryview) -> None:
        """The head, and what came with it of the body."""
        self.first_byte_s = monotonic()
        self.response = response
        self.outcome = COMPLETE
        stream = response.stream
        memory = self._memory
        size = len(data)
        if stream is False and 0 < size == response.length <= self._bytes_max <= memory.bytes_max - memory.held_bytes:
            self.pieces = [data]  # by far the most common: a small body comes with its head
            self.kept_bytes = self.body_bytes = size
            memory.held_bytes += size
        elif response.length > self._bytes_max:
            self.outcome = TOO_LARGE
            self.body_bytes = response.length
            self._keep_beginning(data)
        elif stream or (stream is None and is_stream(response)):
            self.outcome = STREAMED
        elif data:
            self.keep(data)

    def keep(self, data: bytes | memoryview) -> None:
        """A piece of the body."""
        if self.outcome != COMPLETE:
            if self.response is not None and self.response.length < 0:
                self.body_bytes += len(data)
            return
        size = len(data)
        self.body_bytes += size
        if self.body_bytes > self._bytes_max:
            self.outcome = TOO_LARGE
            first = self.pieces[0] if self.pieces else data
            self.release()
            self._keep_beginning(first)
            return
        memory = self._memory
        if memory.held_bytes + size > memory.bytes_max:
            self.outcome = STARVED
            self.release()
            return
        if self.pieces:
            self.pieces.append(data)
        else:
            self.pieces = [data]
        self.kept_bytes += size
        memory.held_bytes += size

    def end(self, outcome: str = COMPLETE, error: str = "") -> None:
        """It is over; `outcome` counts where nothing before said that it is of no use."""
        self.ended_s = monotonic()
        if outcome != COMPLETE or self.outcome == NOT_ASKED:
            self.outcome = outcome
            self.error = error

    def release(self) -> None:
        """Give the body back."""
        self._memory.held_bytes -= self.kept_bytes
        self.kept_bytes = 0
        self.pieces = _NOTHING

    def _keep_beginning(self, data: bytes | memoryview) -> None:
        beginning = bytes(data[:BEGINNING_BYTES_MAX])
        self.pieces = [beginning]
        self.kept_bytes += len(beginning)
        self._memory.held_bytes += len(beginning)


def is_stream(response: Response) -> bool:
    """Whether the body may go on for ever; remembered with the head."""
    stream = response.stream
    if stream is None:
        types = [value.lower() for lower, value, _ in response.fields if lower == b"content-type"]
        stream = response.stream = any(value.startswith(_STREAMS) for value in types)
    return stream
