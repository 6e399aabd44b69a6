"""What makes two values equal, whatever store and driver they came from.

The canonical form of a value is bytes: a letter for its type, its length, its content. So NULL is not '', 1 is not '1',
and no two rows run into each other. Numbers are by value (1.50 is 1.5, and 1 is 1.0 as a decimal), floats by `repr`,
times in UTC with six digits, text in NFC (two ways to write é are one), JSON by value with its keys in order.
With a column's kind, blanks at the end of a CHAR and digits of the second that the column does not keep mean nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from legacy_adapters.values.coerce import coercer, is_whole
from legacy_adapters.values.errors import UnfitError
from legacy_adapters.values.kinds import ColumnKind, Kind

_HASH_BYTES = 8


def canonical(value: Any) -> bytes:
    """The canonical form of a value."""
    letter, content = _form(value)
    return b"%s%d:%s" % (letter, len(content), content)


def canonical_row(values: Iterable[Any]) -> bytes:
    """The canonical form of several values in order."""
    return b"".join([canonical(value) for value in values])


def fingerprint(values: Iterable[Any]) -> int:
    """64 bits of the canonical form, signed."""
    digest = hashlib.blake2b(canonical_row(values), digest_size=_HASH_BYTES).digest()
    return int.from_bytes(digest, "big", signed=True)


def _form(value: Any) -> tuple[bytes, bytes]:
    if value is None:
        return b"0", b""
    form = _FORMS.get(type(value))
    if form is None:
        form = next((known for kind, known in _FORMS.items() if isinstance(value, kind)), _unknown)
    return form(value)


def _text(value: str) -> tuple[bytes, bytes]:
    plain = value if value.isascii() else unicodedata.normalize("NFC", value)
    return b"s", plain.encode("utf-8", "surrogatepass")


def _number(value: Decimal) -> tuple[bytes, bytes]:
    if not value.is_finite():
        return b"n", str(value).lower().encode()
    if not value:
        return b"n", b"0"
    sign, digits, exponent = value.as_tuple()
    trimmed = "".join(map(str, digits)).lstrip("0")
    kept = trimmed.rstrip("0")
    return b"n", f"{'-' if sign else ''}{kept}e{int(exponent) + len(trimmed) - len(kept)}".encode()


def _datetime(value: datetime) -> tuple[bytes, bytes]:
    if value.tzinfo is None:
        return b"c", value.replace(fold=0).isoformat(timespec="microseconds").encode()
    return b"z", value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds").encode()


def _json(value: Any) -> tuple[bytes, bytes]:
    plain = json.dumps(_json_value(value), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return b"j", plain.encode("utf-8", "surrogatepass")


def _json_value(value: Any) -> Any:
    """The same with numbers by value: 1.0 is 1."""
    if isinstance(value, dict):
        return {str(key): _json_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_json_value(inner) for inner in value]
    if isinstance(value, float | Decimal) and is_whole(value):
        return int(value)
    return float(value) if isinstance(value, Decimal) else value


def _unknown(value: Any) -> tuple[bytes, bytes]:
    return b"?", f"{type(value).__name__}:{value}".encode()


_FORMS: dict[type, Callable[[Any], tuple[bytes, bytes]]] = {
    str: _text,
    bool: lambda value: (b"b", b"1" if value else b"0"),
    int: lambda value: _number(Decimal(value)),
    Decimal: _number,
    float: lambda value: (b"f", repr(value).encode()),
    bytes: lambda value: (b"y", value),
    bytearray: lambda value: (b"y", bytes(value)),
    memoryview: lambda value: (b"y", bytes(value)),
    datetime: _datetime,
    date: lambda value: (b"d", value.isoformat().encode()),
    time: lambda value: (b"t", value.isoformat(timespec="microseconds").encode()),
    timedelta: lambda value: (b"i", b"%d" % (value // timedelta(microseconds=1))),
    UUID: lambda value: (b"u", value.bytes),
    dict: _json,
    list: _json,
}
#: Types whose equality in Python is canonical equality, where both are of the type.
_PLAIN = frozenset({bool, int, bytes, date, UUID, type(None)})
#: The same of equal values alone: text may differ in its way of writing é, and NaN is not equal to itself.
_PLAIN_WHERE_EQUAL = frozenset({str, Decimal})


def _read(value: Any) -> Any:
    """What a JSON column's text says; a text that is no JSON is itself."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def comparer(kind: ColumnKind | None) -> Callable[[Any, Any], bool]:
    """Whether two values of a column are equal. What does not fit into the column is compared as it is."""
    coerce = coercer(_any_length(kind)) if kind is not None else None
    is_json = kind is not None and kind.kind is Kind.JSON

    def form(value: Any) -> bytes:
        if coerce is not None and value is not None:
            with contextlib.suppress(UnfitError):
                value = coerce(value)
        if is_json and value is not None:
            return b"".join(_json(_read(value)))
        return canonical(value)

    def same(one: Any, other: Any) -> bool:
        kinds = type(one)
        if kinds is type(other) and not is_json:
            if kinds in _PLAIN:
                return bool(one == other)
            if kinds in _PLAIN_WHERE_EQUAL and one == other:
                return True
        elif (one is None) is not (other is None):
            return False
        try:
            return form(one) == form(other)
        except (ArithmeticError, RecursionError, TypeError, ValueError):
            return False  # a signalling NaN, what is no JSON: unlike everything, and refused where it is written

    return same


def _any_length(kind: ColumnKind) -> ColumnKind:
    """The kind, taking what is already stored: what it holds in common with others, not what it refuses."""
    return ColumnKind(
        kind.name, kind.kind, kind.type_name, fixed=kind.fixed, bits=kind.bits if kind.kind is Kind.FLOAT else None,
        fraction=kind.fraction, zoned=kind.zoned,
    )  # fmt: skip


def comparers(columns: Iterable[str], kinds: Mapping[str, ColumnKind]) -> dict[str, Callable[[Any, Any], bool]]:
    """The comparison of each column."""
    return {name: comparer(kinds.get(name)) for name in columns}
