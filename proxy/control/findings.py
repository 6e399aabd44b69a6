"""What control tells of shadow mode: reports made out of the configuration in force and the state store."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from proxy.control.views import RELEASE
from routes.config import Config
from routes.mirroring import compile_shadow
from routes.shadowing import CompareModel, RuleModel
from shadow.comparing.functions import check_function, functions_of
from shadow.errors import ReportError, RuleError
from shadow.keeping.liverules import read_live_rules
from shadow.keeping.redaction import Redactor
from shadow.keeping.tables import LATENCY_BOUNDS_S
from shadow.reporting.building import build_report, build_route
from shadow.reporting.gate import GateSettings
from shadow.reporting.judging import judge_noise
from shadow.reporting.model import Report, RouteReport
from shadow.reporting.proposing import Describer
from shadow.reporting.reading import read_noise, read_rows
from shadow.reporting.rows import RouteFacts, RouteRows, Window


class UnknownRouteError(ReportError):
    """There is nothing of that route: it is not in shadow, and nothing was stored."""


def route_facts(config: Config, live: Mapping[str, Iterable[RuleModel]]) -> dict[str, RouteFacts]:
    """The routes whose requests are mirrored now, with the rules in force."""
    facts = {}
    for route in config.routes:
        shadow = compile_shadow(route)
        if shadow is not None:
            rules = (*shadow.compare.rules, *live.get(route.name, ()))
            facts[route.name] = RouteFacts(route.name, route.mode, rules, shadow.compare.redact)
    return facts


def compare_model(config: Config, route: str, live: Mapping[str, Iterable[RuleModel]]) -> CompareModel | None:
    """How a route is compared, live rules included as far as the comparer applies them; None where it is not."""
    for one in config.routes:
        shadow = compile_shadow(one) if one.name == route else None
        if shadow is not None:
            configured = configured_functions(config)
            applied = (rule for rule in live.get(route, ()) if _is_applied(rule, configured))
            return replace(shadow.compare, rules=(*shadow.compare.rules, *applied))
    return None


def configured_functions(config: Config) -> frozenset[str]:
    """The functions that rules of the configuration name, on any route that is compared."""
    compiled = (compile_shadow(route) for route in config.routes)
    return functions_of(rule for shadow in compiled if shadow is not None for rule in shadow.compare.rules)


def _is_applied(rule: RuleModel, configured: frozenset[str]) -> bool:
    try:
        check_function(rule, configured)
    except RuleError:
        return False
    return True


async def make_report(
    connection: AsyncConnection,
    config: Config,
    window: Window,
    settings: GateSettings,
    *,
    route: str | None,
    unsent: Mapping[str, Mapping[tuple[str, str], int]],
    key: bytes,
) -> Report:
    """The report of the routes that are in shadow, and of those that were in the window.

    Args:
        connection: of the state store.
        config: in force.
        window: the time to cover.
        settings: of the gate.
        route: only this one.
        unsent: route -> (`shed` or `lost`, reason) -> requests that never came to the comparer.
        key: that the comparer redacts with.

    Raises:
        UnknownRouteError: `route` is none of them.
        StoreError: the store cannot be read.
    """
    facts = route_facts(config, await read_live_rules(connection))
    rows = await read_rows(connection, window, route)
    noise = await read_noise(connection, route)
    modes = {one.name: one.mode for one in config.routes}
    for name, found in rows.items():
        if found.verdicts and name not in facts:
            facts[name] = RouteFacts(name, modes.get(name, ""))
    if route is not None:
        if route not in facts:
            known = ", ".join(sorted(facts)) or "no other either"
            raise UnknownRouteError(f"nothing is known of a route {route} in shadow; there is {known}")
        facts = {route: facts[route]}
    reports = []
    for name, fact in facts.items():
        found = rows.get(name, RouteRows())
        found.unsent = dict(unsent.get(name, {}))
        learned = noise.get(name, ()), Redactor(key, fact.redact)
        reports.append(await asyncio.to_thread(_build, fact, found, learned, window, settings))
    return build_report(reports, window, made_at=time.time(), release=RELEASE, node=socket.gethostname())


def _build(
    facts: RouteFacts,
    rows: RouteRows,
    learned: tuple[Iterable[Mapping[str, Any]], Redactor],
    window: Window,
    settings: GateSettings,
) -> RouteReport:
    """The CPU-bound part, for a thread: control goes on answering."""
    judge_noise(rows, *learned)
    describe = Describer(facts.route)
    return build_route(facts, rows, window, LATENCY_BOUNDS_S, settings=settings, describe=describe)
