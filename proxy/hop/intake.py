"""A request's body on its way in: where it ends, how much of it came, and whether it comes fast enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from proxy.hop.block import CHUNKED, Block
from proxy.hop.framing import ChunkedDecoder

if TYPE_CHECKING:
    from routes.config import Limits


class Intake:
    """What is still to come of one body.

    Attributes:
        read_bytes: taken so far, chunk sizes and all.
        done: the body has ended.
    """

    __slots__ = ("_began_s", "_decoder", "_left", "_paused_s", "_read_before", "_waits", "done", "read_bytes")

    def __init__(self, block: Block, now_s: float) -> None:
        self._left = block.length
        self._decoder = ChunkedDecoder() if block.length == CHUNKED else None
        self._began_s = now_s
        self._paused_s: float | None = None
        self._waits = block.expects_continue
        self._read_before = 0
        self.read_bytes = 0
        self.done = False

    @property
    def trailers(self) -> bytes:
        """The raw trailer lines of a chunked body that is done."""
        return self._decoder.trailers if self._decoder is not None else b""

    def feed(self, data: bytes, now_s: float) -> tuple[bytes, bytes]:
        """Take what came: the payload in it, and what came after the body's end.

        Raises:
            ChunkError: the bytes are not a chunked body.
        """
        if self._waits:
            self._waits = False
            self._began_s = now_s  # until now it was the service that took its time
        decoder = self._decoder
        size = len(data)
        self.read_bytes += size
        if decoder is None:
            left = self._left
            if size < left:
                self._left = left - size
                return data, b""
            self._left = 0
            self.done = True
            return (data, b"") if size == left else (data[:left], data[left:])
        pieces = decoder.feed(data)
        self.done = decoder.done
        return (pieces[0] if len(pieces) == 1 else b"".join(pieces)), decoder.rest

    def pause(self, now_s: float) -> None:
        """Reading stops: the client cannot be blamed for the time until `resume`."""
        if self._paused_s is None:
            self._paused_s = now_s

    def resume(self, now_s: float) -> None:
        """Reading goes on."""
        if self._paused_s is not None:
            self._began_s += now_s - self._paused_s
            self._paused_s = None

    def too_slow(self, now_s: float, limits: Limits) -> bool:
        """Whether the client sent below `limits.body_rate_min` for the last `limits.body_rate_grace`, at least."""
        if limits.body_rate_min is None or self._waits or self._paused_s is not None:
            return False
        elapsed_s = now_s - self._began_s
        if elapsed_s <= limits.body_rate_grace:
            return False
        slow = self.read_bytes - self._read_before < limits.body_rate_min * elapsed_s
        self._began_s = now_s  # each stretch of time by itself: a burst at the start buys no silence later
        self._read_before = self.read_bytes
        return slow

    def ends_within(self, bytes_max: int) -> bool:
        """Whether the rest is known to come, and to be no more than `bytes_max`."""
        return self._decoder is None and not self._waits and self._left <= bytes_max
