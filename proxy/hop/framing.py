"""Where a message body ends (RFC 9112 section 6), sans I/O.

httptools is fed one complete head at a time and never a body: it neither says at which byte a message ended, which
pipelining needs, nor gives bodies without copying them. What is left is counting, and the chunked coding below, which
accepts exactly RFC 9112 section 7.1 and nothing that another parser might read otherwise: CRLF only, hexadecimal digits
only, no white space before an extension, bounded lines, a bounded trailer section.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

#: Most bytes in one chunk-size line with its extensions (a chunk extension has no use that needs more).
CHUNK_LINE_BYTES_MAX: Final = 256
#: Most bytes in a trailer section.
TRAILER_BYTES_MAX: Final = 8 * 1024
#: Most hexadecimal digits of a chunk's size: 2^60 is beyond any body.
_SIZE_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})(?:;[\t\x20-\x7e\x80-\xff]*)?")
_TRAILER_LINE: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*")

_SIZE, _DATA, _DATA_END, _TRAILERS, _DONE = range(5)


class ChunkError(ValueError):
    """The bytes are not a chunked body."""


class ChunkedDecoder:
    """Takes the chunked coding off a body that arrives in pieces of any size.

    Attributes:
        done: the last chunk and the trailer section have been read.
        trailers: the trailer section's raw lines, each with its CRLF, once `done`.
        rest: the bytes after the body's end that came with the last piece, once `done`.
    """

    __slots__ = ("_buffer", "_left", "_state", "rest", "trailers")

    def __init__(self) -> None:
        self._state = _SIZE
        self._left = 0
        self._buffer = b""
        self.trailers = b""
        self.rest = b""

    @property
    def done(self) -> bool:
        """Whether the body has ended."""
        return self._state == _DONE

    def feed(self, data: bytes) -> list[bytes]:
        """The payload in `data`, in pieces that share its chunk borders; empty when there is none yet.

        Raises:
            ChunkError: the bytes break the grammar or a bound.
        """
        payload: list[bytes] = []
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        at = 0
        end = len(data)
        while at < end:
            state = self._state
            if state == _DATA:
                take = min(self._left, end - at)
                payload.append(data if take == end and at == 0 else data[at : at + take])
                at += take
                self._left -= take
                if self._left == 0:
                    self._state = _DATA_END
            elif state == _SIZE:
                line_end = data.find(b"\n", at, at + CHUNK_LINE_BYTES_MAX)
                if line_end < 0:
                    self._keep(data, at, CHUNK_LINE_BYTES_MAX)
                    break
                self._start_chunk(data[at : line_end + 1])
                at = line_end + 1
            elif state == _DATA_END:
                if data[at] != 13 or (end - at > 1 and data[at + 1] != 10):  # noqa: PLR2004 - CR, LF
                    raise ChunkError("a chunk is not followed by CRLF")
                if end - at == 1:
                    self._buffer = data[at:]
                    break
                at += 2
                self._state = _SIZE
            elif state == _TRAILERS:
                at = self._trailer_line(data, at)
            else:
                break
        if self._state == _DONE and at < end:
            self.rest = data[at:]
        return payload

    def _keep(self, data: bytes, at: int, bytes_max: int) -> None:
        rest = data[at:]
        if len(rest) >= bytes_max:
            raise ChunkError("a line of the chunked coding is too long")
        self._buffer = rest

    def _start_chunk(self, line: bytes) -> None:
        match = _SIZE_LINE.fullmatch(line, 0, len(line) - 2) if line.endswith(b"\r\n") else None
        if match is None:
            raise ChunkError("a chunk's size line is not valid")
        self._left = int(match[1], 16)
        self._state = _DATA if self._left else _TRAILERS

    def _trailer_line(self, data: bytes, at: int) -> int:
        line_end = data.find(b"\n", at, at + TRAILER_BYTES_MAX)
        if line_end < 0:
            self._keep(data, at, TRAILER_BYTES_MAX)
            return len(data)
        line = data[at : line_end + 1]
        if not line.endswith(b"\r\n"):
            raise ChunkError("a trailer line does not end in CRLF")
        if line == b"\r\n":
            self._state = _DONE
        elif _TRAILER_LINE.fullmatch(line, 0, len(line) - 2) is None:
            raise ChunkError("a trailer line is not valid")
        else:
            self.trailers += line
            if len(self.trailers) > TRAILER_BYTES_MAX:
                raise ChunkError("the trailer section is too long")
        return line_end + 1


def chunk(pieces: Sequence[bytes | memoryview]) -> bytes:
    """One chunk around `pieces`, which together are not empty (an empty chunk would end the body)."""
    size = sum(map(len, pieces))
    return b"".join((b"%x\r\n" % size, *pieces, b"\r\n"))


def last_chunk(trailers: bytes = b"") -> bytes:
    """The end of a chunked body; `trailers` are raw lines, each with its CRLF."""
    return b"0\r\n" + trailers + b"\r\n"
