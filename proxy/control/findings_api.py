"""The part of the control API that is about shadow mode.

| path | who | answer |
| --- | --- | --- |
| `GET /api/report` | viewer | `shadow.reporting.model.Report`, or one of its other formats |
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Final

import structlog
from aiohttp import web

from proxy.control.answers import STATE, problem
from proxy.control.evidence import Evidence
from proxy.control.findings import UnknownRouteError, make_report
from shadow.errors import ReportError, StoreError
from shadow.reporting.asked import read_settings, read_window
from shadow.reporting.rendering import FORMATS

EVIDENCE: Final = web.AppKey("evidence", Evidence)

log = structlog.get_logger()

Handler = Callable[[web.Request], Awaitable[web.Response]]


def add_routes(app: web.Application, evidence: Evidence) -> None:
    """Add this part of the API."""
    app[EVIDENCE] = evidence
    app.add_routes([web.get("/api/report", _translated(_report))])


def _translated(handler: Handler) -> Handler:
    """Errors of shadow mode as problem details."""

    async def translated(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except UnknownRouteError as error:
            return problem(404, str(error))
        except ReportError as error:
            return problem(400, str(error))
        except StoreError as error:
            log.warning("control.store.failed", error=str(error), reason=error.reason)
            return problem(503, f"The state store cannot be read now: {error}")

    return translated


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
            connection, state.reloader.config, window, settings, route=route, unsent=state.unsent.since(window.since)
        )
    return web.Response(body=render(report), content_type=media_type, charset="utf-8")
