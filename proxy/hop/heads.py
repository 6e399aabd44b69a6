"""Where one request's head ends and the next thing begins, sans I/O: what has arrived and cannot be used yet."""

from __future__ import annotations

from typing import Final

from proxy.hop import errors
from proxy.hop.errors import RequestRefused

#: Empty lines that may come before a request (RFC 9112 section 2.2 asks for one to be let pass).
EMPTY_LINES_MAX: Final = 4

_END: Final = b"\r\n\r\n"
_TOKEN: Final = frozenset(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_NOTHING: Final = (b"", b"")


class Heads:
    """The bytes of a client that wait: the beginning of a head, or requests sent ahead."""

    __slots__ = ("_buffer", "_empty_lines")

    def __init__(self) -> None:
        self._buffer: bytes | bytearray = b""
        self._empty_lines = 0

    def __len__(self) -> int:
        return len(self._buffer)

    @property
    def complete(self) -> int:
        """How many heads, or ends of heads, wait."""
        return self._buffer.count(_END)

    def keep(self, data: bytes) -> None:
        """Add bytes for later, unread."""
        self._buffer = self._buffer + data if self._buffer else data

    def take(self) -> bytes:
        """Everything that waits; nothing does then."""
        data = bytes(self._buffer)
        self._buffer = b""
        return data

    def cut(self, data: bytes, bytes_max: int) -> tuple[bytes, bytes]:
        """The first complete head in what waits and `data`, and what comes after it.

        Two times nothing where the head is not complete yet: then its beginning waits here.

        Raises:
            RequestRefused: what came cannot become a head of at most `bytes_max` bytes.
        """
        if self._buffer:
            data = self._joined(data, bytes_max)
        while data.startswith(b"\r\n"):
            data = data[2:]
            self._empty_lines += 1
            if self._empty_lines > EMPTY_LINES_MAX:
                raise RequestRefused(errors.BAD_REQUEST, "there are too many empty lines before the request")
        end = data.find(_END) + len(_END)
        if len(_END) <= end <= bytes_max:
            self._empty_lines = 0
            return (data, b"") if end == len(data) else (data[:end], data[end:])
        if data:
            _check_beginning(data, bytes_max, complete=end >= len(_END))
            self._buffer = data
        return _NOTHING

    def _joined(self, data: bytes, bytes_max: int) -> bytes:
        """What waits and `data`; nothing where it is plain that this is no complete head yet.

        A client that sends byte by byte must not make us look at all of it again with each.
        """
        buffer = self._buffer if isinstance(self._buffer, bytearray) else bytearray(self._buffer)
        buffer += data
        if b"\n" not in data and len(buffer) <= bytes_max:
            self._buffer = buffer
            return b""
        self._buffer = b""
        return bytes(buffer)


def _check_beginning(data: bytes, bytes_max: int, *, complete: bool) -> None:
    """Refuse at once what can never become a head."""
    if complete or len(data) > bytes_max:
        line_end = data.find(b"\r\n")
        failure = errors.TARGET_TOO_LONG if line_end < 0 or line_end > bytes_max else errors.HEAD_TOO_LARGE
        raise RequestRefused(failure, f"the request's head has more than {bytes_max} bytes")
    if data.count(b"\n") != data.count(b"\r\n") or (data[0] not in _TOKEN and data != b"\r"):
        raise RequestRefused(errors.BAD_REQUEST, "what came is not the beginning of an HTTP/1 request")
