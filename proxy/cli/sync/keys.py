"""Keys of records as they are printed, and as people write them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import click

from legacy_adapters.record import Key
from legacy_adapters.values.coerce import coercer
from legacy_adapters.values.errors import UnfitError
from legacy_adapters.values.kinds import ColumnKind, Kind
from proxy.printable import printable


def key_text(key: Key | None) -> str:
    """A key as it is printed, and as `read_key` takes it: JSON, of which a terminal acts on nothing."""
    if key is None:
        return "-"
    text = json.dumps(list(key), default=value_text, ensure_ascii=False)
    return text if text.isprintable() else "".join(map(_escaped, text))


def value_text(value: Any) -> str:
    """A value that JSON does not have, as text."""
    match value:
        case bytes():
            return value.hex()
        case datetime() | date() | time():
            return value.isoformat()
    return str(value)


def _escaped(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]


def read_key(text: str, columns: Sequence[ColumnKind]) -> Key:
    """A key as it was printed, or the plain value where it has one column.

    Args:
        text: what somebody wrote.
        columns: what the key's columns hold.

    Raises:
        click.BadParameter: it is no key of these columns.
    """
    values = _values(text)
    if values is None:
        if len(columns) != 1:
            raise _refused(text, columns, f"the key has {len(columns)} columns")
        return (_fitting(text, text, columns[0], columns),)
    if len(values) != len(columns):
        raise _refused(text, columns, f"the key has {len(columns)} column{'s' if len(columns) > 1 else ''}")
    return tuple(_fitting(value, text, column, columns) for value, column in zip(values, columns, strict=True))


def _values(text: str) -> list[Any] | None:
    """The values of a key that was written as a JSON list; None is one plain value."""
    if not text.lstrip().startswith("["):
        return [json.loads(text)] if _is_quoted(text) else None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, list) else None


def _is_quoted(text: str) -> bool:
    try:
        return isinstance(json.loads(text), str)
    except ValueError:
        return False


def _fitting(value: Any, text: str, column: ColumnKind, columns: Sequence[ColumnKind]) -> Any:
    """The value as the store has it."""
    try:
        found = coercer(column)(_of_kind(value, column))
    except (UnfitError, ValueError) as error:
        raise _refused(text, columns, f"{column.name} is {column.type_name or column.kind}: {error}") from None
    if isinstance(found, Decimal) and column.scale is not None:
        return found.quantize(Decimal(1).scaleb(-column.scale))
    return found


def _of_kind(value: Any, column: ColumnKind) -> Any:
    """What the text of a value of this kind stands for, where no coercion says it."""
    if not isinstance(value, str):
        return value
    match column.kind:
        case Kind.BYTES:
            return bytes.fromhex(value)
        case Kind.FLOAT:
            return float(value)
        case Kind.BOOLEAN if value in {"true", "false"}:
            return value == "true"
    return value


def _refused(text: str, columns: Sequence[ColumnKind], why: str) -> click.BadParameter:
    if len(columns) == 1:
        form = f"the value of {columns[0].name}"
    else:
        form = f"'[{', '.join(column.name for column in columns)}]' with the values, such as '[\"A\", 7]'"
    return click.BadParameter(f"{printable(text)} is no key here, since {why}. Write {form}, as `list` prints it.")
