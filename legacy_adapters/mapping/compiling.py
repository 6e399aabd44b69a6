"""A sync of the configuration → a `Mapping`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping as Kinds
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from legacy_adapters.errors import MappingError
from legacy_adapters.mapping.column import Column, is_several
from legacy_adapters.mapping.direction import Check, Direction
from legacy_adapters.mapping.duplicates import DuplicateQuery, duplicates_of
from legacy_adapters.mapping.fields import Route, goes_to, route
from legacy_adapters.mapping.rules import check_of
from legacy_adapters.record import Side
from legacy_adapters.values.kinds import ColumnKind
from routes.config import Sync

#: Part of every version: to be raised when a built-in transform gives another result than before.
ALGORITHM = 1
_BITS = 63
_NO_KINDS: Kinds[str, ColumnKind] = {}
_SIDES = {"legacy": Side.LEGACY, "new": Side.NEW, "none": None}


@dataclass(frozen=True, slots=True)
class Mapping:
    """A sync's mapping, compiled.

    Attributes:
        name: of the sync.
        to_new: from legacy rows to new rows; None where nothing goes that way.
        to_legacy: from new rows to legacy rows; None where nothing goes that way.
        duplicates: which rows of the new store may be the same record; None where it is not asked.
    """

    name: str
    to_new: Direction | None
    to_legacy: Direction | None
    duplicates: DuplicateQuery | None

    def toward(self, side: Side) -> Direction | None:
        """The direction that writes a side."""
        return self.to_new if side is Side.NEW else self.to_legacy

    def columns(self, side: Side) -> tuple[str, ...]:
        """The columns of a side that are read or written."""
        read = self.toward(side.other)
        written = self.toward(side)
        return tuple(dict.fromkeys([*(read.sources if read else ()), *(written.columns if written else ())]))


def compile_mapping(
    sync: Sync,
    *,
    folder: Path,
    legacy: Kinds[str, ColumnKind] = _NO_KINDS,
    new: Kinds[str, ColumnKind] = _NO_KINDS,
) -> Mapping:
    """Compiles a sync's mapping.

    Args:
        sync: as configured.
        folder: of the configuration file, where Python functions are.
        legacy: what the legacy columns can hold; values are made to fit. Without it they pass as they are.
        new: the same of the new columns.

    Raises:
        MappingError: a function cannot be loaded, a field has no way back that it needs, a constant does not fit.
    """
    kinds = {Side.LEGACY: legacy, Side.NEW: new}
    ways = {side: _direction(sync, side, folder, kinds[side]) for side in Side}
    return Mapping(sync.name, ways[Side.NEW], ways[Side.LEGACY], duplicates_of(sync))


def _direction(sync: Sync, side: Side, folder: Path, kinds: Kinds[str, ColumnKind]) -> Direction | None:
    routes = [
        route(field, index, side, folder)
        for index, field in enumerate(sync.fields)
        if goes_to(field, side, sync.direction) and (not field.is_constant or _names(field, side))
    ]
    written = {"to_new": Side.NEW, "to_legacy": Side.LEGACY}.get(sync.direction, side)
    if written is not side:
        return None
    for one in routes:
        if one.no_inverse:
            way = f"to_{side.value}"
            words = ", ".join(one.no_inverse)
            raise MappingError(f"{one.name}: {words} has no inverse, so {way} must be given", field=one.name)
        check_ends(one)
    keys = {Side.LEGACY: sync.legacy.key, Side.NEW: sync.new.key}
    return Direction(
        routes,
        version=_version(routes, side, keys[side.other], keys[side], sync),
        source_key=keys[side.other],
        target_key=keys[side],
        kinds=kinds,
        checks=_rule_checks(sync, side, routes),
        authorities=_authorities(sync, side),
        record_authority=_SIDES[sync.authority.default],
    )


def check_ends(one: Route) -> None:
    """The steps must end in as many values as there are columns to write."""
    if one.lookup is not None or not one.sources:
        return
    several, wanted = len(one.sources) > 1, len(one.targets) > 1
    if is_several(one.steps, several=several) is not wanted:
        many, missing = ("one value", "split") if wanted else ("several values", "join")
        message = f"{one.name}: the transforms end in {many}: add {missing} or a function"
        raise MappingError(message, field=one.name)
    kept = several and not any(step.many_in or step.many_out for step in one.steps)
    if kept and len(one.sources) != len(one.targets):
        raise MappingError(f"{one.name}: {len(one.sources)} columns cannot become {len(one.targets)}", field=one.name)


def _names(field: Any, side: Side) -> tuple[str, ...]:
    found: tuple[str, ...] = field.new_columns if side is Side.NEW else field.legacy_columns
    return found


def _rule_checks(sync: Sync, side: Side, routes: list[Route]) -> list[Check]:
    to_new = side is Side.NEW
    known = {name for one in routes for name in (one.targets if to_new else one.sources)}
    return [
        Check(rule.field, to_new, Column(check_of(rule), steady=True)) for rule in sync.rules if rule.field in known
    ]


def _authorities(sync: Sync, side: Side) -> dict[str, Side | None]:
    """Who wins, by the columns of the side that is written."""
    given = sync.authority.fields
    found: dict[str, Side | None] = {}
    for field in sync.fields:
        decided = next((given[name] for name in field.new_columns if name in given), None)
        if decided is not None:
            found |= dict.fromkeys(_names(field, side), _SIDES[decided])
    return found


def _version(routes: list[Route], side: Side, source_key: list[str], target_key: list[str], sync: Sync) -> int:
    definition = {
        "algorithm": ALGORITHM,
        "side": side.value,
        "keys": [source_key, target_key],
        "fields": [
            {
                "sources": one.sources,
                "targets": one.targets,
                "lookup": one.lookup,
                "constant": repr(one.constant),
                "steps": [[step.name, step.fingerprint] for step in one.steps],
                "given": sync.fields[one.index].model_dump(
                    mode="json", by_alias=True, exclude_none=True, include={"to_new", "to_legacy", "values"}
                ),
            }
            for one in routes
        ],
    }
    digest = hashlib.sha256(json.dumps(definition, sort_keys=True, default=str).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - _BITS) or 1
