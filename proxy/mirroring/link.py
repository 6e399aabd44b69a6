"""One connection to the comparer."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable, Sequence
from typing import Final, cast

import structlog

from shadow.errors import MalformedFrameError
from shadow.stream import Frame, FrameReader, encode

#: pid, uid and gid of SO_PEERCRED.
_CREDENTIALS: Final = struct.Struct("3i")

log = structlog.get_logger()


class Link(asyncio.Protocol):
    """Sends frames and hands on those that come.

    Attributes:
        ended: set once the connection is gone.
    """

    def __init__(self, on_frame: Callable[[Frame], None]) -> None:
        self.ended = asyncio.Event()
        self._on_frame = on_frame
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None

    def send(self, frame: Frame) -> None:
        """Send one frame."""
        if self._transport is not None:
            self._transport.write(encode(frame))

    def write(self, pieces: Sequence[bytes | memoryview]) -> None:
        """Send one frame that is given in pieces."""
        if self._transport is not None:
            self._transport.writelines(pieces)

    def abort(self) -> None:
        """End it at once."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Talk to nobody but our own user's processes."""
        self._transport = cast("asyncio.Transport", transport)
        uid = peer_uid(transport.get_extra_info("socket"))
        if uid != os.getuid():
            log.error("comparer.peer.foreign", uid=uid)
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Answers of the comparer."""
        try:
            for frame in self._reader.feed(data):
                self._on_frame(frame)
        except MalformedFrameError as error:
            log.error("comparer.frame.invalid", error=str(error))  # noqa: TRY400 - what came is all there is to know
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        del exc
        self._transport = None
        self.ended.set()


def peer_uid(sock: socket.socket) -> int:
    """The user whose process is at the other end of a unix socket."""
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[1])
