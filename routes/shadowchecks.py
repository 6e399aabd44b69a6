"""What the `shadow` of a route says and does not do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from routes.errors import ConfigPath
from routes.finding import Finding

if TYPE_CHECKING:
    from routes.config import Route, Shadow
    from routes.model import RouteModel


def shadow_findings(model: RouteModel, route: Route) -> Iterator[Finding]:
    """What is set under `shadow` of a route and has no effect, or another than was meant."""
    shadow = route.shadow
    if shadow is None:
        return
    at: ConfigPath = ("routes", model.index, "shadow")
    if route.legacy is None or route.new is None:
        missing = "legacy" if route.legacy is None else "new"
        message = f"the shadow of {route.name} has no effect: the route has no {missing} arm to compare with"
        yield Finding("warning", "shadow_one_arm", message, at, route.name)
        return
    if route.mode == "legacy":
        message = f"the shadow of {route.name} has no effect in mode legacy: mode shadow mirrors"
        yield Finding("hint", "shadow_unused", message, at, route.name)
        return
    if shadow.sample == 0.0:
        message = f"the shadow of {route.name} has a sample of 0%: nothing is mirrored"
        yield Finding("warning", "shadow_nothing", message, (*at, "sample"), route.name)
    if route.legacy == route.new:
        message = f"both arms of {route.name} are the service {route.new}: it is compared with itself"
        yield Finding("warning", "shadow_of_itself", message, at, route.name, route.new)
    yield from _serve_findings(route, shadow, at)
    yield from _write_findings(route, shadow, at)
    yield from _rule_findings(route, shadow, at)


def _serve_findings(route: Route, shadow: Shadow, at: ConfigPath) -> Iterator[Finding]:
    if shadow.serve == "new" and route.mode != "shadow":
        message = f"serve of {route.name} has an effect in mode shadow only; mode {route.mode} decides who serves"
        yield Finding("hint", "serve_unused", message, (*at, "serve"), route.name)


def _write_findings(route: Route, shadow: Shadow, at: ConfigPath) -> Iterator[Finding]:
    legacy_is_mirrored = route.mode != "shadow" or shadow.serve == "new"
    if shadow.unsafe_methods != "never" and legacy_is_mirrored:
        message = f"unsafe_methods of {route.name} has no effect where new serves: legacy never gets a copy of a write"
        yield Finding("warning", "writes_unmirrored", message, (*at, "unsafe_methods"), route.name)
    if shadow.sandbox_service is not None and shadow.unsafe_methods != "sandbox":
        message = f"the sandbox_service of {route.name} is not used: unsafe_methods is {shadow.unsafe_methods}"
        yield Finding("hint", "sandbox_unused", message, (*at, "sandbox_service"), route.name)
    elif shadow.unsafe_methods == "sandbox" and shadow.sandbox_service in {route.legacy, route.new}:
        name = shadow.sandbox_service
        message = f"the sandbox of {route.name} is {name}, one of its arms: copies of writes reach real data"
        yield Finding("warning", "sandbox_is_real", message, (*at, "sandbox_service"), route.name, name)


def _rule_findings(route: Route, shadow: Shadow, at: ConfigPath) -> Iterator[Finding]:
    seen: dict[tuple[str, str], int] = {}
    for index, rule in enumerate(shadow.compare.rules):
        key = (rule.path, rule.kind)
        if key in seen:
            message = (
                f"rule {index} of {route.name} is never used: rule {seen[key]} is of the same kind at the same path"
            )
            yield Finding("warning", "rule_unused", message, (*at, "compare", "rules", index), route.name)
        seen.setdefault(key, index)
