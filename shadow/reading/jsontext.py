"""JSON, exactly as it was written: no rounded number, no key that disappears, no depth without a bound.

The quick parser keeps the last of two equal keys and rounds what a float cannot hold. Whether it did is cheap to know:
written again, its document must be the text it came from, white space aside. Where it is not, because the text escapes
what need not be, or writes `10.50`, the exact parser reads it once more.

Source: RFC 8259; RFC 7493 (I-JSON) for what peers are known to disagree about; Unicode Annex 15 for NFC.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn
from unicodedata import is_normalized, normalize

import orjson

from shadow.errors import UndecodableError
from shadow.reading.exact import ExactNumber, fraction, integer
from shadow.reading.pointer import escape

#: Levels of arrays and objects. Recursion stays far below the interpreter's bound, and the store can write it.
DEPTH_MAX: Final = 200
_WHITE_SPACE: Final = b" \t\r\n"
_BOM: Final = b"\xef\xbb\xbf"
_RECORD_SEPARATOR: Final = b"\x1e"
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_LARGE_EXPONENT: Final = b"e+"
#: Values of one text, counted before it is parsed: each can take thirty times its bytes in memory.
VALUES_MAX: Final = 1_000_000
#: The quick writer refuses more than 254 levels, so that a document in this many lists is within DEPTH_MAX.
_WRITER_LEVELS: Final = 254
_PADDING: Final = _WRITER_LEVELS - DEPTH_MAX


@dataclass(frozen=True, slots=True)
class JsonDocument:
    """One JSON text.

    Attributes:
        value: its value; strings in NFC, numbers as in `shadow.reading.exact`.
        canonical: the value written with sorted keys and nothing else; two equal ones are equal in value and type.
            None where numbers are beyond that form.
        duplicates: path of every key that stood more than once in its object, with all its values.
    """

    value: Any
    canonical: bytes | None
    duplicates: dict[str, list[Any]]


def read_json(raw: bytes) -> JsonDocument:
    """Reads one JSON text in UTF-8.

    Raises:
        UndecodableError: `syntax`, `too_deep`, `too_large` or `charset`.
    """
    raw = raw.removeprefix(_BOM)
    containers = raw.count(b"[") + raw.count(b"{")
    if containers + raw.count(b",") > VALUES_MAX:
        raise UndecodableError("too_large", f"more than {VALUES_MAX} values")
    try:
        value = orjson.loads(raw)
        written = orjson.dumps(value)
    except orjson.JSONDecodeError as error:
        _check_depth(raw)
        return _read_exactly(raw, error)
    except orjson.JSONEncodeError as error:
        raise UndecodableError("too_deep", f"more than {DEPTH_MAX} levels") from error
    if containers > DEPTH_MAX:
        _check_writable(value)
    if written != raw and written.translate(None, _WHITE_SPACE) != raw.translate(None, _WHITE_SPACE):
        return _read_exactly(raw, None)
    if _LARGE_EXPONENT in written:
        return _read_exactly(raw, None)  # a float that no longer counts in ones may be an integer elsewhere
    if not written.isascii() and not is_normalized("NFC", text := written.decode()):
        return _read_exactly(normalize("NFC", text).encode(), None)
    return JsonDocument(value, orjson.dumps(value, option=orjson.OPT_SORT_KEYS), {})


def read_json_lines(raw: bytes) -> JsonDocument:
    """Reads JSON texts, one a line (NDJSON), or each after a record separator (RFC 7464): an array of them.

    Raises:
        UndecodableError: as `read_json`.
    """
    lines = raw.removeprefix(_BOM).split(_RECORD_SEPARATOR if _RECORD_SEPARATOR in raw else b"\n")
    if len(lines) + raw.count(b",") > VALUES_MAX:
        raise UndecodableError("too_large", f"more than {VALUES_MAX} values")
    documents = [read_json(line) for line in lines if line.strip()]
    duplicates = {
        f"/{index}{path}": values
        for index, document in enumerate(documents)
        for path, values in document.duplicates.items()
    }
    forms = [document.canonical for document in documents]
    canonical = b"\n".join(form for form in forms if form is not None) if None not in forms else None
    return JsonDocument([document.value for document in documents], canonical, duplicates)


def _check_writable(value: Any) -> None:
    for _ in range(_PADDING):
        value = [value]
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise UndecodableError("too_deep", f"more than {DEPTH_MAX} levels") from error


def _check_depth(raw: bytes) -> None:
    """Refuses what is too deep, whatever else is wrong with it, before a recursive parser sees it."""
    depth = 0
    for token in _TOKEN.finditer(raw):
        first = token[0][0]
        if first in b"[{":
            depth += 1
            if depth > DEPTH_MAX:
                raise UndecodableError("too_deep", f"more than {DEPTH_MAX} levels")
        elif first in b"]}":
            depth -= 1


def _read_exactly(raw: bytes, quick_error: orjson.JSONDecodeError | None) -> JsonDocument:
    """The exact parser; `quick_error` is why the quick one refused the text.

    It refused every text that this one takes for one of two reasons: a lone surrogate or a number beyond a float.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise UndecodableError("charset", f"not UTF-8 at byte {error.start}") from error
    keys = _Keys()
    decoder = json.JSONDecoder(
        object_pairs_hook=keys.collect, parse_float=fraction, parse_int=integer, parse_constant=_refuse_constant
    )
    try:
        value = decoder.decode(text)
    except (ValueError, RecursionError) as error:
        raise UndecodableError("syntax", str(quick_error or error)) from error
    if "\\u" in text:
        value = _plain_text(value)
    _check_writable(value)
    duplicates = dict(_located(value, keys.doubled, "")) if keys.doubled else {}
    exotic = _has_exact_number(value)
    return JsonDocument(value, None if exotic else orjson.dumps(value, option=orjson.OPT_SORT_KEYS), duplicates)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


class _Keys:
    """Builds objects, and remembers those in which a key stood twice."""

    def __init__(self) -> None:
        self.doubled: dict[int, dict[str, list[Any]]] = {}  # by id of the object, which lives as long as the document

    def collect(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            every: dict[str, list[Any]] = {}
            for key, member in pairs:
                every.setdefault(key, []).append(member)
            self.doubled[id(value)] = {key: members for key, members in every.items() if len(members) > 1}
        return value


def _located(value: Any, doubled: dict[int, dict[str, list[Any]]], path: str) -> Iterator[tuple[str, list[Any]]]:
    if type(value) is dict:
        for key, members in doubled.get(id(value), {}).items():
            yield f"{path}/{escape(key)}", members
        for key, member in value.items():
            yield from _located(member, doubled, f"{path}/{escape(key)}")
    elif type(value) is list:
        for index, member in enumerate(value):
            yield from _located(member, doubled, f"{path}/{index}")


def _plain_text(value: Any) -> Any:
    """The same with every string in NFC, and half a surrogate pair, which no UTF-8 can hold, as the escape it was."""
    if type(value) is str:
        if value.isascii():
            return value
        try:
            value.encode()
        except UnicodeEncodeError:
            value = value.encode("utf-8", "backslashreplace").decode()
        return normalize("NFC", value)
    if type(value) is dict:
        for key in list(value):
            member = value.pop(key)  # put back under its plain key, in the same order, in the same object
            value[_plain_text(key)] = _plain_text(member)
    elif type(value) is list:
        value[:] = [_plain_text(member) for member in value]
    return value


def _has_exact_number(value: Any) -> bool:
    if type(value) is dict:
        return any(map(_has_exact_number, value.values()))
    if type(value) is list:
        return any(map(_has_exact_number, value))
    return type(value) is ExactNumber
