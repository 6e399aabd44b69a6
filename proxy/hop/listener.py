"""What a data plane listens on: one address, with TLS or without, opened anew when its certificates are."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Final

from proxy.hop.client import Client
from proxy.hop.tls import server_context

if TYPE_CHECKING:
    import ssl

    from proxy.hop.plane import DataPlane
    from routes.config import Listen

_BACKLOG: Final = 4096


class Listener:
    """A listening socket and what is served on it.

    Attributes:
        scheme: `b"http"` or `b"https"`.
        port: the local port.
        suspended: nothing is accepted until there is room for more handshakes.
    """

    def __init__(self, plane: DataPlane, sock: socket.socket, listen: Listen) -> None:
        self._plane = plane
        self._sock = sock
        self.listen = listen
        self.scheme = b"http" if listen.tls is None else b"https"
        self.port = int(sock.getsockname()[1])
        self.suspended = False
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Accept connections; called again, with the certificates as they are now and no connection refused.

        Raises:
            TlsError: a certificate cannot be used; what was served before goes on.
        """
        tls = self.listen.tls
        context: ssl.SSLContext | None = server_context(tls) if tls is not None else None
        server = await self._plane.loop.create_server(
            self._accepted,
            sock=socket.socket(fileno=os.dup(self._sock.fileno())),
            ssl=context,
            backlog=_BACKLOG,
            ssl_handshake_timeout=self._plane.limits.header_timeout if context is not None else None,
        )
        self.suspended = False
        before, self._server = self._server, server
        if before is not None:
            before.close()

    def _accepted(self) -> Client:
        client = Client(self._plane, self)
        if self.scheme == b"https" and not self._plane.may_shake_hands(client):
            self.suspended = True
            self._plane.loop.call_soon(self.close)  # those that wait are the kernel's until there is room
        return client

    def close(self) -> None:
        """Accept no more; the socket itself is whoever's who gave it."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def dispose(self) -> None:
        """Close this listener's own copy of the socket."""
        self._sock.close()
