"""The metrics of `/metrics`: every name once, with its type, labels and meaning, and how it is filled.

`METRICS` is what docs/reference/metrics.md is compared with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector, CollectorRegistry

from proxy.control.comparer_metrics import COMPARER_METRICS, comparer_samples
from proxy.control.histogram import exported
from proxy.control.metric import MetricSpec, Sample
from proxy.control.models import WorkerView
from proxy.control.state import ControlState
from proxy.control.sync_metrics import SYNC_METRICS, sync_samples
from proxy.control.views import RELEASE, view_worker

_ARM: Final = ("route", "arm")
_ENDPOINT: Final = ("service", "url")

METRICS: Final[dict[str, MetricSpec]] = {
    "strangler_requests": MetricSpec(
        "counter", (*_ARM, "status_class"), "Requests that were answered, by arm that served and class of the status."
    ),
    "strangler_request_duration_seconds": MetricSpec(
        "histogram", _ARM, "From the first byte of a request to the last byte of its response."
    ),
    "strangler_requests_active": MetricSpec("gauge", _ARM, "Requests under way, from decision to last byte."),
    "strangler_request_body_bytes": MetricSpec("counter", _ARM, "Body bytes received from clients."),
    "strangler_response_body_bytes": MetricSpec("counter", _ARM, "Body bytes sent to clients."),
    "strangler_retries": MetricSpec("counter", _ARM, "Requests sent again to the same arm."),
    "strangler_fallbacks": MetricSpec("counter", _ARM, "Requests that this arm could not serve; the other was asked."),
    "strangler_errors": MetricSpec(
        "counter", (*_ARM, "kind"), "Failures by Proxy-Status error type; without route and arm where none was decided."
    ),
    "strangler_requests_rejected": MetricSpec(
        "counter", ("status",), "Requests answered by the proxy before a route was decided."
    ),
    "strangler_mirror_requests": MetricSpec(
        "counter", _ARM, "Requests chosen to be mirrored; the arm is the one that gets the copy."
    ),
    "strangler_mirror_requests_compared": MetricSpec("counter", _ARM, "Of them, those that were compared and stored."),
    "strangler_mirror_requests_shed": MetricSpec(
        "counter", (*_ARM, "reason"), "Of them, those given up before there was anything to compare."
    ),
    "strangler_mirror_requests_lost": MetricSpec(
        "counter", (*_ARM, "reason"), "Of them, those that were answered and never compared."
    ),
    "strangler_mirror_requests_under_way": MetricSpec("gauge", _ARM, "Of them, those without an end yet."),
    "strangler_mirror_answers": MetricSpec("counter", (*_ARM, "outcome"), "What the copies came to."),
    "strangler_mirror_noise_requests": MetricSpec(
        "counter", _ARM, "Mirrored requests for which legacy was asked a second time."
    ),
    "strangler_mirror_noise_requests_extra": MetricSpec(
        "counter", _ARM, "Of them, those beyond noise_sample, to settle whether a difference is noise."
    ),
    "strangler_mirror_noise_extra_workers": MetricSpec(
        "gauge", _ARM, "Workers that ask legacy a second time more often than noise_sample now."
    ),
    "strangler_mirror_verdicts": MetricSpec("counter", (*_ARM, "verdict"), "What comparisons concluded."),
    "strangler_comparer_ready": MetricSpec("gauge", (), "1 while a comparer takes exchanges, else 0."),
    "strangler_comparer_restarts": MetricSpec("counter", (), "Times that the comparer was started again."),
    **COMPARER_METRICS,
    **SYNC_METRICS,
    "strangler_client_connections": MetricSpec("gauge", (), "Open client connections."),
    "strangler_client_connections_accepted": MetricSpec("counter", (), "Client connections accepted."),
    "strangler_client_connections_refused": MetricSpec(
        "counter", (), "Client connections closed at once because connections_max was reached."
    ),
    "strangler_tunnels": MetricSpec("gauge", (), "Open upgraded connections, such as WebSockets."),
    "strangler_tunnels_opened": MetricSpec("counter", (), "Upgraded connections since the start."),
    "strangler_endpoint_workers": MetricSpec("gauge", _ENDPOINT, "Workers that report about an endpoint."),
    "strangler_endpoint_healthy_workers": MetricSpec("gauge", _ENDPOINT, "Workers that take the endpoint for healthy."),
    "strangler_endpoint_breaker_workers": MetricSpec(
        "gauge", (*_ENDPOINT, "state"), "Workers whose breaker is closed, open or half_open."
    ),
    "strangler_endpoint_connections": MetricSpec("gauge", (*_ENDPOINT, "state"), "Connections, active or idle."),
    "strangler_endpoint_requests_pending": MetricSpec("gauge", _ENDPOINT, "Requests that an endpoint is working on."),
    "strangler_endpoint_requests": MetricSpec("counter", _ENDPOINT, "Requests sent to an endpoint."),
    "strangler_endpoint_connects": MetricSpec("counter", _ENDPOINT, "Connections made to an endpoint."),
    "strangler_endpoint_connect_failures": MetricSpec("counter", _ENDPOINT, "Connections that could not be made."),
    "strangler_service_requests_waiting": MetricSpec(
        "gauge", ("service",), "Requests that wait for a connection to a service."
    ),
    "strangler_table_version": MetricSpec("gauge", (), "Version of the route table in force."),
    "strangler_worker_table_version": MetricSpec("gauge", ("worker",), "Version of the table that a worker serves."),
    "strangler_worker_ready": MetricSpec("gauge", ("worker",), "1 while a worker serves, else 0."),
    "strangler_worker_restarts": MetricSpec("counter", ("worker",), "Times that a worker was started again."),
    "strangler_worker_resident_bytes": MetricSpec("gauge", ("worker",), "Memory of a worker in RAM."),
    "strangler_worker_cpu_seconds": MetricSpec("counter", ("worker",), "Processor time of a worker since its start."),
    "strangler_worker_open_files": MetricSpec("gauge", ("worker",), "Open descriptors of a worker."),
    "strangler_control_restarts": MetricSpec("counter", (), "Times that the control process was started again."),
    "strangler_reloads": MetricSpec("counter", ("outcome",), "Reloads since control started: applied or refused."),
    "strangler_config_refused": MetricSpec("gauge", (), "1 while the last reload was refused, else 0."),
    "strangler_access_log_lines_dropped": MetricSpec("counter", (), "Access log lines that were not written."),
    "strangler_snapshots_dropped": MetricSpec("counter", (), "Snapshots of workers that nobody was there to read."),
    "strangler_start_time_seconds": MetricSpec("gauge", (), "When the supervisor started, seconds since 1970."),
    "strangler_build_info": MetricSpec("gauge", ("version",), "1; the label is the release."),
}

#: Counts without labels: metric -> field of a merged snapshot.
_PLAIN: Final = {
    "strangler_client_connections": "client_connections",
    "strangler_client_connections_accepted": "client_connections_total",
    "strangler_client_connections_refused": "client_connections_refused",
    "strangler_tunnels": "tunnels",
    "strangler_tunnels_opened": "tunnels_total",
    "strangler_access_log_lines_dropped": "log_lines_dropped",
    "strangler_snapshots_dropped": "snapshots_dropped",
}
#: Counts of one arm: metric -> field of the arm.
_OF_ARM: Final = {
    "strangler_requests_active": "active",
    "strangler_request_body_bytes": "bytes_in",
    "strangler_response_body_bytes": "bytes_out",
    "strangler_retries": "retries",
    "strangler_fallbacks": "fallbacks",
}
#: Counts of the mirrors to one arm: metric -> field of the mirror.
_OF_MIRROR: Final = {
    "strangler_mirror_requests": "sent",
    "strangler_mirror_requests_compared": "compared",
    "strangler_mirror_requests_under_way": "under_way",
    "strangler_mirror_noise_requests": "again",
    "strangler_mirror_noise_requests_extra": "again_extra",
    "strangler_mirror_noise_extra_workers": "asking_more",
}
#: The same with one more label.
_OF_MIRROR_KEYED: Final = {
    "strangler_mirror_requests_shed": "shed",
    "strangler_mirror_requests_lost": "lost",
    "strangler_mirror_answers": "answers",
    "strangler_mirror_verdicts": "verdicts",
}
#: Counts of one endpoint: metric -> field of the endpoint.
_OF_ENDPOINT: Final = {
    "strangler_endpoint_workers": "workers",
    "strangler_endpoint_healthy_workers": "healthy_workers",
    "strangler_endpoint_requests_pending": "pending",
    "strangler_endpoint_requests": "requests",
    "strangler_endpoint_connects": "connects",
    "strangler_endpoint_connect_failures": "connect_failures",
}
_BREAKER_STATES: Final = ("closed", "open", "half_open")


class StateCollector(Collector):
    """Turns the state into metric families, anew for each scrape."""

    def __init__(self, state: ControlState) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """Every metric of `METRICS`, in that order."""
        state = self._state
        total = state.total()
        samples: dict[str, list[Sample]] = {
            **{name: [((), total[field])] for name, field in _PLAIN.items()},
            **_arm_samples(total["arms"], total["errors"]),
            **_mirror_samples(total["mirrors"]),
            **_endpoint_samples(total["endpoints"]),
            **_worker_samples([view_worker(state, worker) for worker in state.workers]),
            **_state_samples(state),
            **comparer_samples(state.comparers.total()),
            **sync_samples(state.syncer, state.syncs),
            "strangler_service_requests_waiting": [((name,), count) for name, count in total["waiting"].items()],
            "strangler_requests_rejected": [((status,), count) for status, count in total["requests_rejected"].items()],
        }
        for name, spec in METRICS.items():
            if spec.kind == "histogram":
                yield _histogram(name, spec, total["arms"])
            else:
                yield _family(name, spec, samples[name])


def make_registry(state: ControlState) -> CollectorRegistry:
    """A registry that shows this state and nothing of the control process itself."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(StateCollector(state))
    return registry


def _family(name: str, spec: MetricSpec, samples: Iterable[Sample]) -> Metric:
    kind = CounterMetricFamily if spec.kind == "counter" else GaugeMetricFamily
    family = kind(name, spec.help, labels=spec.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def _histogram(name: str, spec: MetricSpec, arms: Iterable[Mapping[str, Any]]) -> Metric:
    family = HistogramMetricFamily(name, spec.help, labels=spec.labels)
    for arm in arms:
        family.add_metric((arm["route"], arm["arm"]), exported(arm["buckets"]), arm["seconds"])
    return family


def _arm_samples(arms: list[dict[str, Any]], other_errors: Mapping[str, int]) -> dict[str, list[Sample]]:
    samples: dict[str, list[Sample]] = {
        name: [((arm["route"], arm["arm"]), arm[field]) for arm in arms] for name, field in _OF_ARM.items()
    }
    samples["strangler_requests"] = [
        ((arm["route"], arm["arm"], f"{digit}xx" if digit else "none"), count)
        for arm in arms
        for digit, count in enumerate(arm["statuses"])
        if count
    ]
    samples["strangler_errors"] = [
        ((arm["route"], arm["arm"], kind), count) for arm in arms for kind, count in arm["errors"].items()
    ]
    samples["strangler_errors"] += [(("", "", kind), count) for kind, count in other_errors.items()]
    return samples


def _mirror_samples(mirrors: list[dict[str, Any]]) -> dict[str, list[Sample]]:
    samples: dict[str, list[Sample]] = {
        name: [((one["route"], one["arm"]), one[field]) for one in mirrors] for name, field in _OF_MIRROR.items()
    }
    for name, field in _OF_MIRROR_KEYED.items():
        samples[name] = [
            ((one["route"], one["arm"], key), count) for one in mirrors for key, count in one[field].items()
        ]
    return samples


def _endpoint_samples(endpoints: list[dict[str, Any]]) -> dict[str, list[Sample]]:
    samples: dict[str, list[Sample]] = {
        name: [((one["service"], one["url"]), one[field]) for one in endpoints] for name, field in _OF_ENDPOINT.items()
    }
    samples["strangler_endpoint_connections"] = [
        ((one["service"], one["url"], state), one[state]) for one in endpoints for state in ("active", "idle")
    ]
    samples["strangler_endpoint_breaker_workers"] = [
        ((one["service"], one["url"], state), one["breakers"].get(state, 0))
        for one in endpoints
        if one["breakers"]
        for state in _BREAKER_STATES
    ]
    return samples


def _worker_samples(workers: list[WorkerView]) -> dict[str, list[Sample]]:
    fields: dict[str, list[tuple[WorkerView, float | None]]] = {
        "strangler_worker_table_version": [(one, one.version) for one in workers],
        "strangler_worker_ready": [(one, one.state == "ready") for one in workers],
        "strangler_worker_restarts": [(one, one.restarts) for one in workers],
        "strangler_worker_resident_bytes": [(one, one.resident_bytes) for one in workers],
        "strangler_worker_cpu_seconds": [(one, one.cpu_s) for one in workers],
        "strangler_worker_open_files": [(one, one.open_files) for one in workers],
    }
    return {
        name: [((str(one.number),), float(value)) for one, value in pairs if value is not None]
        for name, pairs in fields.items()
    }


def _state_samples(state: ControlState) -> dict[str, list[Sample]]:
    reloader = state.reloader
    comparer = state.comparer
    refused = reloader.last is not None and reloader.last.outcome == "refused"
    return {
        "strangler_table_version": [((), reloader.version)],
        "strangler_control_restarts": [((), state.hello["control_restarts"])],
        "strangler_comparer_ready": [((), float(comparer is not None and comparer["state"] == "ready"))],
        "strangler_comparer_restarts": [((), 0 if comparer is None else comparer["restarts"])],
        "strangler_reloads": [(("applied",), reloader.applied), (("refused",), reloader.refused)],
        "strangler_config_refused": [((), float(refused))],
        "strangler_start_time_seconds": [((), state.hello["started_at"])],
        "strangler_build_info": [((RELEASE,), 1)],
    }
