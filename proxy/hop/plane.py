"""One worker's data plane: what it listens on, its client connections, its services, the table in force, the clock."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import weakref
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import structlog

from proxy.hop.accesslog import AccessLog
from proxy.hop.forwarded import loop_token
from proxy.hop.listener import Listener
from proxy.hop.metrics import PlaneMetrics
from proxy.hop.pool import Service
from proxy.mirroring.mirrors import Mirrors
from proxy.mirroring.outbox import Outbox
from proxy.mirroring.quiet import Quiet

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from proxy.hop.connection import Connection
    from routes.config import Config, Listen
    from routes.table import Table

#: Longest time between two looks at all deadlines; shorter where a configured limit is shorter.
SWEEP_S: Final = 1.0
_SWEEP_MIN_S: Final = 0.02
#: While draining, idle connections may bring one more request for so long.
DRAIN_GRACE_S: Final = 0.5
#: After its clients, mirrors under way may take so long, and the comparer then so long for what is queued.
MIRROR_DRAIN_S: Final = 2.0
_CLOSING_TURNS_MAX: Final = 100

log = structlog.get_logger()


class DataPlane:
    """Serves clients by the table it was given last.

    Attributes:
        table: in force for every request whose head is read from now on.
        services: their state, by name; a service whose configuration is unchanged lives through `install`.
        draining: no connection outlives its present request.
    """

    def __init__(
        self,
        config: Config,
        table: Table,
        *,
        worker: int = 0,
        access_log: AccessLog | None = None,
        comparer: str | None = None,
    ) -> None:
        """Make it; nothing is served before `start` and `listen`.

        Args:
            config: in force.
            table: compiled from it.
            worker: number of the process.
            access_log: where the lines of requests go; None writes none.
            comparer: path of the socket that takes exchanges; None leaves them in a queue that fills up.
        """
        self.loop = asyncio.get_running_loop()
        self.metrics = PlaneMetrics(table)
        quiet = Quiet(self.loop, self.metrics.waited_for)
        self.mirrors = Mirrors(self.loop, Outbox(self.loop, comparer, worker, quiet), quiet)
        self.access_log = access_log if access_log is not None else AccessLog("off")
        self.worker = worker
        self.draining = False
        self.token = loop_token(
            [str(listen.address) for listen in config.listen]
            + [url.text for service in table.services.values() for url in service.urls]
        )
        self.via = b"1.1 " + self.token
        self.via_1_0 = b"1.0 " + self.token
        self.services: dict[str, Service] = {}
        self._retired: set[Service] = set()
        self._listeners: list[Listener] = []
        self._clients: set[Connection] = set()
        self._handshaking: weakref.WeakSet[Connection] = weakref.WeakSet()
        self._reopening: set[asyncio.Task[None]] = set()
        self._emptied = asyncio.Event()
        self._sweeper: asyncio.TimerHandle | None = None
        self._started = False
        self._take(config, table)
        self.mirrors.settle(table)

    def _take(self, config: Config, table: Table) -> None:
        services = {
            name: self.services[name]
            if name in self.services and self.services[name].model == model
            else Service(model, self.loop)
            for name, model in table.services.items()
        }
        mirrors = self.mirrors.plan(table)
        self._retired |= set(self.services.values()) - set(services.values())
        self.mirrors.take(mirrors)
        self.services = services
        self.limits = config.limits
        self.trusted = tuple(config.trusted_proxies)
        self.table = table
        self._sweep_s = _sweep_interval(config, table, mirrors.timeouts_s)

    async def start(self) -> None:
        """Begin to watch the clock and the health of services."""
        self._started = True
        for service in self.services.values():
            service.start()
        self._sweep()

    async def listen(self, sock: socket.socket, listen: Listen) -> None:
        """Serve clients on a copy of this listening socket.

        Raises:
            TlsError: its certificates cannot be used.
        """
        listener = Listener(self, socket.socket(fileno=os.dup(sock.fileno())), listen)
        try:
            await listener.open()
        except BaseException:
            listener.dispose()
            raise
        self._listeners.append(listener)

    async def install(self, config: Config, table: Table) -> None:
        """Put another table in force. Every connection is kept; requests under way end by the table they began with.

        Raises:
            TlsError: a certificate cannot be used; then nothing has changed.
        """
        by_address = {listen.address: listen for listen in config.listen}
        before = [(listener, listener.listen) for listener in self._listeners]
        services = set(self.services.values())
        mirrored = self.mirrors.table
        kept = (self.services, self.limits, self.trusted, self.table, self._sweep_s)
        retired = set(self._retired)
        pools = services | set(mirrored.services.values())
        renewed = [(service, service.renewed_tls()) for service in pools]
        self._take(config, table)
        try:
            for listener in self._listeners:
                listener.listen = by_address.get(listener.listen.address, listener.listen)
                if listener.listen.tls is not None:
                    await listener.open()
        except BaseException:
            self.services, self.limits, self.trusted, self.table, self._sweep_s = kept
            self._retired = retired
            self.mirrors.take(mirrored)
            for listener, listen in before:
                listener.listen = listen
            raise
        for service, context in renewed:
            service.tls = context  # certificates may be new although their names are not
        self.metrics.install(table)
        self.mirrors.settle(table)
        await self.mirrors.retire()
        if self._started:
            for service in set(self.services.values()) - services:
                service.start()
        for service in tuple(self._retired):
            if not service.closed:
                await service.retire()

    def snapshot(self) -> dict[str, Any]:
        """Every number of this worker, as JSON."""
        return {
            **self.metrics.snapshot(),
            "endpoints": [endpoint.snapshot() for service in self.services.values() for endpoint in service.endpoints],
            "waiting": {name: service.waiting for name, service in self.services.items()},
            "log_lines_dropped": self.access_log.dropped,
            "mirrors": self.mirrors.snapshot(),
            "draining": self.draining,
        }

    async def drain(self, timeout_s: float) -> int:
        """Accept no more, finish what is under way, and close.

        Returns:
            How many connections were still busy after `timeout_s` and were cut.
        """
        self.draining = True
        for listener in self._listeners:
            listener.close()
            listener.dispose()  # or the kernel would go on taking connections that nobody accepts
        # What is already on its way on a connection that is still idle is answered: closing at once would reset it.
        grace_s = min(DRAIN_GRACE_S, timeout_s)
        await asyncio.sleep(0)  # who was accepted last is not yet among the clients
        await self._until_gone(grace_s, self._clients, self._handshaking)
        for client in tuple(self._clients):
            if client.exchange is None and client.tunnel is None:
                client.transport.close()
        await self._until_gone(timeout_s - grace_s, self._clients)
        cut = len(self._clients)
        for client in tuple(self._clients):
            client.transport.abort()
        await self.mirrors.drain(MIRROR_DRAIN_S)
        return cut

    async def _until_gone(self, timeout_s: float, *crowds: Collection[Connection]) -> None:
        """Return when nobody is left in these, or after `timeout_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while any(crowds):
                    self._emptied.clear()
                    await self._emptied.wait()

    async def close(self) -> None:
        """End everything at once."""
        self.draining = True
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for task in self._reopening:
            task.cancel()
        await asyncio.gather(*self._reopening, return_exceptions=True)
        for listener in self._listeners:
            listener.close()
            listener.dispose()
        self._listeners.clear()
        for client in tuple(self._clients):
            client.transport.abort()
        for service in (*self.services.values(), *self._retired):
            await service.close()
        await self.mirrors.close()
        for _ in range(_CLOSING_TURNS_MAX):  # transports tell their protocols one turn of the loop after another
            services = (*self.services.values(), *self._retired)
            if not self._clients and not self.mirrors.open and not any(service.open for service in services):
                break
            await asyncio.sleep(0)

    # for client connections

    def may_shake_hands(self, client: Connection) -> bool:
        """Count a TLS handshake in until `admit`, or until the client is gone; False where no more should come."""
        self._handshaking.add(client)
        return len(self._clients) + len(self._handshaking) < self.limits.connections_max

    def admit(self, client: Connection) -> bool:
        """Count a client connection in; False where there are too many."""
        self._handshaking.discard(client)
        self._clients.add(client)
        self.metrics.connection_opened()
        if len(self._clients) > self.limits.connections_max:
            self.metrics.client_connections_refused += 1
            return False
        return True

    def forget(self, client: Connection) -> None:
        """Count a client connection out."""
        self._clients.discard(client)
        self.metrics.connection_closed()
        if not self._clients:
            self._emptied.set()

    # time

    def _sweep(self) -> None:
        """One look at every deadline, instead of a timer for each."""
        self._sweeper = self.loop.call_later(self._sweep_s, self._sweep)
        now = monotonic()
        for client in tuple(self._clients):
            try:
                client.tick(now)
            except Exception:
                log.exception("connection.tick.failed", client_ip=client.peer.ip)
                client.transport.abort()
        for service in self.services.values():
            service.sweep(now)
        self.mirrors.sweep(now)
        self._reopen_listeners()
        if self._retired:
            self._retired = {service for service in self._retired if service.open or service.active}

    def _reopen_listeners(self) -> None:
        """Accept again where accepting was suspended and there is room."""
        if self.draining or len(self._clients) + len(self._handshaking) >= self.limits.connections_max:
            return
        for listener in self._listeners:
            if listener.suspended and not self._reopening:
                task = self.loop.create_task(listener.open())
                self._reopening.add(task)
                task.add_done_callback(self._reopening.discard)


def _sweep_interval(config: Config, table: Table, mirror_timeouts_s: Iterable[float]) -> float:
    """A quarter of the shortest limit, within bounds: a limit is kept to within that."""
    limits = config.limits
    shortest = min(
        limits.header_timeout,
        limits.idle_timeout,
        limits.half_close_timeout,
        limits.body_rate_grace,
        *mirror_timeouts_s,
        *(
            limit
            for service in table.services.values()
            for limit in (
                service.response_timeout_s,
                service.idle_timeout_s,
                service.tunnel_idle_timeout_s,
                service.queue_timeout_s,
                service.keepalive_s,
            )
        ),
    )
    return max(_SWEEP_MIN_S, min(SWEEP_S, shortest / 4))
