"""From configuration to models: everything that can be worked out before the first request is worked out here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from routes.canary import BUCKETS, CanaryModel, parse_key, parse_list
from routes.errors import ConfigError, ConfigPath, Problem
from routes.match import Condition, HostPattern, MatchModel
from routes.methods import SAFE_METHODS
from routes.mirroring import compile_shadow, serving_arm
from routes.model import (
    ArmModel,
    FallbackModel,
    HoldModel,
    RouteModel,
    ServiceModel,
    Url,
)
from routes.paths import BackRule, PathMap, index_rules, path_back, prefix_back
from routes.responses import Origins, ResponseMap
from routes.rewrite import RequestRewrite, compile_rewrite
from routes.services import DEFAULT_PORTS
from routes.template import PathRegex, PathTemplate, compile_regex, parse_regex, parse_template

if TYPE_CHECKING:
    from routes.config import Canary, Config, Match, Route

T = TypeVar("T")


def compile_routes(config: Config, services: dict[str, ServiceModel]) -> tuple[RouteModel, ...]:
    """The routes in file order.

    Raises:
        ConfigError: with every template, regex, key and rewrite that cannot be used.
    """
    problems: list[Problem] = []
    drafts = [_Draft(index, route, problems) for index, route in enumerate(config.routes)]
    if problems:
        raise ConfigError("configuration", problems)
    origins, own = _origins(services, _back_rules(drafts))
    return tuple([draft.finish(origins, own) for draft in drafts])


class _Draft:
    """A route whose match and rewrites are compiled, and whose response maps need all other routes first."""

    def __init__(self, index: int, route: Route, problems: list[Problem]) -> None:
        at: ConfigPath = ("routes", index)

        def attempt(make: Callable[[], T], *steps: str | int) -> T | None:
            try:
                return make()
            except ValueError as error:
                problems.append(Problem(str(error), (*at, *steps)))
                return None

        self.index = index
        self.route = route
        path = attempt(lambda: _path(route.match.path), "match", "path")
        conditions = attempt(lambda: tuple(_conditions(route.match)), "match") or ()
        self.match = _match(route.match, path, conditions)
        self.rewrites: dict[str, RequestRewrite] = {}
        for name in ("legacy", "new"):
            compiled = attempt(lambda name=name: _rewrite(route, name, path), "rewrite", name, "path")  # type: ignore[misc]
            if compiled is not None:
                self.rewrites[name] = compiled
        canary = route.canary
        self.canary = None if canary is None else attempt(lambda: _canary(route.name, canary), "canary")

    def service(self, arm: str) -> str | None:
        """The service behind an arm, None where the route has no such arm."""
        return self.route.legacy if arm == "legacy" else self.route.new

    def finish(self, origins: Origins, own: dict[str, tuple[PathMap, ...]]) -> RouteModel:
        """The complete route."""
        route = self.route
        legacy = self._arm("legacy", origins, own)
        new = self._arm("new", origins, own)
        return RouteModel(
            index=self.index,
            name=route.name,
            mode=route.mode,
            legacy=legacy,
            new=new,
            raw_paths=route.paths == "raw",
            fallback=_fallback(route, legacy, new),
            retry_attempts=route.retry.attempts,
            retry_on=frozenset(str(kind) for kind in route.retry.on),
            hold=_hold(route),
            rewrite_responses=route.rewrite.responses,
            match=self.match,
            canary=self.canary,
            serves=serving_arm(route),
            shadow=compile_shadow(route),
        )

    def _arm(self, name: str, origins: Origins, own: dict[str, tuple[PathMap, ...]]) -> ArmModel | None:
        service = self.service(name)
        if service is None:
            return None
        rewrite = self.rewrites[name]
        headers = getattr(self.route.rewrite, name).headers
        headers_set = tuple((key.encode("latin-1"), value.encode()) for key, value in headers.set.items())
        headers_remove = frozenset(key.lower().encode("latin-1") for key in headers.remove)
        return ArmModel(
            name=name,
            service=service,
            rewrites=rewrite.changes or bool(headers_set) or bool(headers_remove),
            headers_set=headers_set,
            headers_remove=headers_remove,
            rewrite=rewrite,
            responses=ResponseMap(
                origins=origins,
                own=own[service],
                service=service,
                path_back=path_back(self.match.path, rewrite.path) or _no_way_back,
                prefix_back=prefix_back(self.match.path, rewrite.path),
            ),
        )


def _no_way_back(path: bytes) -> bytes | None:
    del path
    return None


def _back_rules(drafts: list[_Draft]) -> dict[str, list[BackRule]]:
    """For each service how its paths are led back, by all routes to it in file order."""
    rules: dict[str, list[BackRule]] = {}
    for draft in drafts:
        for arm in ("legacy", "new"):
            service = draft.service(arm)
            sent = draft.rewrites[arm].path
            back = path_back(draft.match.path, sent)
            if service is not None and back is not None:
                path = draft.match.path if sent is None else sent
                template = path if isinstance(path, PathTemplate) else None
                rules.setdefault(service, []).append(BackRule(draft.match.host, template, back))
    return rules


def _origins(
    services: dict[str, ServiceModel], rules: dict[str, list[BackRule]]
) -> tuple[Origins, dict[str, tuple[PathMap, ...]]]:
    """What services are called, and the maps of each of them."""
    named: dict[tuple[bytes, int], list[PathMap]] = {}
    own: dict[str, tuple[PathMap, ...]] = {}
    for service in services.values():
        index = index_rules(rules.get(service.name, []))
        maps = {url.base_path: PathMap(service.name, url.base_path, index) for url in service.urls}
        own[service.name] = _longest_first(list(maps.values()))
        for url in service.urls:
            for key in {_origin(url), *_literal_origins(service, url)}:
                known = named.setdefault(key, [])
                if maps[url.base_path] not in known:
                    known.append(maps[url.base_path])
    paths = {key: _longest_first(found) for key, found in named.items()}
    return Origins(paths, frozenset(host for host, _ in paths)), own


def _longest_first(maps: list[PathMap]) -> tuple[PathMap, ...]:
    return tuple(sorted(maps, key=lambda one: -len(one.base_path)))


def _origin(url: Url) -> tuple[bytes, int]:
    return (f"[{url.host}]" if ":" in url.host else url.host).encode(
        "idna" if not url.host.isascii() else "ascii"
    ), url.port


def _literal_origins(service: ServiceModel, url: Url) -> Iterator[tuple[bytes, int]]:
    """A literal host_header is a name of the service too: that is what it builds its links from."""
    if isinstance(service.host_header, bytes):
        parsed = urlsplit("//" + service.host_header.decode("latin-1"))
        host = (parsed.hostname or "").encode("latin-1")
        yield b"[" + host + b"]" if b":" in host else host, parsed.port or DEFAULT_PORTS[url.scheme]


def _path(path: Any) -> PathTemplate | PathRegex | None:
    if path is None:
        return None
    return parse_template(path) if isinstance(path, str) else parse_regex(path.regex)


def _match(match: Match, path: PathTemplate | PathRegex | None, conditions: tuple[Condition, ...]) -> MatchModel:
    methods = None if match.methods is None else frozenset(method.encode("latin-1") for method in match.methods)
    return MatchModel(None if match.host is None else compile_host(match.host), path, methods, conditions)


def compile_host(text: str) -> HostPattern:
    """A host or `*.host` pattern; names beyond ASCII become what browsers send (punycode)."""
    lower = text.lower().removesuffix(".")
    wildcard = lower.startswith("*.")
    name = lower[2:] if wildcard else lower
    encoded = name.encode("ascii") if name.isascii() else name.encode("idna")
    return HostPattern(lower, b"." + encoded if wildcard else encoded, wildcard)


def _conditions(match: Match) -> Iterator[Condition]:
    for source, tests in (("header", match.headers), ("query", match.query), ("cookie", match.cookies)):
        for name, test in tests.items():
            yield compile_condition(source, name, test)


def compile_condition(source: str, name: str, test: Any) -> Condition:
    """One condition; `test` is a string, or has `regex` or `present`."""
    raw = (name.lower() if source == "header" else name).encode()
    shown = f"{source} {name}"
    if isinstance(test, str):
        return Condition(source, raw, test.encode(), None, present=True, text=f"{shown} is {test!r}")
    regex = getattr(test, "regex", None)
    if regex is not None:
        return Condition(source, raw, None, compile_regex(regex), present=True, text=f"{shown} matches {regex!r}")
    word = "is present" if test.present else "is absent"
    return Condition(source, raw, None, None, present=test.present, text=f"{shown} {word}")


def _rewrite(route: Route, arm: str, source: PathTemplate | PathRegex | None) -> RequestRewrite:
    rewrite = getattr(route.rewrite, arm)
    sent = None if rewrite.path is None else parse_template(rewrite.path)
    return compile_rewrite(source, sent, rewrite.query.set, rewrite.query.remove)


def _canary(name: str, canary: Canary) -> CanaryModel:
    return CanaryModel(
        threshold=round(canary.percent * BUCKETS),
        salt=name.encode(),
        keys=tuple(parse_key(key) for key in _keys(canary)),
        sticky_cookie=None if canary.sticky_cookie is None else canary.sticky_cookie.encode(),
        always_legacy=tuple(parse_list(key, values) for key, values in canary.always_legacy.items()),
        always_new=tuple(parse_list(key, values) for key, values in canary.always_new.items()),
    )


def _keys(canary: Canary) -> list[str]:
    """The keys; where only a sticky cookie is configured, the default key (which every client has) would disable it."""
    return [] if canary.sticky_cookie is not None and "key" not in canary.model_fields_set else canary.key


def _fallback(route: Route, legacy: ArmModel | None, new: ArmModel | None) -> FallbackModel | None:
    fallback = route.fallback
    arm = None if fallback is None else (legacy if fallback.to == "legacy" else new)
    if fallback is None or arm is None:
        return None
    methods: frozenset[bytes] | None
    if fallback.methods == "safe":
        methods = SAFE_METHODS
    elif fallback.methods == "all":
        methods = None
    else:
        methods = frozenset(method.encode("latin-1") for method in fallback.methods)
    return FallbackModel(arm, frozenset(str(kind) for kind in fallback.on), methods, fallback.credentials)


def _hold(route: Route) -> HoldModel | None:
    hold = route.hold
    return None if hold is None else HoldModel(hold.requests_max, hold.bytes_max, hold.timeout)
