"""The part of the control API that changes rules and sends requests again; all here needs the role operator.

| path | answer |
| --- | --- |
| `POST /api/rules/prove` | what rules would change and hide, and the id of this proof |
| `POST /api/rules` | puts rules in force that were proved |
| `POST /api/routes/{route}/retest` | begins the paired test of a route anew |
| `POST /api/exchanges/{id}/replay` | sends a kept request again and compares anew |
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Final

import structlog
from aiohttp import web

from proxy.control.answers import CALLER, STATE, answer, problem
from proxy.control.asked_rules import read_reason, read_rules
from proxy.control.findings import UnknownRouteError, compare_model, configured_functions
from proxy.control.findings_api import EVIDENCE, read_body, translated
from proxy.control.proofs import Proofs, prove_all
from proxy.control.replaying import MakeComparer, send_again
from routes.shadowing import RuleModel
from routes.table import compile_table
from shadow.clusters.proof import PAIRS_MAX
from shadow.comparing.functions import check_function
from shadow.errors import ReplayError
from shadow.keeping.audit import Entry, append
from shadow.keeping.liverules import accept_rules, as_json, read_live_rules
from shadow.keeping.retests import count_flagged, restart_test
from shadow.keeping.tables import NAME_CHARACTERS_MAX
from shadow.keeping.values import clean, dump
from shadow.replaying import plan_replay
from shadow.reporting.exchanges import read_pairs, read_record, record_json
from shadow.reporting.reading import read_noise

PROOFS: Final = web.AppKey("proofs", Proofs)
COMPARER: Final[web.AppKey[MakeComparer]] = web.AppKey("comparer")
#: Proofs and replays that may be under way at once: each takes a core, or connections to the services.
AT_ONCE_MAX: Final = 2
SLOTS: Final = web.AppKey("slots", asyncio.Semaphore)

log = structlog.get_logger()


def add_changes(app: web.Application, make_comparer: MakeComparer) -> None:
    """Add this part of the API."""
    app[PROOFS] = Proofs()
    app[COMPARER] = make_comparer
    app[SLOTS] = asyncio.Semaphore(AT_ONCE_MAX)
    app.add_routes(
        [
            web.post("/api/rules/prove", translated(_prove)),
            web.post("/api/rules", translated(_accept)),
            web.post("/api/routes/{route}/retest", translated(_retest)),
            web.post("/api/exchanges/{id}/replay", translated(_replay)),
        ]
    )


async def _prove(request: web.Request) -> web.Response:
    route, rules = read_rules(await read_body(request))
    _check(request, rules)
    async with request.app[SLOTS]:
        async with request.app[EVIDENCE].reading() as connection:
            live = await read_live_rules(connection)
            model = _model(request, route, live)
            pairs = await read_pairs(connection, route, PAIRS_MAX)
        proofs = await asyncio.to_thread(prove_all, rules, pairs, model, request.app[COMPARER])
    identifier = request.app[PROOFS].remember(route, rules, proofs)
    return answer({"proof": identifier, "route": route, "proofs": proofs})


async def _accept(request: web.Request) -> web.Response:
    body = await read_body(request)
    route, rules = read_rules(body)
    why = read_reason(body)
    _check(request, rules)
    _model(request, route, {})
    proofs = request.app[PROOFS].find(body.get("proof"), route, rules)
    who = request[CALLER].name
    async with request.app[EVIDENCE].writing() as connection:
        made = await accept_rules(connection, route, rules, who=who, why=why, evidence=proofs, now=time.time())
    log.info("control.rule.accepted", route=route, rules=[rule.id for rule in made], who=who)
    return answer({"rules": [{"route": route, **as_json(rule)} for rule in made]})


async def _retest(request: web.Request) -> web.Response:
    why = read_reason(await read_body(request))
    route, who = request.match_info["route"], request[CALLER].name
    _model(request, route, {})
    async with request.app[EVIDENCE].reading() as connection:
        learned = await read_noise(connection, route)
    flagged = count_flagged(learned.get(route, ()))
    async with request.app[EVIDENCE].writing() as connection:
        number = await restart_test(connection, route, who=who, why=why, flagged=flagged, now=time.time())
    log.info("control.test.restarted", route=route, flagged=flagged, who=who)
    return answer({"retest": {"route": route, "number": number, "flagged_before": flagged}})


async def _replay(request: web.Request) -> web.Response:
    body = await read_body(request)
    given = body.get("headers", []) if isinstance(body, dict) else None
    if not isinstance(given, list) or not all(_is_pair(one) for one in given):
        return problem(400, 'this takes {"headers": [[NAME, VALUE], …]}')
    identifier = request.match_info["id"]
    async with request.app[SLOTS]:
        async with request.app[EVIDENCE].reading() as connection:
            record = await read_record(connection, clean(identifier, NAME_CHARACTERS_MAX))
            states = await read_noise(connection, record.route) if record else {}
        if record is None:
            return problem(404, f"No exchange {identifier[:200]} is kept: it never was, or it was too old.")
        try:
            replay = plan_replay(record, [(name, value) for name, value in given])
            table = compile_table(request.app[STATE].reloader.config)
            learned = (states.get(record.route, ()), request.app[STATE].redaction_key)
            replayed = await send_again(replay, record, table, request.app[COMPARER], learned)
        except ReplayError as error:
            return problem(409, f"{record.id} cannot be sent again: {error}")
    async with request.app[EVIDENCE].writing() as connection:
        who, verdict = request[CALLER].name, replayed.record.verdict
        entry = Entry(time.time(), who, "exchange.replayed", record.id, record.verdict, verdict, "", None)
        await append(connection, entry)
    log.info("control.exchange.replayed", exchange=record.id, verdict=verdict, who=who)
    shown = {**record_json(replayed.record), "missing": replayed.missing, "was": record.verdict}
    return web.Response(body=dump(shown), content_type="application/json")


def _model(request: web.Request, route: str, live: Any) -> Any:
    model = compare_model(request.app[STATE].reloader.config, route, live)
    if model is None:
        config = request.app[STATE].reloader.config
        there = ", ".join(one.name for one in config.routes if compare_model(config, one.name, {}) is not None)
        told = f"; compared are {there}" if there else ""
        raise UnknownRouteError(f"no route {route} is compared now, so there is nothing that could be changed{told}")
    return model


def _check(request: web.Request, rules: Sequence[RuleModel]) -> None:
    """Refuse rules that would run code which the configuration does not name."""
    configured = configured_functions(request.app[STATE].reloader.config)
    for rule in rules:
        check_function(rule, configured)


def _is_pair(given: Any) -> bool:
    return isinstance(given, list) and len(given) == 2 and all(isinstance(one, str) for one in given)  # noqa: PLR2004
