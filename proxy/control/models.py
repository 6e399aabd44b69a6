"""What control tells about the running proxy: plain records, for `strangler status`, the API and later pages.

Their JSON is the answer of the API as it stands; durations are seconds, shares 0.0 to 1.0, times seconds since 1970.
"""

from __future__ import annotations

from dataclasses import dataclass

from proxy.control.reload import ReloadReport


@dataclass(frozen=True, slots=True)
class WorkerView:
    """One worker process; what only a running one has is None while it is down."""

    number: int
    pid: int | None
    state: str
    version: int
    restarts: int
    uptime_s: float | None
    connections: int
    tunnels: int
    resident_bytes: int | None
    cpu_s: float | None
    open_files: int | None


@dataclass(frozen=True, slots=True)
class EndpointView:
    """One URL of a service, over all workers: each of them has its own opinion of its health."""

    url: str
    workers: int
    healthy_workers: int
    breakers: dict[str, int]
    active: int
    idle: int
    pending: int
    requests: int
    connects: int
    connect_failures: int


@dataclass(frozen=True, slots=True)
class ServiceView:
    """One service."""

    name: str
    endpoints: tuple[EndpointView, ...]


@dataclass(frozen=True, slots=True)
class ConfigView:
    """The file, and what became of its last reload."""

    path: str
    version: int
    reloads_applied: int
    reloads_refused: int
    last_reload: ReloadReport | None


@dataclass(frozen=True, slots=True)
class StatusView:
    """The proxy as a whole.

    Attributes:
        ready: at least one worker serves the table in force, and the proxy does not stop.
        comparer: state of the comparer, `starting`, `ready` or `down`; None where no route was ever mirrored.
        problems: what is wrong, a sentence each; empty where all is well.
        listen: configured address -> the address that is bound.
    """

    ready: bool
    draining: bool
    problems: tuple[str, ...]
    release: str
    uptime_s: float
    supervisor_pid: int
    control_restarts: int
    listen: dict[str, str]
    config: ConfigView
    workers: tuple[WorkerView, ...]
    services: tuple[ServiceView, ...]
    comparer: str | None
    requests_active: int
    requests_total: int
    requests_per_s: float
    requests_rejected: dict[str, int]
    log_lines_dropped: int


@dataclass(frozen=True, slots=True)
class ArmView:
    """One arm of a route: its counts since the start, its rates over the window."""

    arm: str
    service: str
    share: float
    requests: int
    active: int
    retries: int
    fallbacks: int
    per_s: float
    error_share: float | None
    p50_s: float | None
    p99_s: float | None


@dataclass(frozen=True, slots=True)
class MirrorView:
    """What is mirrored of a route: counts since the start, the rate over the window.

    Attributes:
        arm: that gets the copies.
        sample: share of the requests that is chosen, as configured.
        sent: requests that were chosen; they are compared, shed, lost or under way.
        again: of them, those for which legacy was asked a second time.
        again_extra: of those, the ones beyond `noise_sample`.
        asking_more: legacy is asked a second time more often than `noise_sample` now.
        shed: by reason.
        lost: by reason.
        answers: what the copies came to, by outcome.
        verdicts: what the comparisons concluded.
        per_s: chosen per second.
        compared_share: of those chosen in the window, None without any.
    """

    arm: str
    sample: float
    sent: int
    compared: int
    under_way: int
    again: int
    again_extra: int
    asking_more: bool
    shed: dict[str, int]
    lost: dict[str, int]
    answers: dict[str, int]
    verdicts: dict[str, int]
    per_s: float
    compared_share: float | None


@dataclass(frozen=True, slots=True)
class RouteView:
    """One route; `share` is that of the clients that new serves, `mirror` None where nothing is mirrored."""

    name: str
    mode: str
    share: float
    arms: tuple[ArmView, ...]
    mirror: MirrorView | None = None


@dataclass(frozen=True, slots=True)
class RoutesView:
    """All routes, in the order of the file."""

    version: int
    window_s: float
    routes: tuple[RouteView, ...]
