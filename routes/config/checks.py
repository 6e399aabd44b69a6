"""What several settings must agree on. Reads data as it was given, so wrong types are stepped over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from routes.config.sync_checks import lookup_clashes
from routes.errors import ConfigPath, path_text
from routes.faults import Clash, did_you_mean, fault, peek
from routes.template import PathRegex, PathTemplate, TemplateError, parse_regex, parse_template

_NEEDS = {
    "legacy": ("legacy",),
    "shadow": ("legacy", "new"),
    "new": ("new",),
    "canary": ("legacy", "new", "canary"),
}


def route_clashes(route: Any) -> Iterator[Clash]:
    """What does not fit together inside of one route."""
    yield from _missing_for_mode(route)
    yield from _fallback_arm(route)
    for arm in ("legacy", "new"):
        yield from _rewrite_captures(route, arm)


def _missing_for_mode(route: Any) -> Iterator[Clash]:
    mode = peek(route, "mode") or "legacy"
    needs = _NEEDS.get(mode, ()) if isinstance(mode, str) else ()
    missing = [need for need in needs if peek(route, need) is None]
    if missing:
        add = ["canary: {percent: 5%}" if need == "canary" else f"{need}: NAME_OF_A_SERVICE" for need in missing]
        error = fault(f"mode {mode} needs {_and(missing)} beside it", hint=f"add {_and(add)}")
        yield Clash(("mode",), error, mode if peek(route, "mode") else f"{mode} (the default)")


def _and(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _fallback_arm(route: Any) -> Iterator[Clash]:
    fallback = peek(route, "fallback")
    arm = "legacy" if fallback is None else peek(fallback, "to") or "legacy"
    if fallback is None or arm not in {"legacy", "new"}:
        return
    if peek(route, arm) is None:
        yield Clash(("fallback", "to"), fault(f"the route has no {arm} arm", hint=f"add {arm}: to the route"), arm)
    elif peek(route, "mode") == arm or (arm == "legacy" and peek(route, "mode") is None):
        other = "new" if arm == "legacy" else "legacy"
        # Harmless, and usual while a route is switched back: only a route that could never use it is wrong.
        if peek(route, other) is None:
            error = fault(f"{arm} is the only arm of the route, so there is nothing to fall back from")
            yield Clash(("fallback", "to"), error, arm)


def _rewrite_captures(route: Any, arm: str) -> Iterator[Clash]:
    path = peek(route, "rewrite", arm, "path")
    source = _source(peek(route, "match", "path"))
    try:
        template = parse_template(path) if isinstance(path, str) else None
    except TemplateError:
        return  # the field's own error says it
    if template is None or source == "broken":
        return
    known: dict[str, str] = _captures(source) if isinstance(source, PathTemplate | PathRegex) else {}
    anything = isinstance(source, PathRegex)
    for name, written in _captures(template).items():
        allowed = ", ".join(known.values()) or "no captures: match.path has none"
        if name not in known:
            error = fault(
                f"uses {written}, which match.path does not capture", allowed=allowed, hint=_near(name, known)
            )
        elif known[name] != written and not anything:
            error = fault(f"uses {written}, and match.path captures {known[name]}", hint=f"write {known[name]}")
        else:
            continue
        yield Clash(("rewrite", arm, "path"), error, path)


def _near(name: str, known: dict[str, str]) -> str | None:
    near = did_you_mean(name, known)
    return near and f"did you mean {known[near.removeprefix('did you mean ').removesuffix('?')]}?"


def _source(path: Any) -> PathTemplate | PathRegex | str | None:
    regex = peek(path, "regex")
    try:
        if isinstance(path, str):
            return parse_template(path)
        return parse_regex(regex) if isinstance(regex, str) else None
    except TemplateError:
        return "broken"


def _captures(path: PathTemplate | PathRegex) -> dict[str, str]:
    """Name -> as it is written: `{id}`, `{rest...}`, `**`."""
    written = {name: f"{{{name}}}" for name in path.names}
    if isinstance(path, PathTemplate) and path.rest:
        last = path.names[-1]
        written[last] = "**" if last == "**" else f"{{{last}...}}"
    return written


def config_clashes(config: Any) -> Iterator[Clash]:
    """What does not fit together between the parts of the configuration."""
    yield from _addresses_twice(config)
    yield from _repeated(config, ("routes",), "name")
    yield from _repeated(config, ("control", "tokens"), "name")
    yield from _repeated(config, ("control", "tokens"), "token")
    yield from _unknown_services(config)
    yield from _repeated(config, ("syncs",), "name")
    yield from lookup_clashes(config)


def _listed(config: Any, *steps: str) -> list[Any]:
    value = peek(config, *steps)
    return value if isinstance(value, list) else []


def _addresses_twice(config: Any) -> Iterator[Clash]:
    given = peek(config, "control", "address")
    control = given if isinstance(given, str) else "127.0.0.1:9090"
    seen = {control: "control.address" if given else "control.address, where it is left out,"}
    for index, listen in enumerate(_listed(config, "listen")):
        address = peek(listen, "address")
        if not isinstance(address, str) or address.endswith(":0"):
            continue
        path: ConfigPath = ("listen", index, "address")
        if address in seen:
            yield Clash(path, fault(f"is taken: {seen[address]} listens there already"), address)
        else:
            seen[address] = path_text(path)


def _repeated(config: Any, steps: tuple[str, ...], key: str) -> Iterator[Clash]:
    seen: dict[str, int] = {}
    for index, entry in enumerate(_listed(config, *steps)):
        value = peek(entry, key)
        if not isinstance(value, str):
            continue
        if value in seen:
            first = path_text((*steps, seen[value]))
            yield Clash((*steps, index, key), fault(f"is not unique: {first} has the same {key}"), value)
        else:
            seen[value] = index


def _unknown_services(config: Any) -> Iterator[Clash]:
    services = peek(config, "services")
    if not isinstance(services, dict):
        return
    names = [name for name in services if isinstance(name, str)]
    for index, route in enumerate(_listed(config, "routes")):
        for steps in (("legacy",), ("new",), ("shadow", "sandbox_service")):
            name = peek(route, *steps)
            if isinstance(name, str) and name not in services:
                allowed = "a service of this file: " + ", ".join(names) if names else None
                error = fault(f"there is no service {name}", allowed=allowed, hint=did_you_mean(name, names))
                yield Clash(("routes", index, *steps), error, name)
