"""A comparer that can only ignore, for tests of what comes after comparing: members by key, items by index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from routes.shadowing import CompareModel
from shadow.comparison import Comparison, Difference, Kind, Verdict
from shadow.exchange import Answer
from shadow.proving.leaves import pointer


class PlainComparer:
    """Compares JSON bodies; ignores what `ignore` rules of its model name by an exact pattern."""

    def __init__(self, model: CompareModel | None = None) -> None:
        self.ignored = {rule.path: rule.id for rule in (model or CompareModel()).rules if rule.kind == "ignore"}

    def compare(self, legacy: Answer, new: Answer, *, method: str = "GET") -> Comparison:
        """Two JSON bodies."""
        del method
        return self.documents(orjson.loads(legacy.body), orjson.loads(new.body))

    def documents(self, legacy: Any, new: Any) -> Comparison:
        """Two JSON values."""
        found = tuple(
            item._replace(explained_by=self.ignored.get(item.pattern, "")) for item in differences(legacy, new)
        )
        verdict = Verdict.MATCH
        if found:
            verdict = Verdict.MISMATCH if any(not item.explained_by for item in found) else Verdict.EXPLAINED
        return Comparison(verdict, differences=found, media="json", legacy_document=legacy, new_document=new)


def differences(legacy: Any, new: Any, steps: tuple[str | int, ...] = ()) -> Iterator[Difference]:
    """Every place where two documents differ."""
    if type(legacy) is not type(new) and not (_is_number(legacy) and _is_number(new)):
        yield _difference(steps, Kind.TYPE, legacy, new)
    elif isinstance(legacy, dict):
        for key, value in legacy.items():
            if key in new:
                yield from differences(value, new[key], (*steps, key))
            else:
                yield _difference((*steps, key), Kind.MISSING, value, None)
        for key in new.keys() - legacy.keys():
            yield _difference((*steps, key), Kind.EXTRA, None, new[key])
    elif isinstance(legacy, list):
        yield from _arrays(legacy, new, steps)
    elif legacy != new:
        yield _difference(steps, Kind.VALUE, legacy, new)


def _arrays(legacy: list[Any], new: list[Any], steps: tuple[str | int, ...]) -> Iterator[Difference]:
    if repr(legacy) == repr(new):  # as JSON: false is not 0
        return
    if sorted(map(repr, legacy)) == sorted(map(repr, new)):
        yield _difference(steps, Kind.ORDER, legacy, new)
        return
    for at, (one, other) in enumerate(zip(legacy, new, strict=False)):
        yield from differences(one, other, (*steps, at))
    for at in range(len(new), len(legacy)):
        yield _difference((*steps, at), Kind.MISSING, legacy[at], None)
    for at in range(len(legacy), len(new)):
        yield _difference((*steps, at), Kind.EXTRA, None, new[at])


def _difference(steps: tuple[str | int, ...], kind: Kind, legacy: Any, new: Any) -> Difference:
    pattern = pointer("*" if isinstance(step, int) else step for step in steps)
    return Difference(pointer(steps), kind, legacy, new, pattern)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
