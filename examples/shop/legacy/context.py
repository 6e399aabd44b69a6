"""What every handler of the monolith reaches for: its keys in the application, and how it renders a page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
from aiohttp import web

from shop.hub import Hub
from shop.legacy.store import Row, Store

ORIGIN = web.AppKey("origin", str)
STORE = web.AppKey("store", Store)
HUB = web.AppKey("hub", Hub)
TEMPLATES = web.AppKey("templates", jinja2.Environment)
SESSION_ID = web.RequestKey("session_id", str)
CUSTOMER = web.RequestKey("customer", dict[str, Any])


def make_templates(folder: Path) -> jinja2.Environment:
    """The page templates, escaping everything, with a filter for amounts and one for dates."""
    templates = jinja2.Environment(loader=jinja2.FileSystemLoader(folder), autoescape=True)
    templates.filters["dollars"] = dollars
    templates.filters["day"] = lambda text: f"{text[:4]}-{text[4:6]}-{text[6:8]}"
    return templates


def dollars(cents: str | int) -> str:
    """Cents as people read them.

    >>> dollars("129900")
    '$1,299.00'
    """
    return f"${int(cents) / 100:,.2f}"


def page(request: web.Request, name: str, *, status: int = 200, **values: Any) -> web.Response:
    """Render a template for whoever asks."""
    template = request.app[TEMPLATES].get_template(name)
    text = template.render(customer=request.get(CUSTOMER), path=request.path, **values)
    headers = {"Cache-Control": "private, no-cache"}
    return web.Response(text=text, content_type="text/html", charset="utf-8", status=status, headers=headers)


def absolute(request: web.Request, path: str) -> str:
    """A URL as the monolith writes them: with the host and port it believes it has."""
    return request.app[ORIGIN] + path


def redirect(request: web.Request, path: str) -> web.HTTPFound:
    """A redirect with an absolute URL."""
    return web.HTTPFound(absolute(request, path))


def found(row: Row | None) -> Row:
    """The row, or 404."""
    if row is None:
        raise web.HTTPNotFound(text="not found\n")
    return row
