"""The bodies and paths that every entrant serves: the same bytes for all."""

from __future__ import annotations

import json
from dataclasses import dataclass

KIB = 1024


@dataclass(frozen=True, slots=True)
class Work:
    """One kind of request, and the answer that is right.

    Attributes:
        varied: every request has a field that no other has, and so has every answer: what was remembered of an earlier
            head is of no use.
    """

    path: str
    body: bytes
    method: str = "GET"
    posted: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    varied: bool = False


def _json_body() -> bytes:
    """A small record as an API would answer it: 0.8 KB."""
    items = [
        {"sku": f"SKU-{n:05}", "name": f"Article number {n}", "quantity": n, "price": "19.90"} for n in range(1, 10)
    ]
    return json.dumps({"id": 7, "status": "open", "customer": "C-1042", "items": items}).encode() + b"\n"


def _text_body(size: int) -> bytes:
    line = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.\n"
    return line * (size // len(line))


SMALL_BODY = _json_body()
JSON = Work("/json", SMALL_BODY)
VARIED = Work("/varied", SMALL_BODY, varied=True)
BODY_64K = Work("/static/64k.bin", _text_body(64 * KIB))
BODY_1M = Work("/static/1m.bin", _text_body(1024 * KIB))
POST_16K = Work("/post", b'{"stored": true}\n', method="POST", posted=_text_body(16 * KIB))
LAST_ROUTE = Work("/api/resource-500/42", SMALL_BODY)
CANARY = Work("/api/resource-21/42", SMALL_BODY, headers=(("Cookie", "session=6f1c9a72d3e84b05"),))

#: What every entrant must answer correctly before anything is timed.
CHECKED = (JSON, BODY_64K, BODY_1M, POST_16K)
