"""Answers to compare, and comparing them in one line."""

from __future__ import annotations

import json
from typing import Any

from routes.shadowing import CompareModel, RuleModel
from shadow.comparing.comparer import RouteComparer
from shadow.comparison import Comparison, Difference
from shadow.exchange import COMPLETE, Answer

JSON = "application/json"


def answer(
    body: Any = b"",
    content_type: str | None = JSON,
    *fields: tuple[str, str],
    status: int = 200,
    outcome: str = COMPLETE,
    total_s: float = 0.0,
) -> Answer:
    """An answer; a body that is no bytes is written as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = (("content-type", content_type),) if content_type is not None else ()
    return Answer(outcome, status, (*named, *fields), raw, len(raw), "", 0.0, total_s)


def rules(*given: tuple[Any, ...]) -> tuple[RuleModel, ...]:
    """Rules from (path, kind) or (path, kind, argument), called `file:0` and so on."""
    return tuple(RuleModel(f"file:{index}", *rule) for index, rule in enumerate(given))


def comparer(*given: tuple[Any, ...], **settings: Any) -> RouteComparer:
    return RouteComparer(CompareModel(rules=rules(*given), **settings), now=lambda: 0.0)


def compare(
    legacy: Any, new: Any, *given: tuple[Any, ...], content_type: str | None = JSON, **settings: Any
) -> Comparison:
    """Compares two bodies of one media type under rules."""
    return comparer(*given, **settings).compare(answer(legacy, content_type), answer(new, content_type), method="GET")


def shown(differences: tuple[Difference, ...]) -> list[str]:
    """Differences as short lines: `value /a 1 2`, with `(file:0)` behind where a rule explains it."""
    lines = []
    for one in differences:
        by = f" ({one.explained_by})" if one.explained_by else ""
        lines.append(f"{one.kind} {one.path} {json.dumps(one.legacy)} {json.dumps(one.new)}{by}")
    return lines
