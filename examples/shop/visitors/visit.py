"""One client's way to ask: at the common pace, with every answer checked and counted."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Collection
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import aiohttp

from shop.ports import HOST, Ports
from shop.visitors.tally import Tally

TIMEOUT_S = 30.0
RETRIES = 2
OK = frozenset({200})


class VisitError(Exception):
    """An answer that a client would complain about. It has been counted when this is raised."""


class Pace:
    """Lets at most `rate` requests start per second, over all clients together."""

    def __init__(self, rate: float) -> None:
        self._gap_s = 1 / rate
        self._next_s = 0.0

    async def turn(self) -> None:
        """Wait for the next turn."""
        now = time.monotonic()
        self._next_s = max(self._next_s + self._gap_s, now)
        await asyncio.sleep(self._next_s - now)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response."""

    status: int
    headers: Any
    body: bytes
    url: str


class Visit:
    """A client with a cookie jar and connections of its own."""

    def __init__(self, shop: str, tally: Tally, pace: Pace, ports: Ports, headers: dict[str, str]) -> None:
        self.shop = shop
        self.tally = tally
        self._pace = pace
        self._hidden = [f"{HOST}:{port}" for port in (ports.legacy, ports.customers, ports.orders)]
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        self._session = aiohttp.ClientSession(shop, headers=headers, timeout=timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._session.close()

    async def ask(
        self, label: str, path: str, *, method: str = "GET", expect: Collection[int] = OK, **options: Any
    ) -> Answer:
        """Ask once and follow redirects; a 503 is asked again, as its sender wants.

        Args:
            label: what the answer is counted under.
            path: path and query, or an absolute URL of the shop.
            method: the HTTP method.
            expect: the statuses that are right.
            options: given to aiohttp's `request`.

        Raises:
            VisitError: the answer was wrong, or there was none.
        """
        for retries_left in reversed(range(RETRIES + 1)):
            await self._pace.turn()
            started = time.perf_counter()
            try:
                answer = await self._once(method, path, options)
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                raise self.wrong(label, f"{method} {path}: {type(error).__name__} {error}") from error
            if answer.status != 503 or retries_left == 0:
                break
            self.tally.retried += 1
        if answer.status not in expect:
            raise self.wrong(label, f"{method} {path}: status {answer.status} {answer.body[:120]!r}")
        self.tally.answered(label, answer.headers.get("X-Served-By", "proxy"), time.perf_counter() - started)
        return answer

    async def _once(self, method: str, path: str, options: dict[str, Any]) -> Answer:
        async with self._session.request(method, path, **options) as response:
            for step in (*response.history, response):
                self._check_names(step)
            return Answer(response.status, response.headers, await response.read(), str(response.url))

    def _check_names(self, response: aiohttp.ClientResponse) -> None:
        """No header may tell where the shop's parts live."""
        for name, value in response.headers.items():
            if any(hidden in value for hidden in self._hidden) or f"Domain={HOST}" in value:
                raise ValueError(f"a client can see the inside of the shop: {name}: {value}")

    def field(self, label: str, answer: Answer, name: str) -> Any:
        """A field of a JSON answer.

        Raises:
            VisitError: it is not there.
        """
        try:
            return json.loads(answer.body)[name]
        except (ValueError, LookupError, TypeError):
            raise self.wrong(label, f"{answer.url}: no {name} in {answer.body[:120]!r}") from None

    async def listen(self, label: str, path: str, seconds: float) -> None:
        """Listen to a WebSocket for a while, and count its news."""
        await self._pace.turn()
        started = time.perf_counter()
        try:
            async with self._session.ws_connect(path, timeout=aiohttp.ClientWSTimeout(ws_close=TIMEOUT_S)) as socket:
                await socket.send_str("ping")
                opened_s = time.perf_counter() - started
                while (left_s := started + seconds - time.perf_counter()) > 0:
                    try:
                        message = await socket.receive(left_s)
                    except TimeoutError:
                        break
                    if message.type is not aiohttp.WSMsgType.TEXT:
                        raise self.wrong(label, f"WebSocket {path} was cut: {message.type.name} {message.data}")
                    self.tally.news += message.data != "pong"
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self.wrong(label, f"WebSocket {path}: {type(error).__name__} {error}") from error
        self.tally.answered(label, label, opened_s)

    async def stream(self, label: str, path: str, seconds: float) -> None:
        """Listen to server-sent events for a while, and count them."""
        await self._pace.turn()
        started = time.perf_counter()
        try:
            async with self._session.get(path) as response:
                opened_s = time.perf_counter() - started
                async with asyncio.timeout(seconds):
                    async for line in response.content:
                        self.tally.news += line.startswith(b"event:")
            raise self.wrong(label, f"the event stream {path} ended")
        except TimeoutError:
            self.tally.answered(label, label, opened_s)
        except aiohttp.ClientError as error:
            raise self.wrong(label, f"event stream {path}: {type(error).__name__} {error}") from error

    def wrong(self, label: str, why: str) -> VisitError:
        """Count a failure; what to raise."""
        self.tally.fail(label, why)
        return VisitError(why)
