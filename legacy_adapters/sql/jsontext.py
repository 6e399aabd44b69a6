"""JSON columns: objects and lists as Python's, everything else as the text that it is."""

from __future__ import annotations

import json
from typing import Any


def json_value(text: Any) -> Any:
    """Objects and lists as Python's; a number, text, true, false or null alone stays JSON text: null is not NULL."""
    if not isinstance(text, str) or text.lstrip()[:1] not in {"{", "["}:
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def json_text(value: Any) -> str:
    """What is stored of it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
