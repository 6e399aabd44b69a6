"""The control API: health, metrics and what the command line shows.

| path | who | answer |
| --- | --- | --- |
| `/healthz` | anybody | control is alive |
| `/readyz` | anybody | 200 where clients are served by the table in force, else 503 |
| `/metrics` | anybody on loopback, else viewer | Prometheus or OpenMetrics text |
| `/api/status` | viewer | `StatusView` |
| `/api/routes` | viewer | `RoutesView` |

What is about shadow mode is in `findings_api` and `changes_api`.
"""

from __future__ import annotations

from typing import Final

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import CollectorRegistry

from proxy.control.answers import CALLER, STATE, answer, problem
from proxy.control.auth import Keyring, is_local_authority, is_loopback
from proxy.control.changes_api import add_changes
from proxy.control.collector import make_registry
from proxy.control.evidence import Evidence
from proxy.control.findings_api import add_routes
from proxy.control.replaying import MakeComparer
from proxy.control.state import ControlState
from proxy.control.views import view_routes, view_status

LOOPBACK: Final = web.AppKey("loopback", bool)
REGISTRY: Final = web.AppKey("registry", CollectorRegistry)

_OPEN: Final = frozenset({"/healthz", "/readyz"})
_OPEN_ON_LOOPBACK: Final = _OPEN | {"/metrics"}
_READING: Final = frozenset({"GET", "HEAD"})
_BODY_BYTES_MAX: Final = 1 << 20

log = structlog.get_logger()


def make_app(state: ControlState, evidence: Evidence, make_comparer: MakeComparer) -> web.Application:
    """The application for the configuration in force, with the state store."""
    app = web.Application(middlewares=[_harden, _check_host, _authorize], client_max_size=_BODY_BYTES_MAX)
    app[STATE] = state
    app[LOOPBACK] = is_loopback(state.reloader.config.control.host)
    app[REGISTRY] = make_registry(state)
    app.add_routes(
        [
            web.get("/healthz", _healthz),
            web.get("/readyz", _readyz),
            web.get("/metrics", _metrics),
            web.get("/api/status", _status),
            web.get("/api/routes", _routes),
            web.get("/api/syncs", _syncs),
        ]
    )
    add_routes(app, evidence)
    add_changes(app, make_comparer)
    return app


@web.middleware
async def _harden(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors as problem details (RFC 9457), and headers that no answer needs to vary."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = problem(error.status, error.reason)
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "frame-ancestors 'none'"  # what a page cannot say of itself
    return response


@web.middleware
async def _check_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    """On loopback, only names of this machine: a page elsewhere whose name leads here must read nothing."""
    if request.app[LOOPBACK] and not is_local_authority(request.headers.get("Host", "")):
        log.warning("control.host.refused", host=request.headers.get("Host", "")[:255])
        return problem(421, "This address answers to localhost, 127.0.0.1 and [::1] only.")
    return await handler(request)


@web.middleware
async def _authorize(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Everything that is not open needs a token: to look one of any role, to change something one of operator."""
    if request.path in (_OPEN_ON_LOOPBACK if request.app[LOOPBACK] else _OPEN):
        return await handler(request)
    # Anew each time: a reload may have changed the tokens.
    keyring = Keyring(request.app[STATE].reloader.config.control.tokens)
    caller = keyring.identify(request.headers.get("Authorization"))
    if caller is None:
        log.warning("control.token.refused", peer=request.remote, path=request.path[:255])
        response = problem(401, "This needs a token: Authorization: Bearer …")
        response.headers["WWW-Authenticate"] = 'Bearer realm="strangler"'
        return response
    if request.method not in _READING:
        if not caller.may("operator"):
            log.warning("control.role.refused", caller=caller.name, role=caller.role, path=request.path[:255])
            return problem(403, f"The token {caller.name} has the role {caller.role}; this needs the role operator.")
        # A page in a browser can send a form to this address without asking first, but no JSON.
        if request.content_type != "application/json" and request.can_read_body:
            return problem(415, "This takes JSON: Content-Type: application/json")
    request[CALLER] = caller
    return await handler(request)


async def _healthz(request: web.Request) -> web.Response:
    del request
    return answer({"status": "ok"})


async def _readyz(request: web.Request) -> web.Response:
    state = request.app[STATE]
    detail = {
        "ready": state.ready,
        "draining": state.draining,
        "version": state.reloader.version,
        "workers": len(state.workers),
        "workers_ready": len(state.ready_workers),
    }
    return answer(detail, 200 if state.ready else 503)


async def _metrics(request: web.Request) -> web.Response:
    if not request.app[STATE].complete:
        return problem(503, "Control has just started and has not heard from every worker yet.")
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return web.Response(body=encode(request.app[REGISTRY]), headers={"Content-Type": content_type})


async def _status(request: web.Request) -> web.Response:
    return answer(view_status(request.app[STATE]))


async def _syncs(request: web.Request) -> web.Response:
    state = request.app[STATE]
    return answer({"syncs": state.syncs, "syncer": None if state.syncer is None else state.syncer["state"]})


async def _routes(request: web.Request) -> web.Response:
    return answer(view_routes(request.app[STATE]))
