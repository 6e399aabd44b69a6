"""All mirrors of one data plane: which requests are chosen, when they ask, and what bounds them together.

Where copies go is compiled before (`proxy.mirroring.table`); what moves is here and in `proxy.mirroring.flow`.

| bound | shed as |
| --- | --- |
| `rate_max` of the route | `rate` |
| `concurrency_max` of the route, connections of the mirrored service, `READY_MAX` | `concurrency` |
| `HELD_BYTES_MAX` of captured bodies | `memory` |
| the queue to the comparer | `queue`, or `comparer_down` where nobody empties it |

There is no task, future or timer for a mirrored request: each is two pieces of work that wait for quiet moments
(`proxy.mirroring.quiet`), and one sweep looks at all deadlines.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

import structlog

from proxy.hop.exchange import Exchange
from proxy.mirroring import counters as reasons
from proxy.mirroring.bucket import Bucket
from proxy.mirroring.capture import Memory
from proxy.mirroring.exchange import NOT_SAMPLED, SHED, MirroredExchange, PassedOver
from proxy.mirroring.flow import Flows
from proxy.mirroring.mirror import ANSWERED, READY, Mirror
from proxy.mirroring.table import MirrorTable, plan_mirrors
from routes.shadowing import spread

if TYPE_CHECKING:
    from proxy.hop.client import Client
    from proxy.hop.pool import Service
    from proxy.hop.request import Request
    from proxy.mirroring.outbox import Outbox
    from proxy.mirroring.quiet import Quiet
    from proxy.mirroring.secondasks import SecondAsks
    from proxy.mirroring.table import RouteMirror, Target
    from routes.model import Decision
    from routes.table import Table

#: Pieces of work of mirrors that may wait; with as many, no other mirror is made ready.
READY_MAX: Final = 1024
#: The header by which a service knows that it has done a write already (draft-ietf-httpapi-idempotency-key-header).
IDEMPOTENCY_KEY: Final = b"idempotency-key"

_NEVER: Final = float("inf")

log = structlog.get_logger()


class Mirrors:
    """Made once for a data plane; `take` puts another table in force.

    Attributes:
        outbox: where messages go.
        memory: what captures hold.
        table: in force.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, outbox: Outbox, quiet: Quiet) -> None:
        self.outbox = outbox
        self._quiet = quiet
        self.memory = Memory()
        self.table = MirrorTable()
        self._loop = loop
        self._flows = outbox.listener = Flows()
        self._second_asks = Bucket()
        self._waiting: set[Mirror] = set()  # for a quiet moment or for answers
        self._retired: set[Service] = set()
        self._draining = False
        self._given_up = False
        self._emptied = asyncio.Event()

    # tables

    def plan(self, table: Table) -> MirrorTable:
        """What `take` would put in force; pools of services that did not change are kept.

        Raises:
            TlsError: a certificate of a mirrored service cannot be used.
        """
        return plan_mirrors(table, self.table, self._flows, self._loop)

    def take(self, table: MirrorTable) -> None:
        """Put a planned table in force. What is under way goes on as it began."""
        self._retired |= set(self.table.services.values()) - set(table.services.values())
        self._retired -= set(table.services.values())
        self._renew_second_asks(table)
        self.table = table

    def _renew_second_asks(self, table: MirrorTable) -> None:
        """What the comparer wanted was by the table before; where the route's `shadow` is another, all begins anew."""
        before = {id(route.flow): route.shadow for route in self.table.routes if route is not None}
        self._flows.on_silence()
        for route in table.routes:
            if route is not None and before.get(id(route.flow)) != route.shadow:
                route.flow.second_asks.begin_anew()

    def settle(self, table: Table) -> None:
        """The table will stay: forget routes that are gone, and the pools that nobody uses any more."""
        self._flows.keep_only({route.name for route in table.routes})
        if any(mirrored is not None for mirrored in self.table.routes):
            self.outbox.start()

    # requests

    def exchange(self, client: Client, request: Request, decision: Decision, ids: bytes, request_id: bytes) -> Exchange:
        """The exchange of a request on a route that has a mirror: one that is mirrored, or a plain one.

        Args:
            client: whose request it is.
            request: to be served.
            decision: by which arm.
            ids: lines with the ids that the served request carries.
            request_id: decides about sampling.
        """
        exchange: Exchange
        route = self.table.routes[decision.route.index]
        target = None if route is None or request.block.is_copy else route.target(request.method, decision.arm.name)
        if route is None or target is None:
            exchange = Exchange(client, request, decision)
        elif passed_over := self._passed_over(route, target, request_id):
            exchange = PassedOver(client, request, decision)
            exchange.mirrored = passed_over
        else:
            exchange = MirroredExchange(client, request, decision)
            if target.writes and not any(name == IDEMPOTENCY_KEY for name, _, _ in request.fields):
                ids += b"Idempotency-Key: %b\r\n" % request_id
            mirror = exchange.mirror = Mirror(self, route.shadow, target, exchange)
            if target.legacy is not None:
                self._sample_noise(mirror, request_id, target.flow.second_asks)
        exchange.ids = ids
        return exchange

    def _sample_noise(self, mirror: Mirror, request_id: bytes, second_asks: SecondAsks) -> None:
        """Whether legacy is asked a second time: the request id decides, the comparer about the share."""
        drawn = spread(request_id)
        if mirror.shadow.samples_noise(drawn):
            mirror.noise = True
        elif second_asks.left and mirror.shadow.may_sample_noise(drawn):
            mirror.noise = mirror.extra = second_asks.take(self._second_asks, monotonic())

    def _passed_over(self, route: RouteMirror, target: Target, request_id: bytes) -> str:
        """Why this request is not mirrored, in the access log's words: by the sample or a bound; "" where it is."""
        shadow = route.shadow
        if shadow.sample < 1.0 and not shadow.samples(spread(request_id)):
            return NOT_SAMPLED
        counters = target.counters
        counters.begin()
        if self._draining:
            reason = reasons.DRAINING
        elif shadow.rate_max is not None and not target.flow.bucket.take(shadow.rate_max, monotonic()):
            reason = reasons.RATE
        elif self.memory.full:
            reason = reasons.MEMORY
        elif target.service.refuses:
            reason = reasons.BREAKER  # the answer would be kept for nothing
        else:
            return ""
        counters.give_up(reason)
        return SHED[reason]

    def make_ready(self, mirror: Mirror) -> None:
        """Its client was served: in a quiet moment it asks, or its message is made where there is nothing to ask."""
        quiet = self._quiet
        if len(quiet) >= READY_MAX:
            mirror.shed(reasons.CONCURRENCY)
            return
        self._waiting.add(mirror)
        quiet.add(partial(self._start, mirror) if mirror.state == READY else mirror.conclude)

    def make_done(self, mirror: Mirror) -> None:
        """Its answers have come: its message is made in a quiet moment. It was ready before, which is bounded."""
        self._waiting.add(mirror)
        self._quiet.add(mirror.conclude)

    def _start(self, mirror: Mirror) -> None:
        if mirror.state != READY:
            return
        if self._given_up:
            mirror.shed(reasons.DRAINING)
            return
        flow = mirror.target.flow
        if flow.active >= mirror.shadow.concurrency_max:
            mirror.shed(reasons.CONCURRENCY)
            return
        full = self.outbox.full
        if full:
            mirror.shed(full)
            return
        flow.active += 1
        try:
            mirror.begin()
        except Exception:
            log.exception("mirror.start.failed", route=mirror.target.counters.route)
            mirror.shed(reasons.DEFECT)

    def forget(self, mirror: Mirror) -> None:
        """It has ended."""
        waiting = self._waiting
        waiting.discard(mirror)
        if not waiting and self._draining:
            self._emptied.set()

    # time

    def sweep(self, now_s: float) -> None:
        """Give up what took longer than its timeout, and connections that were idle for too long."""
        for mirror in self._waiting:
            if now_s >= mirror.deadline_s:
                mirror.deadline_s = _NEVER
                self._quiet.add(mirror.time_out)
        for service in self.table.services.values():
            service.sweep(now_s)
        if self._retired:
            self._retired = {service for service in self._retired if service.open or service.active}

    async def retire(self) -> None:
        """End the idle connections of pools that are no longer in force."""
        for service in tuple(self._retired):
            if not service.closed:
                await service.retire()

    # the end

    async def drain(self, timeout_s: float) -> None:
        """Let mirrors under way finish, then give up the others; what is complete goes to the comparer.

        Args:
            timeout_s: for the mirrors, and once more for the comparer.
        """
        self._draining = True
        if self._waiting:
            self._emptied.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._emptied.wait()
        self._give_up()
        await self.outbox.drain(timeout_s)

    async def close(self) -> None:
        """End everything at once."""
        self._draining = True
        self._give_up()
        await self.outbox.close()
        for service in (*self.table.services.values(), *self._retired):
            await service.close()

    def _give_up(self) -> None:
        """Shed what still asks or would ask; what has its answers is handed over."""
        self._given_up = True
        for mirror in tuple(self._waiting):
            if mirror.state != ANSWERED:
                mirror.shed(reasons.DRAINING)
        self._quiet.finish()

    @property
    def open(self) -> int:
        """Connections of mirrors that stand or are being made."""
        return sum(service.open for service in (*self.table.services.values(), *self._retired))

    def snapshot(self) -> list[dict[str, Any]]:
        """The counters of every route and arm that mirrored anything, as JSON, and who asks legacy more often."""
        return self._flows.snapshot()
