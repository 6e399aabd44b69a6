"""JSON columns: objects and lists as Python's, everything else as the text that it is."""

from __future__ import annotations

import json
from typing import Any, Final

from legacy_adapters.sql.connection import RefusedError

#: Levels of objects and lists that are taken apart; what is deeper stays text.
DEPTH_MAX: Final = 200


def json_value(text: Any) -> Any:
    """Objects and lists as Python's; a number, text, true, false or null alone stays JSON text: null is not NULL."""
    if not isinstance(text, str) or text.lstrip()[:1] not in {"{", "["}:
        return text
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return text if text.count("{") + text.count("[") > DEPTH_MAX and _is_deep(value) else value


def _is_deep(value: Any) -> bool:
    """Whether it is nested deeper than what walks through it afterwards can go."""
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def json_text(value: Any) -> str:
    """What is stored of it.

    Raises:
        RefusedError: it is not JSON: only a user's function makes such.
    """
    try:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise RefusedError("type", f"it is no JSON: {type(error).__name__}") from None
