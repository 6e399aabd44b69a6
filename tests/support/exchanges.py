"""Exchanges as workers send them."""

from __future__ import annotations

from typing import Any

import orjson

from shadow.exchange import COMPLETE, Answer, AskedRequest, Exchange

AT = 1_795_550_400.0
JSON = (("content-type", "application/json"),)


def answer(document: Any = None, *, body: bytes | None = None, fields: Any = JSON, **more: Any) -> Answer:
    data = orjson.dumps(document) if body is None else body
    values = {"outcome": COMPLETE, "status": 200, "first_byte_s": 0.01, "total_s": 0.02, **more}
    return Answer(fields=fields, body=data, body_bytes=len(data), **values)


def exchange(legacy: Any, new: Any, *, identifier: str = "one", route: str = "orders", **more: Any) -> Exchange:
    """One exchange; answers are given as such or as documents."""
    sides = [one if isinstance(one, Answer) else answer(one) for one in (legacy, new)]
    request = more.pop("request", None) or AskedRequest("GET", f"/{route}/1", "shop.example")
    at = more.pop("at", AT)
    return Exchange(identifier, at, route, "legacy", request, *sides, **more)
