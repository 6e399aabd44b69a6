"""The part of the control API that is about shadow mode.

| path | who | answer |
| --- | --- | --- |
| `GET /api/report` | viewer | `shadow.reporting.model.Report`, or one of its other formats |
| `GET /api/exchanges/{id}` | viewer | `shadow.keeping.records.Record` |
| `GET /api/rules` | viewer | rules in force, of the configuration and made while running |
| `DELETE /api/rules/{id}` | operator | takes one that was made while running out of force |
| `GET /api/audit` | viewer | who changed what, newest first |
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any, Final

import orjson
import structlog
from aiohttp import web

from proxy.control.answers import CALLER, STATE, answer, problem
from proxy.control.asked_rules import read_reason
from proxy.control.evidence import Evidence
from proxy.control.findings import UnknownRouteError, make_report, route_facts
from shadow.errors import ReportError, RuleError, StoreError
from shadow.keeping.audit import ENTRIES_MAX, find_break, read_entries
from shadow.keeping.liverules import as_json, read_live_rules, withdraw_rule
from shadow.keeping.values import clean, dump
from shadow.reporting.asked import read_settings, read_window
from shadow.reporting.exchanges import read_record, record_json
from shadow.reporting.rendering import FORMATS

EVIDENCE: Final = web.AppKey("evidence", Evidence)
_ENTRIES: Final = 100
_ID_CHARACTERS_MAX: Final = 200

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.Response]]


def add_routes(app: web.Application, evidence: Evidence) -> None:
    """Add this part of the API."""
    app[EVIDENCE] = evidence
    app.add_routes(
        [
            web.get("/api/report", translated(_report)),
            web.get("/api/exchanges/{id}", translated(_exchange)),
            web.get("/api/rules", translated(_rules)),
            web.delete("/api/rules/{id}", translated(_withdraw)),
            web.get("/api/audit", translated(_audit)),
        ]
    )


def translated(handler: Handler) -> Handler:
    """Errors of shadow mode as problem details."""

    async def handled(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except UnknownRouteError as error:
            return problem(404, str(error))
        except (ReportError, RuleError) as error:
            return problem(400, str(error))
        except StoreError as error:
            log.warning("control.store.failed", error=str(error), reason=error.reason)
            return problem(503, f"The state store cannot be used now: {error}")

    return handled


async def _report(request: web.Request) -> web.Response:
    query = dict(request.query)
    route, since, form = (query.pop(name, None) for name in ("route", "since", "format"))
    if form is not None and form not in FORMATS:
        raise ReportError(f"there is no format {form}: there is {', '.join(FORMATS)}")
    render, media_type = FORMATS[form or "json"]
    settings, window = read_settings(query), read_window(since, time.time())
    state = request.app[STATE]
    async with request.app[EVIDENCE].reading() as connection:
        report = await make_report(
            connection,
            state.reloader.config,
            window,
            settings,
            route=route,
            unsent=state.unsent.since(window.since),
            key=state.redaction_key,
        )
    return web.Response(body=render(report), content_type=media_type, charset="utf-8")


async def _exchange(request: web.Request) -> web.Response:
    identifier = request.match_info["id"]
    async with request.app[EVIDENCE].reading() as connection:
        record = await read_record(connection, clean(identifier, _ID_CHARACTERS_MAX))
    if record is None:
        return problem(404, f"No exchange {identifier[:_ID_CHARACTERS_MAX]} is kept: it never was, or it was too old.")
    return web.Response(body=dump(record_json(record)), content_type="application/json")


async def _rules(request: web.Request) -> web.Response:
    async with request.app[EVIDENCE].reading() as connection:
        live = await read_live_rules(connection)
    facts = route_facts(request.app[STATE].reloader.config, live)
    now = time.time()
    found = [
        {"route": one.route, **as_json(rule), "expired": rule.expires is not None and rule.expires <= now}
        for one in facts.values()
        for rule in one.rules
    ]
    found += [
        {"route": route, **as_json(rule), "expired": rule.expires is not None and rule.expires <= now, "idle": True}
        for route, rules in live.items()
        if route not in facts
        for rule in rules
    ]
    return answer({"rules": found})


async def _withdraw(request: web.Request) -> web.Response:
    why = read_reason(await read_body(request))
    identifier = request.match_info["id"]
    async with request.app[EVIDENCE].writing() as connection:
        who = request[CALLER].name
        rule = await withdraw_rule(connection, identifier, who=who, why=why, now=time.time())
    log.info("control.rule.withdrawn", rule=rule.id, path=rule.path, who=who)
    return answer({"withdrawn": as_json(rule)})


async def _audit(request: web.Request) -> web.Response:
    before, limit = (_number(request, name) for name in ("before", "limit"))
    async with request.app[EVIDENCE].reading() as connection:
        entries = await read_entries(connection, before=before, limit=_ENTRIES if limit is None else limit)
        broken = await find_break(connection) if "verify" in request.query else None
    found: dict[str, Any] = {"entries": [_entry(one) for one in entries]}
    if "verify" in request.query:
        found["broken_at"] = broken
    return answer(found)


def _entry(recorded: Any) -> dict[str, Any]:
    plain = asdict(recorded)
    return {"number": plain["number"], **plain["entry"], "previous_hash": plain["previous_hash"], "hash": plain["hash"]}


def _number(request: web.Request, name: str) -> int | None:
    text = request.query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16):  # noqa: PLR2004 - what every database can hold
        raise ReportError(f"{name}={text}: must be a number, for limit at most {ENTRIES_MAX}")
    return int(text)


async def read_body(request: web.Request) -> Any:
    """The JSON value that was sent.

    Raises:
        ReportError: it is none.
    """
    raw = await request.read()
    try:
        body = orjson.loads(raw)
    except ValueError as error:
        raise ReportError("the body is no JSON object") from error
    if b"\\u0000" in raw:  # no database takes it
        raise ReportError("a text in the body has the character NUL")
    return body
