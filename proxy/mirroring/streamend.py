"""One end of the stream between a worker and the comparer: frames out, frames in, and nobody else's process there."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from abc import ABC, abstractmethod
from typing import Final, cast

import structlog

from shadow.errors import MalformedFrameError
from shadow.stream import Frame, FrameReader, encode

#: pid, uid and gid of SO_PEERCRED.
_CREDENTIALS: Final = struct.Struct("3i")

log = structlog.get_logger()


class StreamEnd(asyncio.Protocol, ABC):
    """What both ends have in common; each says what it makes of a frame, and of the end of the connection.

    Attributes:
        stream: its name; "" while that is not known.
    """

    def __init__(self, stream: str = "") -> None:
        self.stream = stream
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None

    @abstractmethod
    def take(self, frame: Frame) -> None:
        """A frame has come.

        Raises:
            MalformedFrameError: it is not what was to come: the connection ends.
        """

    @abstractmethod
    def on_lost(self) -> None:
        """The connection is gone."""

    def send(self, frame: Frame) -> None:
        """Send one frame; does nothing once the connection is gone."""
        if self._transport is not None:
            self._transport.write(encode(frame))

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Talk to nobody but our own user's processes."""
        self._transport = cast("asyncio.Transport", transport)
        uid = _peer_uid(transport.get_extra_info("socket"))
        if uid != os.getuid():
            log.error("comparer.peer.foreign", uid=uid)
            self.abort()

    def data_received(self, data: bytes) -> None:
        """Hand on what is whole."""
        try:
            for frame in self._reader.feed(data):
                self.take(frame)
        except MalformedFrameError as error:
            log.error("comparer.frame.invalid", error=str(error), stream=self.stream)  # noqa: TRY400 - it says all there is
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        del exc
        self._transport = None
        self.on_lost()


def _peer_uid(sock: socket.socket) -> int:
    """The user whose process is at the other end of a unix socket."""
    credentials = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[1])
