"""What a route table means for mirrors: which copies of which route go where, and through which pools.

Compiled once for each table and replaced whole, as `routes.table.Table` is. What moves outlives it: the pools of
services that stay as they are, and the flows of routes (`proxy.mirroring.flow`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from proxy.hop.pool import Service
from routes.methods import SAFE_METHODS
from routes.mirroring import plan_mirror
from routes.model import BreakerModel

if TYPE_CHECKING:
    import asyncio

    from proxy.mirroring.counters import MirrorCounters
    from proxy.mirroring.flow import Flow, Flows
    from routes.model import ArmModel, RouteModel, ServiceModel
    from routes.shadowing import ShadowModel
    from routes.table import Table

#: For a mirrored service that is configured without a breaker. One that refuses, resets or never answers would
#: otherwise cost a new connection for every request.
BREAKER: Final = BreakerModel(errors_share=0.5, window_s=10.0, requests_min=20, open_for_s=5.0)


@dataclass(frozen=True, slots=True)
class Asked:
    """An arm, and the pool through which mirrors ask it.

    Attributes:
        arm: whose rewriting applies.
        service: the pool.
    """

    arm: ArmModel
    service: Service


@dataclass(frozen=True, slots=True)
class Target:
    """Who gets the copy of a request.

    Attributes:
        arm: whose rewriting applies.
        service: the pool through which mirrors ask it.
        flow: that the copy is part of.
        counters: of the route and this arm.
        legacy: who is asked a second time for the noise.
        writes: the copy may change something.
        sandbox: the service is a sandbox, not the arm's own.
    """

    arm: ArmModel
    service: Service
    flow: Flow
    counters: MirrorCounters
    legacy: Asked | None
    writes: bool = False
    sandbox: bool = False


@dataclass(frozen=True, slots=True)
class RouteMirror:
    """How one route of the table in force is mirrored.

    Attributes:
        shadow: the policy.
        flow: what moves on it.
        safe: arm that serves -> who gets copies of safe requests.
        writes: arm that serves -> who gets copies of all others.
    """

    shadow: ShadowModel
    flow: Flow
    safe: Mapping[str, Target]
    writes: Mapping[str, Target]

    def target(self, method: bytes, served: str) -> Target | None:
        """Who gets the copy of a request that `served` ("legacy" or "new") answers; None where nobody does."""
        return (self.safe if method in SAFE_METHODS else self.writes).get(served)


@dataclass(frozen=True, slots=True)
class MirrorTable:
    """What a route table means for mirrors.

    Attributes:
        routes: by index, None where nothing is mirrored.
        services: pools by name.
        timeouts_s: every `timeout` there is.
    """

    routes: tuple[RouteMirror | None, ...] = ()
    services: dict[str, Service] = field(default_factory=dict)
    timeouts_s: frozenset[float] = frozenset()


def plan_mirrors(table: Table, before: MirrorTable, flows: Flows, loop: asyncio.AbstractEventLoop) -> MirrorTable:
    """What a table means for mirrors.

    Args:
        table: that may be put in force.
        before: what is in force; pools of services that did not change are kept.
        flows: of all routes there were; those that are new are added.
        loop: on which pools work.

    Raises:
        TlsError: a certificate of a mirrored service cannot be used.
    """
    needed = _connections_needed(table)
    services = {name: _pool(table.services[name], count, before, loop) for name, count in needed.items()}
    routes = tuple(_route(route, services, flows) for route in table.routes)
    timeouts = frozenset(mirrored.shadow.timeout_s for mirrored in routes if mirrored is not None)
    return MirrorTable(routes, services, timeouts)


def _pool(model: ServiceModel, connections_max: int, before: MirrorTable, loop: asyncio.AbstractEventLoop) -> Service:
    """The pool that mirrors ask a service through: the one there is, where nothing of it has changed."""
    model = dataclasses.replace(
        model, connections_max=connections_max, queue_max=0, health=None, breaker=model.breaker or BREAKER
    )
    kept = before.services.get(model.name)
    return kept if kept is not None and kept.model == model else Service(model, loop)


def _route(route: RouteModel, services: dict[str, Service], flows: Flows) -> RouteMirror | None:
    shadow = route.shadow
    if shadow is None:
        return None
    flow = flows.of(route.name)
    legacy = None
    if route.legacy is not None and shadow.noise_sample > 0.0:
        legacy = Asked(route.legacy, services[route.legacy.service])
    safe: dict[str, Target] = {}
    writes: dict[str, Target] = {}
    for served in ("legacy", "new"):
        plan = plan_mirror(route, served)
        if plan.arm is not None:
            safe[served] = _target(route, plan.arm, services, flows, legacy)
        if plan.writes is not None:
            target = _target(route, plan.writes, services, flows, None)
            sandbox = plan.arm is not None and plan.writes.service != plan.arm.service
            writes[served] = dataclasses.replace(target, writes=True, sandbox=sandbox)
    return RouteMirror(shadow, flow, safe, writes)


def _target(
    route: RouteModel, arm: ArmModel, services: dict[str, Service], flows: Flows, legacy: Asked | None
) -> Target:
    return Target(arm, services[arm.service], flows.of(route.name), flows.counters(route.name, arm.name), legacy)


def _connections_needed(table: Table) -> dict[str, int]:
    """Service -> connections that its mirrors may need: what its routes may have under way together."""
    needed: dict[str, int] = {}
    for route in table.routes:
        shadow = route.shadow
        if shadow is None:
            continue
        names = {arm.service for served in ("legacy", "new") for arm in _arms(route, served)}
        if route.legacy is not None and shadow.noise_sample > 0.0:
            names.add(route.legacy.service)
        for name in names:
            needed[name] = needed.get(name, 0) + shadow.concurrency_max
    return needed


def _arms(route: RouteModel, served: str) -> list[ArmModel]:
    plan = plan_mirror(route, served)
    return [arm for arm in (plan.arm, plan.writes) if arm is not None]
