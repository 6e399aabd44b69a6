"""A new system that is not well: `PORT KIND`, where KIND is hung, resetting or garbage."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from typing import cast

import uvloop


class Broken(asyncio.Protocol):
    """One connection of it."""

    kind = "hung"
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It connects like any other."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """And then does not answer, ends with a reset, or says nonsense."""
        del data
        if self.kind == "resetting":
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        elif self.kind == "garbage":
            self.transport.write(b"\x16\x03\x01 garbage \xff\xfe\r\n\r\n" * 100)


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    await asyncio.get_running_loop().create_server(Broken, "127.0.0.1", port, backlog=4096)
    await asyncio.Event().wait()


if __name__ == "__main__":
    Broken.kind = sys.argv[2]
    uvloop.run(serve(int(sys.argv[1])))
