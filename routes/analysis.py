"""What a valid configuration probably does not mean: unreachable routes, crossing routes, unused services, hints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from routes.canary import BUCKETS
from routes.compiling import compile_routes
from routes.errors import ConfigPath
from routes.finding import Finding
from routes.model import ArmModel, RouteModel
from routes.overlap import Meeting, covers, meets, place_covers
from routes.paths import path_back
from routes.services import compile_services
from routes.shadowchecks import shadow_findings
from routes.syncchecks import sync_findings
from routes.template import PathRegex, PathTemplate, is_plain_path

if TYPE_CHECKING:
    from routes.config import Config

#: More crossing pairs than this are counted, not listed.
OVERLAPS_MAX = 50

# A group that repeats without end and repeats without end inside can take exponential time on a hostile path.
_UNBOUNDED = frozenset("*+")


def analyse(config: Config) -> list[Finding]:
    """Look for what a validated configuration probably does not mean.

    Returns:
        The findings in the order of the file, those about services and syncs last. A claim is never false, but not
        everything is found: several earlier routes that only together cover a later one are not.

    Raises:
        ConfigError: the configuration cannot be compiled.
    """
    routes = compile_routes(config, compile_services(config))
    findings = [*_relations(routes)]
    for route in routes:
        findings += _canary_hints(route)
        findings += _match_hints(route)
        findings += _rewrite_hints(route)
        findings += shadow_findings(route, config.routes[route.index])
    findings.sort(key=lambda finding: finding.path[1] if len(finding.path) > 1 else len(routes))
    findings += _unused_services(config, routes)
    for index, sync in enumerate(config.syncs):
        findings += sync_findings(index, sync)
    return findings


def _relations(routes: tuple[RouteModel, ...]) -> Iterator[Finding]:
    """Unreachable and crossing routes."""
    meeting = Meeting()
    crossings = 0
    for route in routes:
        earlier = [routes[index] for index in sorted(meeting.find(route.match.path))]
        meeting.add(route.index, route.match.path)
        hidden = next((one for one in earlier if covers(one.match, route.match)), None)
        if hidden is not None:
            yield Finding(
                "warning",
                "unreachable",
                f"route {route.name} is never reached: {hidden.name}, earlier in the file, matches all its requests",
                ("routes", route.index),
                route.name,
                hidden.name,
            )
            continue
        for one in earlier:
            if _crosses(one, route):
                crossings += 1
                if crossings <= OVERLAPS_MAX:
                    yield _crossing(one, route)
    if crossings > OVERLAPS_MAX:
        more = crossings - OVERLAPS_MAX
        yield Finding("warning", "overlapping", f"{more} more pairs of routes overlap", ("routes",))


def _crosses(earlier: RouteModel, later: RouteModel) -> bool:
    """Whether they share requests and neither is the special case of the other by host and path."""
    one, two = earlier.match, later.match
    if isinstance(one.path, PathRegex) or isinstance(two.path, PathRegex):
        return False  # nobody can tell whether they share any
    return meets(one, two) and not place_covers(one, two) and not place_covers(two, one)


def _crossing(earlier: RouteModel, later: RouteModel) -> Finding:
    host = earlier.match.host
    where = "requests that match both"
    if host is not None and later.match.host is None:
        where = f"such requests for {host.text}"
    return Finding(
        "warning",
        "overlapping",
        f"routes {earlier.name} and {later.name} overlap: {where} go to {earlier.name}, which is earlier in the file",
        ("routes", later.index),
        later.name,
        earlier.name,
    )


def _canary_hints(route: RouteModel) -> Iterator[Finding]:
    canary = route.canary
    if canary is None:
        return
    at: ConfigPath = ("routes", route.index, "canary")
    if route.mode != "canary":
        message = f"the canary of {route.name} has no effect in mode {route.mode}"
        yield Finding("hint", "canary_unused", message, at, route.name)
        return
    if canary.threshold == 0 and not canary.always_new:
        message = f"the canary of {route.name} is at 0%: nobody is served from new"
        yield Finding("hint", "canary_nobody", message, (*at, "percent"), route.name)
    if canary.threshold == BUCKETS and not canary.always_legacy:
        message = f"the canary of {route.name} is at 100%: mode new says the same and costs less"
        yield Finding("hint", "canary_everybody", message, (*at, "percent"), route.name)
    address = any(key.kind == "client_ip" for key in canary.keys)
    if canary.sticky_cookie is not None and address:
        message = f"the sticky cookie of {route.name} is never set: every client has the key client_ip"
        yield Finding("warning", "sticky_unused", message, (*at, "sticky_cookie"), route.name)
    if address and canary.keys[-1].kind != "client_ip":
        message = f"keys of {route.name} after client_ip are never used: every client has that one"
        yield Finding("warning", "key_unused", message, (*at, "key"), route.name)


def _match_hints(route: RouteModel) -> Iterator[Finding]:
    match = route.match
    at: ConfigPath = ("routes", route.index, "match")
    if match.methods is not None and b"GET" in match.methods and b"HEAD" not in match.methods:
        message = f"{route.name} takes GET but not HEAD: HEAD requests go to a later route"
        yield Finding("hint", "head_missing", message, (*at, "methods"), route.name)
    path = match.path
    if isinstance(path, PathTemplate) and not route.raw_paths and not is_plain_path(_sample(path)):
        message = f"{route.name} never matches: paths like {path.text} are refused unless the route says paths: raw"
        yield Finding("warning", "path_refused", message, (*at, "path"), route.name)
    if isinstance(path, PathRegex):
        if not path.text.startswith(("^", "\\A")):
            message = (
                f"the path regex of {route.name} is found anywhere in a path; it starts with '^' if it means the start"
            )
            yield Finding("hint", "regex_unanchored", message, (*at, "path"), route.name)
        yield from _regex_risk(route, path.text, (*at, "path"))
    for condition in match.conditions:
        if condition.pattern is not None:
            field = {"header": "headers", "query": "query", "cookie": "cookies"}[condition.source]
            yield from _regex_risk(route, condition.pattern.pattern.decode(), (*at, field))


def _sample(path: PathTemplate) -> bytes:
    return path.fill(dict.fromkeys(path.names, b"x") | ({path.names[-1]: b"/x"} if path.rest else {}))


def _regex_risk(route: RouteModel, text: str, at: ConfigPath) -> Iterator[Finding]:
    if has_nested_quantifier(text):
        message = f"the regex {text!r} of {route.name} repeats a group that repeats inside: some input takes for ever"
        yield Finding("warning", "regex_risk", message, at, route.name)


def has_nested_quantifier(text: str) -> bool:
    """Whether an unbounded repetition stands in a group that is repeated without bound, as in `(a+)+`.

    Possessive (`a++`) and atomic groups do not backtrack and do not count. Not every slow regex has this form.
    """
    stack = [False]  # whether something repeats in each open group
    atomic = [False]  # whether each of them is atomic
    closed = False  # whether something repeated in the group that has just been closed
    at = 0
    while at < len(text):
        char = text[at]
        size = _unbounded(text, at)
        if char == "\\":
            at += 2
            closed = False
            continue
        if char == "[":
            at = _class_end(text, at)
            closed = False
        elif char == "(":
            stack.append(False)
            atomic.append(text.startswith("(?>", at))
            at += text.startswith("(?", at)
            closed = False
        elif char == ")" and len(stack) > 1:
            repeats, kept = stack.pop(), atomic.pop()
            closed = repeats and not kept
            stack[-1] = stack[-1] or closed
        elif size:
            possessive = text.startswith("+", at + size)
            if closed and not possessive:
                return True
            stack[-1] = stack[-1] or not possessive
            at += size - 1 + possessive
            closed = False
        else:
            closed = False
        at += 1
    return False


def _unbounded(text: str, at: int) -> int:
    """Length of the quantifier without upper bound at this place, 0 where there is none."""
    if text[at] in _UNBOUNDED:
        return 1
    if text[at] == "{":
        end = text.find(",}", at)
        if end > at and text[at + 1 : end].isdigit():
            return end + 2 - at
    return 0


def _class_end(text: str, at: int) -> int:
    """Position of the `]` that closes the class which opens here."""
    at += 2 if text.startswith("[^", at) else 1
    first = True
    while at < len(text) and (text[at] != "]" or first):
        at += 2 if text[at] == "\\" else 1
        first = False
    return at


def _rewrite_hints(route: RouteModel) -> Iterator[Finding]:
    if not route.rewrite_responses:
        return
    for arm in (route.legacy, route.new):
        if arm is not None and arm.rewrite.path is not None and not _way_back(route, arm):
            yield Finding(
                "hint",
                "no_way_back",
                f"{route.name} rewrites paths for {arm.name} in a way that cannot be undone: "
                "a Location with such a path keeps it, only its host is mapped",
                ("routes", route.index, "rewrite", arm.name, "path"),
                route.name,
            )


def _way_back(route: RouteModel, arm: ArmModel) -> bool:
    return path_back(route.match.path, arm.rewrite.path) is not None


def _unused_services(config: Config, routes: tuple[RouteModel, ...]) -> Iterator[Finding]:
    arms = [arm for route in routes for arm in (route.legacy, route.new)]
    used = {arm.service for arm in arms if arm is not None}
    shadows = [route.shadow for route in config.routes if route.shadow is not None]
    used |= {shadow.sandbox_service for shadow in shadows if shadow.sandbox_service is not None}
    for name in config.services:
        if name not in used:
            yield Finding(
                "warning", "service_unused", f"no route uses the service {name}", ("services", name), other=name
            )
