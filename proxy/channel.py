"""One end of the pair of sockets that joins the supervisor with one of its processes.

A frame is four bytes of length and a JSON object with a `type`. There are two ways to send one:

```
send(frame)    control: tables, acknowledgements, drain. Never dropped. A peer that lets 64 MiB pile up is given up.
offer(frame)   metrics: dropped and counted when the peer has not read what came before.
```
The end of the stream is part of the protocol: it means that the other process is gone, whatever the reason, and it is
reported once, after every whole frame that came before it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any, Final, cast

import orjson
import structlog

#: One frame; `type` names it.
Frame = dict[str, Any]

#: Longest frame. A table with 10,000 routes is about 10 MiB.
FRAME_BYTES_MAX: Final = 64 << 20
#: Unread bytes at which a peer that gets control frames is given up.
BACKLOG_BYTES_MAX: Final = 64 << 20
#: Unread bytes at which offered frames are dropped.
OFFER_BYTES_MAX: Final = 1 << 20
_LENGTH_BYTES: Final = 4

log = structlog.get_logger()


class Channel(asyncio.Protocol):
    """Sends and receives frames. Made by `open_channel`.

    Attributes:
        closed: the peer is gone or we closed.
        dropped: offered frames that were dropped because the peer did not read.
    """

    def __init__(self, on_frame: Callable[[Frame], None], on_close: Callable[[], None]) -> None:
        self.closed = False
        self.dropped = 0
        self._on_frame = on_frame
        self._on_close = on_close
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    def send(self, frame: Frame) -> None:
        """Send a control frame; on a channel that is closed it is lost, as it would be on its way.

        Raises:
            ValueError: the frame is larger than `FRAME_BYTES_MAX`.
        """
        transport = self._transport
        if self.closed or transport is None:
            return
        data = orjson.dumps(frame)
        if len(data) > FRAME_BYTES_MAX:
            raise ValueError(f"a frame of type {frame.get('type')} has {len(data)} bytes, more than {FRAME_BYTES_MAX}")
        transport.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)
        if transport.get_write_buffer_size() > BACKLOG_BYTES_MAX:
            log.error("channel.peer.stuck", unread_bytes=transport.get_write_buffer_size(), frame=frame.get("type"))
            transport.abort()

    def offer(self, frame: Frame) -> bool:
        """Send a frame that may be lost; False says that it was dropped and counted."""
        transport = self._transport
        if self.closed or transport is None:
            return False
        if transport.get_write_buffer_size() > OFFER_BYTES_MAX:
            self.dropped += 1
            return False
        self.send(frame)
        return True

    def close(self) -> None:
        """Close after what was sent; the peer sees the end of the stream, and nothing is reported here any more."""
        self.closed = True
        if self._transport is not None:
            self._transport.close()

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Collect bytes and hand on every frame that is whole."""
        received = self._received
        received += data
        while not self.closed and len(received) >= _LENGTH_BYTES:
            end = _LENGTH_BYTES + int.from_bytes(received[:_LENGTH_BYTES], "big")
            if end > FRAME_BYTES_MAX + _LENGTH_BYTES:
                self._give_up("a frame is too large")
                return
            if len(received) < end:
                return
            text = bytes(received[_LENGTH_BYTES:end])
            del received[:end]
            self._deliver(text)

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the end, once."""
        del exc
        if not self.closed:
            self.closed = True
            self._on_close()

    def _deliver(self, text: bytes) -> None:
        try:
            frame = orjson.loads(text)
        except orjson.JSONDecodeError:
            self._give_up("a frame is not JSON")
            return
        if not isinstance(frame, dict) or not isinstance(frame.get("type"), str):
            self._give_up("a frame has no type")
            return
        self._on_frame(frame)

    def _give_up(self, why: str) -> None:
        log.error("channel.frame.invalid", why=why)
        if self._transport is not None:
            self._transport.abort()


async def open_channel(sock: socket.socket, on_frame: Callable[[Frame], None], on_close: Callable[[], None]) -> Channel:
    """Run one end of a socket pair on this loop; the channel owns the socket from now on.

    Args:
        sock: a connected stream socket.
        on_frame: called with every frame, in order.
        on_close: called once when the stream has ended, unless it was this end that called `close`.
    """
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    _, channel = await loop.create_unix_connection(lambda: Channel(on_frame, on_close), sock=sock)
    return channel
