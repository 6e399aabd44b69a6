"""What a mapping loses, or cannot do: sentences for `strangler sync plan` and `strangler check`, as data.

`analyse` needs no store: it says what the configuration alone shows. With the columns' kinds it also says what the
columns cannot hold; `strangler sync plan` asks so, with both stores reflected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from legacy_adapters.errors import MappingError
from legacy_adapters.mapping.compiling import check_ends
from legacy_adapters.mapping.fields import Route, goes_to, route
from legacy_adapters.mapping.fitness import column_losses
from legacy_adapters.record import Side
from legacy_adapters.values.kinds import ColumnKind
from routes.config import Sync

Kinds = Mapping[str, ColumnKind]
_NONE: Kinds = {}


class Level(StrEnum):
    """How bad it is."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that is lost, or cannot be done.

    Attributes:
        level: `error`: the sync cannot run. `warning`: it runs, and some records lose something or are refused.
            `note`: what the configuration asks for loses something, and means to.
        field: the columns, `PHONE → phone`; "" for the sync as a whole.
        index: of the field in the configuration; None for the sync as a whole.
        sentence: what.
        advice: what to do, "" where there is nothing to be done.
    """

    level: Level
    field: str
    index: int | None
    sentence: str
    advice: str = ""

    def as_json(self) -> dict[str, Any]:
        """The same as data."""
        return {
            "level": str(self.level),
            "field": self.field,
            "index": self.index,
            "sentence": self.sentence,
            "advice": self.advice,
        }


def analyse(sync: Sync, *, folder: Path, legacy: Kinds = _NONE, new: Kinds = _NONE) -> list[Loss]:
    """What a sync's mapping loses, in the order of its fields; the same sentence is said once.

    Args:
        sync: as configured.
        folder: of the configuration file; Python functions are imported from there.
        legacy: the columns of the legacy table, all of them; empty where no store is asked.
        new: the columns of the new table.
    """
    kinds = {Side.LEGACY: legacy, Side.NEW: new}
    found: list[Loss] = []
    for index in range(len(sync.fields)):
        found += _field(sync, index, folder, kinds)
    found += _keys(sync, folder)
    for side in _written(sync):
        found += _left_out(sync, side, kinds)
    return list(dict.fromkeys(found))


def _written(sync: Sync) -> list[Side]:
    return {"to_new": [Side.NEW], "to_legacy": [Side.LEGACY], "both": [Side.NEW, Side.LEGACY]}[sync.direction]


def _field(sync: Sync, index: int, folder: Path, kinds: Mapping[Side, Kinds]) -> Iterator[Loss]:
    field = sync.fields[index]
    name = " → ".join(", ".join(columns) for columns in (field.legacy_columns, field.new_columns) if columns)
    ways = [side for side in _written(sync) if goes_to(field, side, sync.direction)]
    for side in ways:
        try:
            way = route(field, index, side, folder)
            if not way.targets:
                continue
            if way.no_inverse:
                yield _no_inverse(name, index, way, side)
                continue
            check_ends(way)
        except MappingError as error:
            yield Loss(Level.ERROR, name, index, str(error), "")
            continue
        meant = field.to_new is not None and field.to_legacy is not None
        yield from _steps(name, index, way, side, comes_back=len(ways) > 1, meant=meant)
        for level, sentence, advice in column_losses(way, kinds[side.other], kinds[side]):
            yield Loss(Level(level), name, index, sentence, advice)


def _no_inverse(name: str, index: int, way: Route, side: Side) -> Loss:
    words = " and ".join(way.no_inverse)
    have = "has" if len(way.no_inverse) == 1 else "have"
    advice = f"add to_{side} to the field, or direction: to_{side.other} where it need not come back"
    return Loss(Level.ERROR, name, index, f"{words} {have} no inverse, and the field goes both ways", advice)


def _steps(name: str, index: int, way: Route, side: Side, *, comes_back: bool, meant: bool) -> Iterator[Loss]:
    """What the steps lose. Where both directions are written out, somebody has thought of it: a note is enough."""
    for step in way.steps:
        if step.loses is None:
            continue
        sentence = f"{step.name} loses {step.loses}, on the way to {side}"
        if not comes_back or meant:
            yield Loss(Level.NOTE, name, index, sentence)
            continue
        sentence += f"; a change in {side} writes the result back over what {side.other} has"
        advice = f"set direction: to_{side} on the field where {side.other} must keep its own, or write both ways out"
        yield Loss(Level.WARNING, name, index, sentence, advice)


def _keys(sync: Sync, folder: Path) -> Iterator[Loss]:
    """Keys that a change of other columns changes, or that two records may share."""
    for side in _written(sync):
        source, target = (sync.legacy.key, sync.new.key) if side is Side.NEW else (sync.new.key, sync.legacy.key)
        for index, field in enumerate(sync.fields):
            columns = field.new_columns if side is Side.NEW else field.legacy_columns
            sources = field.legacy_columns if side is Side.NEW else field.new_columns
            if not set(columns) & set(target) or not goes_to(field, side, sync.direction):
                continue
            name = " → ".join([", ".join(sources), ", ".join(columns)])
            if not set(sources) <= set(source):
                sentence = f"the key in {side} is made of columns that are not the key in {side.other}"
                advice = "a change of them deletes the record and makes another: use a column of the key"
                yield Loss(Level.WARNING, name, index, sentence, advice)
            yield from _merging(name, index, sync, side, folder)


def _merging(name: str, index: int, sync: Sync, side: Side, folder: Path) -> Iterator[Loss]:
    try:
        way = route(sync.fields[index], index, side, folder)
    except MappingError:
        return  # said already
    for step in way.steps:
        if step.loses is not None:
            sentence = f"{step.name} may give two records of {side.other} one key in {side}"
            yield Loss(Level.WARNING, name, index, sentence, "the second goes to quarantine: map the key one to one")


def _left_out(sync: Sync, side: Side, kinds: Mapping[Side, Kinds]) -> Iterator[Loss]:
    """Columns that no field names: of the side that is written where they must have a value, of the other as a note."""
    named = {Side.LEGACY: set[str](), Side.NEW: set[str]()}
    for field in sync.fields:
        named[Side.LEGACY] |= set(field.legacy_columns)
        if goes_to(field, side, sync.direction):
            named[side] |= set(field.new_columns if side is Side.NEW else field.legacy_columns)
        named[Side.NEW] |= set(field.new_columns)
    for column in kinds[side].values():
        has_value = column.nullable or column.has_default or column.identity or column.generated
        if column.name not in named[side] and not has_value:
            sentence = f"{column.name} of {side} must not be NULL, has no default, and no field writes it"
            advice = f"add {{{side}: {column.name}, constant: VALUE}} or a column of {side.other}"
            yield Loss(Level.ERROR, column.name, None, sentence, advice)
    for column in kinds[side.other].values():
        if column.name not in named[side.other]:
            yield Loss(Level.NOTE, column.name, None, f"{column.name} of {side.other} goes nowhere: no field names it")
