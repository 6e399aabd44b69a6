"""How the control API answers, and what its handlers find in the application."""

from __future__ import annotations

from typing import Any, Final

import orjson
from aiohttp import web

from proxy.control.auth import Caller
from proxy.control.state import ControlState

STATE: Final = web.AppKey("state", ControlState)
#: Who asks; set by the authorization.
CALLER: Final = web.RequestKey("caller", Caller)


def answer(value: Any, status: int = 200) -> web.Response:
    """A JSON value."""
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


def problem(status: int, detail: str) -> web.Response:
    """Problem details (RFC 9457)."""
    body = orjson.dumps({"status": status, "detail": detail})
    return web.Response(body=body, status=status, content_type="application/problem+json")
