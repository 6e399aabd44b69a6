"""A field of the configuration → its steps each way.

The order is legacy → `to_new` → `values` → new, and back the other way round. Where one direction is not given it is
the other one turned around, step by step; a step without inverse is a fault there, unless nothing goes that way.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from legacy_adapters.mapping.registry import build
from legacy_adapters.mapping.step import ANY, RefusalError, Shape, Step
from legacy_adapters.mapping.transforms.numbers import word_of
from legacy_adapters.record import Side
from routes.config import SyncField, Transform

_WRITES = {"to_new": (Side.NEW,), "to_legacy": (Side.LEGACY,), "both": (Side.NEW, Side.LEGACY)}


@dataclass(frozen=True, slots=True)
class Route:
    """A field on its way to one side.

    Attributes:
        index: of the field in the configuration.
        sources: columns of the row that is read; none for a constant.
        targets: columns of the row that is written.
        steps: what happens to the value, in order.
        lookup: the sync whose key it is, or None.
        constant: what is written where there are no sources.
        no_inverse: the steps of the other direction that cannot be turned around; nothing can be mapped then.
        given: the steps are in the configuration, and not an inverse that was found.
    """

    index: int
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    steps: tuple[Step, ...] = ()
    lookup: str | None = None
    constant: Any = None
    no_inverse: tuple[str, ...] = ()
    given: bool = True

    @property
    def name(self) -> str:
        """What the field is called in messages: the columns that it writes."""
        return ", ".join(self.targets)


def goes_to(field: SyncField, side: Side, direction: str) -> bool:
    """Whether a field is written to a side, in a sync that goes `direction`."""
    return side in _WRITES[field.direction or direction]


def route(field: SyncField, index: int, side: Side, folder: Path) -> Route:
    """The way of a field to one side.

    Raises:
        MappingError: a function of the user's cannot be loaded.
    """
    ends = {Side.LEGACY: field.legacy_columns, Side.NEW: field.new_columns}
    sources, targets = ends[side.other], ends[side]
    if field.is_constant:
        return Route(index, (), targets, constant=field.constant)
    shape = Shape(len(sources), len(targets), folder)
    own, other = (field.to_new, field.to_legacy) if side is Side.NEW else (field.to_legacy, field.to_new)
    steps, missing = _steps(own, other, shape)
    if field.values is not None:
        by_value = values(field.values)
        steps = [*steps, by_value] if side is Side.NEW else [_turned(by_value), *steps]
    given = own is not None or other is None
    return Route(index, sources, targets, tuple(steps), field.lookup, None, tuple(missing), given)


def _steps(own: list[Transform] | None, other: list[Transform] | None, shape: Shape) -> tuple[list[Step], list[str]]:
    if own is not None:
        return [build(use, shape) for use in own], []
    there = [build(use, shape.turned) for use in other or []]
    missing = [step.name for step in there if step.inverse is None]
    return [_turned(step) for step in reversed(there) if step.inverse is not None], missing


def _turned(step: Step) -> Step:
    if step.inverse is None:
        raise ValueError(step.name)
    return step.inverse()


def values(table: dict[str, Any]) -> Step:
    """An enumeration: legacy word → new value; on the way back the first word whose value it is."""
    words: dict[str | None, str] = {}
    for word, value in table.items():
        words.setdefault(word_of(value), word)

    def apply(value: Any) -> Any:
        word = word_of(value)
        for candidate in (word, word.rstrip(" ") if word else word):
            if candidate in table:
                return table[candidate]
        raise RefusalError("is not among the values that are mapped")

    def back(value: Any) -> Any:
        word = word_of(value)
        if word in words:
            return words[word]
        if value is None:
            return None
        raise RefusalError("is not among the values that are mapped")

    def inverse() -> Step:
        return Step("values", back, lambda: values(table), None, ANY, ANY, nulls=True)

    doubled = len(words) < len(table)
    loses = "which of several values it was that become the same" if doubled else None
    return Step("values", apply, inverse, loses, ANY, ANY)
