"""Sockets with small buffers, so that little data shows what a slow peer does to the proxy."""

from __future__ import annotations

import asyncio
import socket
import ssl

from support.proxy_plane import Proxy
from support.raw_client import RawClient

#: The kernel rounds it up to the least that it takes.
SMALLEST = 1


async def narrow_client(plane: Proxy, *, reads: bool = False, tls: ssl.SSLContext | None = None) -> RawClient:
    """A client of `plane` with next to nothing in the kernel between the two.

    Args:
        plane: gets another listening socket, whose connections have the small buffers.
        reads: False: the client never reads a byte.
        tls: to speak TLS with, to `localhost`.
    """
    loop = asyncio.get_running_loop()
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALLEST)
    plane.addresses.append(listening.getsockname()[:2])
    await plane.plane.listen(listening, plane.config.listen[0])
    listening.close()
    sock = socket.socket()
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALLEST)
    await loop.sock_connect(sock, plane.addresses[-1])
    _, client = await loop.create_connection(
        RawClient, sock=sock, ssl=tls, server_hostname="localhost" if tls is not None else None
    )
    if not reads:
        client.pause()
    return client
