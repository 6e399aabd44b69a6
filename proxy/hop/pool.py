"""The state of one service in one worker: its endpoints, their keep-alive connections, and who waits for one."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from proxy.hop import errors
from proxy.hop.balancer import choose
from proxy.hop.breaker import Breaker
from proxy.hop.budget import RetryBudget
from proxy.hop.errors import Failure
from proxy.hop.health import HealthChecker
from proxy.hop.tls import client_context
from proxy.hop.upstream import Upstream

if TYPE_CHECKING:
    from proxy.hop.caller import Caller
    from routes.model import ServiceModel, Url

_OUT_OF_FILES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Endpoint:
    """One URL of a service.

    Attributes:
        url: where it is.
        service: whose it is.
        idle: connections that wait for a request, the newest last.
        connections: that stand, idle ones included.
        pending: exchanges that were given to it and have not ended.
        healthy: what the last active checks found; True where there are none.
        breaker: passive health, or None.
    """

    __slots__ = (
        *("breaker", "connect_failures", "connections", "connects", "healthy", "idle", "pending", "requests"),
        *("service", "url"),
    )

    def __init__(self, url: Url, service: Service) -> None:
        self.url = url
        self.service = service
        self.idle: list[Upstream] = []
        self.pending = 0
        self.healthy = True
        model = service.model.breaker
        self.breaker = (
            None
            if model is None
            else Breaker(model.errors_share, model.window_s, model.requests_min, model.open_for_s, service.clock)
        )
        self.connections = 0
        self.connects = 0
        self.connect_failures = 0
        self.requests = 0

    def take_idle(self) -> Upstream | None:
        """The newest idle connection that still stands, or None."""
        idle = self.idle
        while idle:
            upstream = idle.pop()
            if not upstream.transport.is_closing():
                return upstream
        return None

    def lost(self, upstream: Upstream) -> None:
        """A connection is gone: its place is free."""
        self.connections -= 1
        if upstream in self.idle:
            self.idle.remove(upstream)
        self.service.connection_gone()

    def snapshot(self) -> dict[str, Any]:
        """The endpoint's numbers as JSON."""
        return {
            "service": self.service.model.name,
            "url": self.url.text,
            "active": max(self.connections - len(self.idle), 0),
            "idle": len(self.idle),
            "pending": self.pending,
            "healthy": self.healthy,
            "breaker": self.breaker.state if self.breaker is not None else None,
            "connects": self.connects,
            "connect_failures": self.connect_failures,
            "requests": self.requests,
        }


class Service:
    """A named upstream: gives each exchange a connection, a place in the queue, or a failure.

    Attributes:
        model: what the configuration says.
        endpoints: in the order of its URLs.
        open: connections that stand or are being made, idle ones included.
        budget: how many retries there may be at once.
        tls: for connections from now on, None where no endpoint speaks it.
    """

    def __init__(self, model: ServiceModel, loop: asyncio.AbstractEventLoop) -> None:
        self.model = model
        self.clock = monotonic
        self.endpoints = tuple(Endpoint(url, self) for url in model.urls)
        self.open = 0
        self.budget = RetryBudget(model.retry_budget_share, model.retry_budget_minimum)
        self.closed = False
        self._loop = loop
        self._queue: deque[Caller] = deque()
        self._connecting: set[asyncio.Task[None]] = set()
        self.tls = self.renewed_tls()
        self._health: asyncio.Task[None] | None = None

    @property
    def active(self) -> int:
        """Exchanges under way at any endpoint, and those that wait."""
        return sum(endpoint.pending for endpoint in self.endpoints) + len(self._queue)

    @property
    def waiting(self) -> int:
        """Exchanges that wait for a connection."""
        return len(self._queue)

    @property
    def refuses(self) -> bool:
        """Whether the breakers of all endpoints are open, so that `acquire` would fail."""
        for endpoint in self.endpoints:
            breaker = endpoint.breaker
            if breaker is None or breaker.state == "closed" or breaker.ready:
                return False
        return True

    def renewed_tls(self) -> ssl.SSLContext | None:
        """A TLS context made of the certificate files as they are now.

        Raises:
            TlsError: one of them cannot be used.
        """
        https = any(url.scheme == "https" for url in self.model.urls)
        return client_context(self.model.tls, service=self.model.name) if https else None

    def start(self) -> None:
        """Begin active health checks where they are configured."""
        if self.model.health is not None:
            checker = HealthChecker(self.model, self._report_health, self.tls)
            self._health = self._loop.create_task(checker.run())

    async def retire(self) -> None:
        """No exchange comes any more: end health checks and idle connections.

        Those under way go on, and so do those that wait or for which a connection is being made.
        """
        await self._end([self._health])

    async def close(self) -> None:
        """End health checks, attempts to connect and idle connections; exchanges under way go on."""
        await self._end([self._health, *self._connecting])

    async def _end(self, work: list[asyncio.Task[None] | None]) -> None:
        self.closed = True
        tasks = [task for task in work if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for endpoint in self.endpoints:
            for upstream in tuple(endpoint.idle):
                upstream.transport.abort()

    def acquire(self, caller: Caller, *, fresh: bool = False) -> None:
        """Hand `caller` a connection now or later, through `on_connected`, or call its `on_failure`.

        Args:
            caller: asks; `caller.tried` are endpoints to leave out where there are others.
            fresh: only a new connection will do, since a kept one has just turned out to be dead.
        """
        endpoint = choose(self.endpoints, caller.tried)
        if endpoint is None:
            caller.on_failure(errors.BREAKER_OPEN, "its breaker is open")
            return
        if not fresh:
            upstream = endpoint.take_idle()
            if upstream is not None:
                endpoint.pending += 1
                endpoint.requests += 1
                caller.on_connected(endpoint, upstream, reused=True)
                return
        if self.open >= self.model.connections_max and not self._evict_idle():
            self._wait(caller)
            return
        self._connect(endpoint, caller)

    def withdraw(self, caller: Caller) -> None:
        """The exchange waits no longer."""
        try:
            self._queue.remove(caller)
        except ValueError:
            return

    def release(self, endpoint: Endpoint, upstream: Upstream) -> None:
        """A connection has done its work and may do more: the longest waiting exchange gets it, else the pool."""
        endpoint.pending -= 1
        if self._queue:
            caller = self._queue.popleft()
            endpoint.pending += 1
            endpoint.requests += 1
            caller.on_connected(endpoint, upstream, reused=True)
        elif self.closed or len(endpoint.idle) >= self.model.idle_connections_max:
            upstream.transport.close()
        else:
            upstream.idle_since = monotonic()
            endpoint.idle.append(upstream)

    def discard(self, endpoint: Endpoint, upstream: Upstream | None) -> None:
        """An exchange has ended without a connection that could be used again."""
        endpoint.pending -= 1
        if upstream is not None:
            upstream.drop()

    def connection_gone(self) -> None:
        """One place is free."""
        self.open -= 1
        self._serve_waiting()

    def _serve_waiting(self) -> None:
        """Give free places to those who wait; one that fails at once leaves its place to the next."""
        while self._queue and self.open < self.model.connections_max:
            self.acquire(self._queue.popleft())

    def sweep(self, now_s: float) -> None:
        """Close connections that were idle for too long."""
        limit = now_s - self.model.keepalive_s
        for endpoint in self.endpoints:
            while endpoint.idle and endpoint.idle[0].idle_since < limit:
                endpoint.idle.pop(0).transport.close()

    # making connections

    def _evict_idle(self) -> bool:
        """Give up the idle connection of another endpoint for one that is needed now."""
        for endpoint in self.endpoints:
            if endpoint.idle:
                endpoint.idle.pop(0).transport.abort()
                return True
        return False

    def _wait(self, caller: Caller) -> None:
        if len(self._queue) >= self.model.queue_max:
            caller.on_failure(errors.QUEUE_FULL, f"{self.model.queue_max} requests wait already")
            return
        self._queue.append(caller)
        caller.on_queued()

    def _connect(self, endpoint: Endpoint, caller: Caller) -> None:
        self.open += 1
        endpoint.pending += 1
        endpoint.requests += 1
        caller.on_connecting(endpoint)
        task = self._loop.create_task(self._connect_for(endpoint, caller))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _connect_for(self, endpoint: Endpoint, caller: Caller) -> None:
        endpoint.connects += 1
        try:
            async with asyncio.timeout(self.model.connect_timeout_s):
                upstream = await self._open(endpoint)
        except BaseException as error:
            self.open -= 1
            endpoint.connect_failures += 1
            failure, detail = describe(error)
            endpoint.pending -= 1
            if caller.wants(endpoint):
                caller.on_failure(failure, detail)
            if not isinstance(error, Exception):
                raise
            self._serve_waiting()
            return
        if caller.wants(endpoint):
            caller.on_connected(endpoint, upstream, reused=False)
        else:
            self.release(endpoint, upstream)

    async def _open(self, endpoint: Endpoint) -> Upstream:
        url = endpoint.url
        tls = self.tls if url.scheme == "https" else None
        _, upstream = await self._loop.create_connection(
            lambda: Upstream(endpoint),
            url.host,
            url.port,
            ssl=tls,
            server_hostname=(self.model.tls.server_name or url.host) if tls is not None else None,
            ssl_handshake_timeout=self.model.connect_timeout_s if tls is not None else None,
        )
        endpoint.connections += 1
        return upstream

    def _report_health(self, url: Url, healthy: bool) -> None:  # noqa: FBT001 - the checker's callback
        for endpoint in self.endpoints:
            if endpoint.url is url or endpoint.url == url:
                endpoint.healthy = healthy


def describe(error: BaseException) -> tuple[Failure, str]:
    """Which failure an exception of connecting is, and a sentence about it that names no address."""
    if isinstance(error, asyncio.CancelledError):
        return errors.CONNECTION_FAILED, "the proxy is closing the service"
    if isinstance(error, ssl.SSLCertVerificationError):
        return errors.CERTIFICATE_REFUSED, error.verify_message
    if isinstance(error, ssl.SSLError):
        return errors.TLS_FAILED, error.reason or "handshake failed"
    if isinstance(error, TimeoutError):
        return errors.CONNECT_TIMEOUT, "connecting took longer than connect_timeout"
    if isinstance(error, socket.gaierror):
        return errors.NAME_UNRESOLVED, "its name does not resolve"
    if isinstance(error, ConnectionRefusedError):
        return errors.CONNECTION_REFUSED, "nothing listens there"
    if isinstance(error, OSError) and error.errno in _OUT_OF_FILES:
        return errors.OUT_OF_RESOURCES, "the proxy has no file descriptor left"
    if isinstance(error, ConnectionError):
        return errors.TLS_FAILED, "the connection was closed while it was being made"
    return errors.CONNECTION_FAILED, "it cannot be reached"
