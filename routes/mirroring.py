"""Which requests of a route are mirrored: from the configuration to a model, and from a request to a yes or a reason.

| mode | serves | mirrored |
| --- | --- | --- |
| `shadow` | the arm that `serve` names | the other one |
| `canary` | what the canary decides | legacy, for the requests that new serves |
| `new` | new | legacy |
| `legacy` | legacy | nothing |

A copy of a write goes to new only, and only as `unsafe_methods` says: legacy never gets one, since nobody built it to
be asked twice.
"""

from __future__ import annotations

import calendar
import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from routes.methods import SAFE_METHODS
from routes.shadowing import CompareModel, RuleModel, ShadowModel

if TYPE_CHECKING:
    from routes.config import Compare, Route, Rule
    from routes.model import ArmModel, RouteModel

#: By this field a request says that it is a copy; it is never mirrored again.
MIRROR_FIELD: Final = b"x-strangler-mirror"
_DAY_S: Final = 86400.0


@dataclass(frozen=True, slots=True)
class MirrorPlan:
    """Where the copies of the requests go that one arm of a route serves.

    Attributes:
        arm: of the copy; None where nothing is mirrored.
        writes: the arm for copies of other than safe methods; None where those are not mirrored.
    """

    arm: ArmModel | None = None
    writes: ArmModel | None = None


NOWHERE: Final = MirrorPlan()


def plan_mirror(route: RouteModel, served: str) -> MirrorPlan:
    """Where copies go of requests that `served` ("legacy" or "new") answers."""
    shadow = route.shadow
    if shadow is None or (route.mode != "shadow" and served != "new"):
        return NOWHERE
    if served == "new":
        return MirrorPlan(route.legacy)
    if shadow.unsafe_methods == "never" or route.new is None:
        return MirrorPlan(route.new)
    if shadow.unsafe_methods == "allow" or shadow.sandbox_service is None:
        return MirrorPlan(route.new, route.new)
    return MirrorPlan(route.new, dataclasses.replace(route.new, service=shadow.sandbox_service))


@dataclass(frozen=True, slots=True)
class Mirroring:
    """Whether one request is mirrored, in words.

    Attributes:
        mirrored: a copy is sent, as far as the configuration decides it: a bound may still stand against it.
        why: a sentence.
        arm: whose answer is compared with the one that the client gets; None where nothing is mirrored.
        service: that gets the copy.
        sample: share of such requests that is mirrored.
    """

    mirrored: bool
    why: str
    arm: str | None = None
    service: str | None = None
    sample: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The same as data."""
        return dataclasses.asdict(self)


def explain_mirror(route: RouteModel, served: ArmModel, method: bytes, *, is_copy: bool) -> Mirroring:
    """Whether a request is mirrored and why.

    Args:
        route: that it belongs to.
        served: the arm that serves the client.
        method: of the request.
        is_copy: it came with `X-Strangler-Mirror`.
    """
    shadow = route.shadow
    plan = plan_mirror(route, served.name)
    arm = plan.arm if method in SAFE_METHODS else plan.writes
    if shadow is None:
        return Mirroring(mirrored=False, why="the route mirrors nothing")
    if plan.arm is None:
        return Mirroring(mirrored=False, why=f"mode {route.mode} mirrors what new serves, and legacy serves this")
    if is_copy:
        return Mirroring(mirrored=False, why="it is a copy itself: it has X-Strangler-Mirror")
    if arm is None and plan.arm.name == "legacy":
        return Mirroring(mirrored=False, why="legacy never gets a copy of a write")
    if arm is None:
        return Mirroring(mirrored=False, why=f"unsafe_methods is {shadow.unsafe_methods}, and it may change things")
    why = "every request is" if shadow.sample >= 1.0 else "a share of the requests is; the request id decides"
    return Mirroring(mirrored=True, why=why, arm=arm.name, service=arm.service, sample=shadow.sample)


def compile_shadow(route: Route) -> ShadowModel | None:
    """The model of a route's mirroring; None where its mode mirrors nothing."""
    if route.mode == "legacy" or route.legacy is None or route.new is None:
        return None
    given = route.shadow
    if given is None:
        return ShadowModel() if route.mode == "shadow" else None
    if given.sample == 0.0:
        return None
    return ShadowModel(
        sample=given.sample,
        rate_max=given.rate_max,
        unsafe_methods=given.unsafe_methods,
        sandbox_service=given.sandbox_service,
        timeout_s=given.timeout,
        concurrency_max=given.concurrency_max,
        body_bytes_max=given.body_bytes_max,
        noise_sample=given.noise_sample,
        noise_sample_max=given.noise_sample_max,
        compare=_compare(given.compare),
    )


def serving_arm(route: Route) -> str:
    """The arm that serves a route's clients where no canary decides."""
    if route.mode == "shadow" and route.shadow is not None:
        return route.shadow.serve
    return "new" if route.mode == "new" else "legacy"


def mirrored_arm(route: Route) -> str | None:
    """The arm that gets copies of a route's requests; None where nothing is mirrored."""
    if compile_shadow(route) is None:
        return None
    return "new" if route.mode == "shadow" and serving_arm(route) == "legacy" else "legacy"


def _compare(compare: Compare) -> CompareModel:
    return CompareModel(
        rules=tuple(compile_rule(rule, f"file:{number}") for number, rule in enumerate(compare.rules)),
        headers=tuple(name.lower() for name in compare.headers),
        cookies=compare.cookies,
        latency_factor=compare.latency_factor,
        redact=tuple(compare.redact),
        nodes_max=compare.nodes_max,
        differences_max=compare.differences_max,
        decoded_bytes_max=compare.decoded_bytes_max,
    )


def compile_rule(rule: Rule, identifier: str) -> RuleModel:
    """The model of one rule.

    Args:
        rule: as it was given.
        identifier: of the model.
    """
    kind = rule.kind
    value = getattr(rule, kind)
    if kind == "tolerance":
        value = value.model_dump(exclude_none=True)
    ends = rule.expires
    return RuleModel(
        id=identifier,
        path=rule.path,
        kind=kind,
        argument=None if value is True else value,
        reason=rule.reason,
        owner=rule.owner,
        expires=None if ends is None else calendar.timegm(ends.timetuple()) + _DAY_S,
    )
