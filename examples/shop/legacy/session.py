"""Sessions of the monolith: a cookie with the Domain of its own host, and a row per visitor."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from shop.legacy.context import CUSTOMER, SESSION_ID, STORE, found
from shop.ports import HOST

COOKIE = "SHOPSESSID"
STATELESS = ("/static/", "/api/", "/soap/", "/healthz", "/export/")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def session_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Find the visitor's session, or open one; machines' endpoints have none."""
    if request.path.startswith(STATELESS):
        return await handler(request)
    store = request.app[STORE]
    row = store.one("SELECT SID, CUST_NO FROM SESS WHERE SID = ?", request.cookies.get(COOKIE, ""))
    request[SESSION_ID] = row["SID"] if row else store.open_session()
    if row and row["CUST_NO"] is not None:
        request[CUSTOMER] = found(store.one("SELECT * FROM CUST_MAST WHERE CUST_NO = ?", row["CUST_NO"]))
    try:
        response = await handler(request)
    except web.HTTPRedirection as answer:
        if row is None:
            _give_cookie(answer, request[SESSION_ID])
        raise
    if row is None and not response.prepared:
        _give_cookie(response, request[SESSION_ID])
    return response


def _give_cookie(response: web.StreamResponse, sid: str) -> None:
    response.set_cookie(COOKIE, sid, domain=HOST, path="/", httponly=True, samesite="Lax")
