"""JSON values as bytes and back: quick where JSON is clean, never refused where it is not."""

from __future__ import annotations

import json
from typing import Any

import orjson


def dump(value: Any) -> bytes:
    """A JSON value in UTF-8. Halves of characters are kept as escapes, whole numbers beyond 64 bits as they are."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=True, separators=(",", ":"), default=str).encode("ascii")


def load(text: bytes | str) -> Any:
    """What `dump` wrote."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def clean(text: str, characters_max: int) -> str:
    """A text for a column: no NUL and no half characters, which databases refuse, cut where it is too long."""
    if not text.isprintable():
        text = text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= characters_max else text[: characters_max - 1] + "…"
