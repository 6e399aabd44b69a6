"""Why a request goes where it goes, in words: for `strangler explain`, the admin API and the console."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from routes.head import Head
from routes.mirroring import MIRROR_FIELD, Mirroring, explain_mirror
from routes.model import ArmModel, Decision, RouteModel, ServiceModel
from routes.table import Table
from routes.template import is_plain_path


@dataclass(frozen=True, slots=True)
class Miss:
    """A route before the one that matched (or any route, where none did), and why it does not match.

    Attributes:
        route: its name.
        index: its place in the file, from 0.
        reasons: (part, sentence); parts are host, path, method, header, query and cookie.
    """

    route: str
    index: int
    reasons: tuple[tuple[str, str], ...]

    @property
    def near(self) -> bool:
        """Whether host and path match, or all but one part does and that one is not the path."""
        parts = [part for part, _ in self.reasons]
        return "path" not in parts and ("host" not in parts or len(parts) == 1)

    def as_json(self) -> dict[str, Any]:
        """The miss as data."""
        reasons = [{"part": part, "reason": reason} for part, reason in self.reasons]
        return {"route": self.route, "index": self.index, "near": self.near, "reasons": reasons}


@dataclass(frozen=True, slots=True)
class Sent:
    """What is sent upstream, as far as the route decides it. Forwarded fields, Via and ids come on top.

    Attributes:
        service: its name.
        urls: its endpoints, one of which is chosen.
        request_line: with the first endpoint's base path.
        host: the Host field, for the first endpoint.
        headers_set: fields that replace those of the client.
        headers_remove: names of fields that are not sent.
    """

    service: str
    urls: tuple[str, ...]
    request_line: str
    host: str
    headers_set: tuple[tuple[str, str], ...]
    headers_remove: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The same as data."""
        return {
            "service": self.service,
            "urls": list(self.urls),
            "request_line": self.request_line,
            "host": self.host,
            "headers_set": dict(self.headers_set),
            "headers_remove": list(self.headers_remove),
        }


@dataclass(frozen=True, slots=True)
class Explanation:
    """The whole way of one request through the table.

    Attributes:
        outcome: `"served"`, `"no_route"` (404), `"host_not_served"` (421) or `"path_refused"` (400).
        decision: the table's; None where no route matches.
        threshold: buckets below it go to new; None where no canary was asked.
        misses: the routes that were tried before, in file order.
        sent: what is sent upstream; None unless served.
        mirroring: whether a copy is sent to the other arm; None unless served.
    """

    outcome: str
    decision: Decision | None
    threshold: int | None
    misses: tuple[Miss, ...]
    sent: Sent | None
    mirroring: Mirroring | None = None

    def as_json(self) -> dict[str, Any]:
        """The explanation as data, for `--json`."""
        found = self.decision
        return {
            "outcome": self.outcome,
            "route": None if found is None else found.route.name,
            "mode": None if found is None else found.route.mode,
            "arm": None if found is None else found.arm.name,
            "reason": None if found is None else found.reason,
            "key": None if found is None else found.key,
            "bucket": None if found is None else found.bucket,
            "threshold": self.threshold,
            "set_cookie": None if found is None or found.set_cookie is None else _text(found.set_cookie),
            "mirror": None if self.mirroring is None else self.mirroring.as_json(),
            "sent": None if self.sent is None else self.sent.as_json(),
            "misses": [miss.as_json() for miss in self.misses],
        }


def explain(table: Table, head: Head) -> Explanation:
    """Say what the table does with a request, and why.

    Args:
        table: compiled.
        head: the request; nothing of it is changed.
    """
    decision = table.decide(head)
    last = len(table.routes) if decision is None else decision.route.index
    misses = tuple([_miss(route, head) for route in table.routes[:last]])
    if decision is None:
        outcome = "no_route" if table.serves_host(head.host) else "host_not_served"
        return Explanation(outcome, None, None, misses, None)
    canary = decision.route.canary if decision.route.mode == "canary" else None
    threshold = None if canary is None else canary.threshold
    if not decision.route.raw_paths and not is_plain_path(head.path):
        return Explanation("path_refused", decision, threshold, misses, None)
    sent = _sent(decision, table.services[decision.arm.service], head)
    is_copy = head.header(MIRROR_FIELD) is not None
    mirroring = explain_mirror(decision.route, decision.arm, head.method, is_copy=is_copy)
    return Explanation("served", decision, threshold, misses, sent, mirroring)


def _miss(route: RouteModel, head: Head) -> Miss:
    return Miss(route.name, route.index, tuple(route.match.failures(head)))


def _sent(decision: Decision, service: ServiceModel, head: Head) -> Sent:
    arm: ArmModel = decision.arm
    url = service.urls[0]
    target = arm.target(head, decision.params)
    if target[:1] == b"/":
        target = url.base_path + target
    host = service.host_header
    shown = head.authority if host == "client" else url.authority if isinstance(host, str) else host
    return Sent(
        service=service.name,
        urls=tuple([one.text for one in service.urls]),
        request_line=f"{_text(head.method)} {_text(target)} HTTP/1.1",
        host=_text(shown),
        headers_set=tuple([(_text(name), _text(value)) for name, value in arm.headers_set]),
        headers_remove=tuple(sorted(_text(name) for name in arm.headers_remove)),
    )


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
