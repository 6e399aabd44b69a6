"""The control API: health, metrics and what the command line shows.

| path | who | answer |
| --- | --- | --- |
| `/healthz` | anybody | control is alive |
| `/readyz` | anybody | 200 where clients are served by the table in force, else 503 |
| `/metrics` | anybody on loopback, else viewer | Prometheus or OpenMetrics text |
| `/api/status` | viewer | `StatusView` |
| `/api/routes` | viewer | `RoutesView` |
"""

from __future__ import annotations

from typing import Any, Final

import orjson
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import CollectorRegistry

from proxy.control.auth import Keyring, is_local_authority, is_loopback
from proxy.control.collector import make_registry
from proxy.control.state import ControlState
from proxy.control.views import view_routes, view_status

STATE: Final = web.AppKey("state", ControlState)
LOOPBACK: Final = web.AppKey("loopback", bool)
REGISTRY: Final = web.AppKey("registry", CollectorRegistry)

_OPEN: Final = frozenset({"/healthz", "/readyz"})
_OPEN_ON_LOOPBACK: Final = _OPEN | {"/metrics"}
_BODY_BYTES_MAX: Final = 1 << 20

log = structlog.get_logger()


def make_app(state: ControlState) -> web.Application:
    """The application for the configuration in force."""
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
        ]
    )
    return app


@web.middleware
async def _harden(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors as problem details (RFC 9457), and headers that no answer needs to vary."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        response = _problem(error.status, error.reason)
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@web.middleware
async def _check_host(request: web.Request, handler: Handler) -> web.StreamResponse:
    """On loopback, only names of this machine: a page elsewhere whose name leads here must read nothing."""
    if request.app[LOOPBACK] and not is_local_authority(request.headers.get("Host", "")):
        log.warning("control.host.refused", host=request.headers.get("Host", "")[:255])
        return _problem(421, "This address answers to localhost, 127.0.0.1 and [::1] only.")
    return await handler(request)


@web.middleware
async def _authorize(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Everything that is not open needs a token of at least the role viewer."""
    if request.path in (_OPEN_ON_LOOPBACK if request.app[LOOPBACK] else _OPEN):
        return await handler(request)
    # Anew each time: a reload may have changed the tokens.
    keyring = Keyring(request.app[STATE].reloader.config.control.tokens)
    caller = keyring.identify(request.headers.get("Authorization"))
    if caller is None:
        log.warning("control.token.refused", peer=request.remote, path=request.path[:255])
        response = _problem(401, "This needs a token: Authorization: Bearer …")
        response.headers["WWW-Authenticate"] = 'Bearer realm="strangler"'
        return response
    return await handler(request)


async def _healthz(request: web.Request) -> web.Response:
    del request
    return _json({"status": "ok"})


async def _readyz(request: web.Request) -> web.Response:
    state = request.app[STATE]
    detail = {
        "ready": state.ready,
        "draining": state.draining,
        "version": state.reloader.version,
        "workers": len(state.workers),
        "workers_ready": len(state.ready_workers),
    }
    return _json(detail, 200 if state.ready else 503)


async def _metrics(request: web.Request) -> web.Response:
    if not request.app[STATE].complete:
        return _problem(503, "Control has just started and has not heard from every worker yet.")
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return web.Response(body=encode(request.app[REGISTRY]), headers={"Content-Type": content_type})


async def _status(request: web.Request) -> web.Response:
    return _json(view_status(request.app[STATE]))


async def _routes(request: web.Request) -> web.Response:
    return _json(view_routes(request.app[STATE]))


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


def _problem(status: int, detail: str) -> web.Response:
    body = orjson.dumps({"status": status, "detail": detail})
    return web.Response(body=body, status=status, content_type="application/problem+json")
