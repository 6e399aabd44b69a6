"""A server of WebSockets, made with the `websockets` library: echoes, closes, vanishes."""

from __future__ import annotations

from collections.abc import Sequence

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol


class WebSocketOrigin:
    """Serves `/chat/echo`, `/chat/shout` (fragments), `/chat/close/CODE`, `/chat/vanish` and `/chat/count`.

    Attributes:
        open: how many connections there are now.
        closes: the (code, reason) with which each connection ended, as the server saw it.
    """

    def __init__(self) -> None:
        self.port = 0
        self.open = 0
        self.closes: list[tuple[int | None, str | None]] = []
        self._server: Server | None = None

    @property
    def url(self) -> str:
        """Where it listens, for a configuration."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> WebSocketOrigin:
        """Listens on a free port of the loopback."""
        self._server = await serve(
            self._serve, "127.0.0.1", 0, max_size=1 << 26, select_subprotocol=_select, ping_interval=None
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def stop(self) -> None:
        """Closes everything."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, connection: ServerConnection) -> None:
        self.open += 1
        assert connection.request is not None
        what, _, argument = connection.request.path.removeprefix("/chat/").partition("?")[0].partition("/")
        try:
            if what == "close":
                await connection.close(int(argument), "as asked")
            elif what == "vanish":
                await connection.recv()
                connection.transport.abort()
            elif what == "count":
                for number in range(int(argument)):
                    await connection.send(str(number))
            else:
                await self._echo(connection, fragments=what == "shout")
        except ConnectionClosed:
            pass
        finally:
            await connection.close()
            self.open -= 1
            self.closes.append((connection.close_code, connection.close_reason))

    @staticmethod
    async def _echo(connection: ServerConnection, *, fragments: bool) -> None:
        async for message in connection:
            if fragments and isinstance(message, str):
                await connection.send([message[:1], message[1:-1], message[-1:]])
            elif message == "ping me":
                await (await connection.ping())
                await connection.send("ponged")
            else:
                await connection.send(message)


def _select(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    """The first that is known; none is fine too."""
    return next((name for name in offered if name in ("v2.shop", "v1.shop")), None)
