"""Makes the records of `models` out of the state. Pure apart from reading /proc for the workers."""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from proxy.control.models import (
    ArmView,
    ConfigView,
    EndpointView,
    MirrorView,
    RoutesView,
    RouteView,
    ServiceView,
    StatusView,
    WorkerView,
)
from proxy.control.procinfo import read_use
from proxy.control.rates import IDLE, NO_MIRROR, ArmRate, MirrorRate
from proxy.control.snapshots import Snapshot
from proxy.control.state import ControlState
from routes.config import Route
from routes.mirroring import mirrored_arm, serving_arm

#: The release that runs.
RELEASE: Final = importlib.metadata.version("strangler-proxy")

#: A comparer is ready within seconds, or something is wrong.
_START_S: Final = 20.0
#: `StoreError.reason` in words.
_STORE_FAILURES: Final = {
    "full": "the disk of the state database is full",
    "busy": "the state database is locked by another process",
    "away": "the state database cannot be reached",
    "refused": "the state database may not be written",
    "newer": "the state database is of a newer release",
    "damaged": "the state database is damaged",
    "other": "the state database fails",
}


def view_status(state: ControlState) -> StatusView:
    """The proxy as a whole."""
    total = state.total()
    _, rates = state.window.rates(state.now_s(), total)
    reloader = state.reloader
    services = view_services(state, total)
    return StatusView(
        ready=state.ready,
        draining=state.draining,
        problems=tuple(find_problems(state, services)),
        release=RELEASE,
        uptime_s=time.time() - state.hello["started_at"],
        supervisor_pid=state.hello["pid"],
        control_restarts=state.hello["control_restarts"],
        listen=state.hello["listen"],
        config=ConfigView(
            state.hello["config_path"], reloader.version, reloader.applied, reloader.refused, reloader.last
        ),
        workers=tuple(view_worker(state, worker) for worker in state.workers),
        services=services,
        comparer=None if state.comparer is None else state.comparer["state"],
        requests_active=sum(arm["active"] for arm in total["arms"]),
        requests_total=sum(sum(arm["statuses"]) for arm in total["arms"]),
        requests_per_s=sum(rate.per_s for rate in rates.values()),
        requests_rejected=total["requests_rejected"],
        log_lines_dropped=total["log_lines_dropped"],
    )


def find_problems(state: ControlState, services: tuple[ServiceView, ...]) -> Iterator[str]:
    """What somebody should look at, a sentence each."""
    if state.draining:
        yield "The proxy is stopping."
    for worker in state.workers:
        if worker["state"] == "down":
            yield f"Worker {worker['number']} is down and will be started again."
        elif worker["state"] == "ready" and worker["version"] < state.reloader.version:
            yield f"Worker {worker['number']} serves table {worker['version']}, not {state.reloader.version}."
    if state.comparer is not None and state.comparer["state"] == "down":
        yield "The comparer is down and will be started again: what is mirrored waits for it, up to a bound."
    if state.comparer is not None and _starts_for_long(state.comparer):
        yield "The comparer is not ready yet, and its events say why: what is mirrored waits for it, up to a bound."
    if failing := state.comparers.total().get("failing"):
        why = _STORE_FAILURES.get(failing, failing)
        yield f"The comparer cannot store what it finds, since {why}: what is mirrored is lost, and counted."
    last = state.reloader.last
    if last is not None and last.outcome == "refused":
        yield f"The last reload was refused; table {state.reloader.version} serves on."
    for service in services:
        for endpoint in service.endpoints:
            if endpoint.healthy_workers < endpoint.workers:
                yield f"{service.name}: {endpoint.url} is unhealthy."
            if endpoint.breakers.get("open", 0):
                yield f"{service.name}: the breaker of {endpoint.url} is open."


def _starts_for_long(process: Mapping[str, Any]) -> bool:
    return bool(process["state"] == "starting" and time.time() - process["started_at"] > _START_S)


def view_worker(state: ControlState, worker: Mapping[str, Any]) -> WorkerView:
    """One worker process."""
    pid = worker["pid"]
    use = None if pid is None else read_use(pid)
    snapshot = state.totals.live.get(worker["number"], {})
    return WorkerView(
        number=worker["number"],
        pid=pid,
        state=worker["state"],
        version=worker["version"],
        restarts=worker["restarts"],
        uptime_s=None if pid is None else max(0.0, time.time() - worker["started_at"]),
        connections=snapshot.get("client_connections", 0),
        tunnels=snapshot.get("tunnels", 0),
        resident_bytes=None if use is None else use.resident_bytes,
        cpu_s=None if use is None else use.cpu_s,
        open_files=None if use is None else use.open_files,
    )


def view_services(state: ControlState, total: Snapshot) -> tuple[ServiceView, ...]:
    """The configured services with what workers say of their endpoints."""
    known = {(one["service"], one["url"]): one for one in total["endpoints"]}
    return tuple(
        ServiceView(name, tuple(_view_endpoint(url, known.get((name, url))) for url in service.urls))
        for name, service in state.reloader.config.services.items()
    )


def view_routes(state: ControlState) -> RoutesView:
    """The configured routes with what their arms do."""
    total = state.total()
    window_s, rates = state.window.rates(state.now_s(), total)
    mirror_rates = state.window.mirror_rates(state.now_s(), total)
    mirrors = {(one["route"], one["arm"]): one for one in total["mirrors"]}
    counts = {(arm["route"], arm["arm"]): arm for arm in total["arms"]}
    routes = []
    for route in state.reloader.config.routes:
        share = new_share(route)
        arms = tuple(
            _view_arm(arm, service, arm_share, counts.get((route.name, arm)), rates.get((route.name, arm), IDLE))
            for arm, service, arm_share in (("legacy", route.legacy, 1 - share), ("new", route.new, share))
            if service is not None
        )
        routes.append(RouteView(route.name, route.mode, share, arms, _view_mirror(route, mirrors, mirror_rates)))
    return RoutesView(state.reloader.version, window_s, tuple(routes))


def new_share(route: Route) -> float:
    """The share of the clients that the new arm is meant to serve."""
    if route.mode == "canary" and route.canary is not None:
        return route.canary.percent
    return 1.0 if serving_arm(route) == "new" else 0.0


def _view_mirror(
    route: Route, mirrors: Mapping[tuple[str, str], Mapping[str, Any]], rates: Mapping[tuple[str, str], MirrorRate]
) -> MirrorView | None:
    """What is mirrored by the table in force; None where nothing is."""
    arm = mirrored_arm(route)
    if arm is None:
        return None
    key = (route.name, arm)
    rate = rates.get(key, NO_MIRROR)
    numbers = mirrors.get(key, {})
    return MirrorView(
        arm=arm,
        sample=1.0 if route.shadow is None else route.shadow.sample,
        **{name: numbers.get(name, 0) for name in ("sent", "compared", "under_way", "again", "again_extra")},
        asking_more=numbers.get("asking_more", 0) > 0,
        **{name: numbers.get(name, {}) for name in ("shed", "lost", "answers", "verdicts")},
        per_s=rate.per_s,
        compared_share=rate.compared_share,
    )


def _view_endpoint(url: str, known: Mapping[str, Any] | None) -> EndpointView:
    if known is None:
        return EndpointView(url, 0, 0, {}, 0, 0, 0, 0, 0, 0)
    return EndpointView(url, **{name: known[name] for name in EndpointView.__slots__ if name != "url"})


def _view_arm(arm: str, service: str, share: float, counts: Mapping[str, Any] | None, rate: ArmRate) -> ArmView:
    return ArmView(
        arm=arm,
        service=service,
        share=share,
        requests=0 if counts is None else sum(counts["statuses"]),
        active=0 if counts is None else counts["active"],
        retries=0 if counts is None else counts["retries"],
        fallbacks=0 if counts is None else counts["fallbacks"],
        per_s=rate.per_s,
        error_share=rate.error_share,
        p50_s=rate.p50_s,
        p99_s=rate.p99_s,
    )
