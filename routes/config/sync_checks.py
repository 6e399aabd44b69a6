"""What the settings of syncs must agree on. Reads data as it was given, so wrong types are stepped over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from routes.errors import ConfigPath
from routes.faults import Clash, did_you_mean, fault, peek

#: Which side a direction writes.
_WRITES = {"to_new": ("new",), "to_legacy": ("legacy",), "both": ("new", "legacy")}
_OTHER = {"legacy": "new", "new": "legacy"}


def sync_clashes(sync: Any) -> Iterator[Clash]:
    """What does not fit together inside of one sync."""
    direction = peek(sync, "direction") or "to_new"
    written = _WRITES.get(direction, ()) if isinstance(direction, str) else ()
    fields = _items(sync, "fields")
    yield from _one_way(fields, direction)
    for side in written:
        yield from _twice(fields, side, direction)
        yield from _keys(sync, fields, side, direction)
    yield from _unknown_columns(sync, fields)


def _items(data: Any, name: str) -> list[Any]:
    value = peek(data, name)
    return value if isinstance(value, list) else []


def _names(field: Any, side: str) -> list[str]:
    given = peek(field, side)
    listed = given if isinstance(given, list) else [given]
    return [name for name in listed if isinstance(name, str)]


def _goes(field: Any, side: str, direction: str) -> bool:
    """Whether a field is written to a side."""
    own = peek(field, "direction")
    return side in _WRITES.get(own if isinstance(own, str) else direction, ())


def _one_way(fields: list[Any], direction: Any) -> Iterator[Clash]:
    for index, field in enumerate(fields):
        own = peek(field, "direction")
        if own in _WRITES and direction in _WRITES and not set(_WRITES[own]) <= set(_WRITES[direction]):
            error = fault(f"goes another way than the sync, which goes {direction}", hint="set the sync's direction")
            yield Clash(("fields", index, "direction"), error, own)


def _twice(fields: list[Any], side: str, direction: str) -> Iterator[Clash]:
    seen: dict[str, int] = {}
    for index, field in enumerate(fields):
        for name in _names(field, side) if _goes(field, side, direction) else []:
            if name in seen and seen[name] != index:
                error = fault(f"{name} is written by fields[{seen[name]}] already")
                yield Clash(("fields", index, side), error, name)
            seen.setdefault(name, index)


def _keys(sync: Any, fields: list[Any], side: str, direction: str) -> Iterator[Clash]:
    """Every key column of a store that is written must come from the other side's record."""
    key = peek(sync, side, "key")
    given = {name for field in fields if _goes(field, side, direction) for name in _names(field, side)}
    fixed = {name for field in fields if _is_constant(field) for name in _names(field, side)}
    sourced = {name for field in fields if not _is_constant(field) for name in _names(field, side)}
    columns = [name for name in key if isinstance(name, str)] if isinstance(key, list) else []
    for index, name in enumerate(columns):
        path: ConfigPath = (side, "key", index)
        if name not in given:
            hint = f"add {{{_OTHER[side]}: COLUMN, {side}: {name}}} to fields"
            yield Clash(
                path, fault(f"no field writes {name}, so no record of {side} could be found again", hint=hint), name
            )
    if columns and set(columns) <= fixed - sourced:
        yield Clash((side, "key"), fault("every column of the key is constant, so all records would be one"), key)


def _is_constant(field: Any) -> bool:
    return isinstance(field, dict) and "constant" in field


def _unknown_columns(sync: Any, fields: list[Any]) -> Iterator[Clash]:
    known = [name for field in fields for name in _names(field, "new")]
    on = peek(sync, "duplicates", "on")
    authority = peek(sync, "authority", "fields")
    named: list[tuple[ConfigPath, Any]] = [
        (("rules", index, "field"), peek(rule, "field")) for index, rule in enumerate(_items(sync, "rules"))
    ]
    named += [(("duplicates", "on", index), name) for index, name in enumerate(on if isinstance(on, list) else [])]
    named += [(("authority", "fields", name), name) for name in (authority if isinstance(authority, dict) else {})]
    for path, name in named:
        if isinstance(name, str) and known and name not in known:
            allowed = "a column of the new store that a field names: " + ", ".join(dict.fromkeys(known))
            yield Clash(path, fault(f"no field has the column {name}", allowed=allowed, hint=_near(name, fields)), name)


def _near(name: str, fields: list[Any]) -> str | None:
    for field in fields:
        if name in _names(field, "legacy") and _names(field, "new"):
            return f"{name} is the legacy column: write {_names(field, 'new')[0]}"
    return did_you_mean(name, [new for field in fields for new in _names(field, "new")])


def lookup_clashes(config: Any) -> Iterator[Clash]:
    """Lookups that name no sync of the file, or have another number of columns than its key."""
    syncs = _items(config, "syncs")
    by_name = {peek(sync, "name"): sync for sync in syncs if isinstance(peek(sync, "name"), str)}
    for at, sync in enumerate(syncs):
        for index, field in enumerate(_items(sync, "fields")):
            name = peek(field, "lookup")
            path: ConfigPath = ("syncs", at, "fields", index, "lookup")
            if isinstance(name, str) and name not in by_name:
                allowed = "a sync of this file: " + ", ".join(by_name)
                error = fault(f"there is no sync {name}", allowed=allowed, hint=did_you_mean(name, list(by_name)))
                yield Clash(path, error, name)
            elif isinstance(name, str):
                yield from _key_lengths(by_name[name], field, path, name)


def _key_lengths(sync: Any, field: Any, path: ConfigPath, name: str) -> Iterator[Clash]:
    for side in ("legacy", "new"):
        key = peek(sync, side, "key")
        count, wanted = len(_names(field, side)), len(key) if isinstance(key, list) else 0
        if wanted and count and count != wanted:
            message = f"the key of {name} has {wanted} columns in the {side} store, and the field has {count}"
            yield Clash((*path[:-1], side), fault(message), peek(field, side))
