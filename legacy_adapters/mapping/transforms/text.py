"""Text: white space, case, blanks, parts, encodings."""

from __future__ import annotations

import json
from typing import Any

from legacy_adapters.mapping.step import ANY, TEXT, RefusalError, Shape, Step, kind_name, text, unchanged
from legacy_adapters.mapping.transforms.cases import title_case
from legacy_adapters.values.kinds import Kind
from routes.config.sync_transform import (
    DefaultArguments,
    LengthArguments,
    NoArguments,
    PrefixArguments,
    RecodeArguments,
    SubstringArguments,
    TrimArguments,
)

_BYTE_VALUES = 256


def trim(arguments: TrimArguments, _shape: Shape) -> Step:
    """White space off the ends."""
    strip = {"both": str.strip, "left": str.lstrip, "right": str.rstrip}[arguments.side]
    return Step(
        "trim",
        lambda value: strip(text(value, "trim")),
        lambda: unchanged("trim"),
        "white space at the ends of the text",
        TEXT,
        frozenset({Kind.TEXT}),
    )


def upper(_arguments: NoArguments, _shape: Shape) -> Step:
    """Upper case."""
    return Step("upper", lambda value: text(value, "upper").upper(), None, "which letters were small", TEXT, TEXT)


def lower(_arguments: NoArguments, _shape: Shape) -> Step:
    """Lower case."""
    return Step("lower", lambda value: text(value, "lower").lower(), None, "which letters were capitals", TEXT, TEXT)


def title(_arguments: NoArguments, _shape: Shape) -> Step:
    """The case of names."""
    return Step(
        "title_case",
        lambda value: title_case(text(value, "title_case")),
        None,
        "which letters were capitals",
        TEXT,
        TEXT,
    )


def email(_arguments: NoArguments, _shape: Shape) -> Step:
    """White space off, domain in lower case: two such addresses reach the same mailbox."""

    def apply(value: Any) -> str:
        local, at, domain = text(value, "email").strip().rpartition("@")
        if not at or not local or not domain:
            raise RefusalError("is not an e-mail address")
        return f"{local}@{domain.lower()}"

    loses = "white space and the case of the domain, which mean nothing in an address"
    return Step("email", apply, lambda: unchanged("email"), loses, TEXT, frozenset({Kind.TEXT}))


def blank_is_null(_arguments: NoArguments, _shape: Shape) -> Step:
    """Blank text becomes NULL."""

    def apply(value: Any) -> Any:
        return None if isinstance(value, str) and (not value or value.isspace()) else value

    return Step("blank_is_null", apply, lambda: unchanged("blank_is_null"), "whether it was blank or NULL")


def null_is_blank(_arguments: NoArguments, _shape: Shape) -> Step:
    """NULL becomes empty text."""

    def apply(value: Any) -> Any:
        return "" if value is None else value

    def inverse() -> Step:
        return blank_is_null(_arguments, _shape)

    return Step("null_is_blank", apply, inverse, "whether it was blank or NULL", TEXT, TEXT, nulls=True)


def default(arguments: DefaultArguments, _shape: Shape) -> Step:
    """NULL becomes a value."""

    def apply(value: Any) -> Any:
        return arguments.value if value is None else value

    loses = "whether it was NULL or the default"
    return Step("default", apply, lambda: unchanged("default"), loses, nulls=True)


def truncate(arguments: LengthArguments, _shape: Shape) -> Step:
    """The first characters. No inverse: on the way back the rest would be lost on the other side too."""
    loses = f"what comes after {arguments.length} characters"
    return Step("truncate", lambda value: text(value, "truncate")[: arguments.length], None, loses, TEXT, TEXT)


def substring(arguments: SubstringArguments, _shape: Shape) -> Step:
    """A part of the text."""
    start, end = arguments.start, arguments.start + arguments.length
    loses = f"what is not from character {start + 1} to {end}"
    return Step("substring", lambda value: text(value, "substring")[start:end], None, loses, TEXT, TEXT)


def prefix(arguments: PrefixArguments, shape: Shape) -> Step:
    """A text before the value."""

    def inverse() -> Step:
        def cut(value: Any) -> str:
            whole = text(value, "prefix")
            if not whole.startswith(arguments.text):
                raise RefusalError("does not begin with the prefix")
            return whole[len(arguments.text) :]

        return Step("prefix", cut, lambda: prefix(arguments, shape), takes=TEXT, gives=TEXT)

    return Step("prefix", lambda value: arguments.text + text(value, "prefix"), inverse, takes=TEXT, gives=TEXT)


def recode(arguments: RecodeArguments, _shape: Shape) -> Step:
    """Text whose bytes were read in the wrong encoding. `latin1` as MariaDB means it: cp1252 with its holes filled."""
    forward = _recoding(arguments.stored_as, arguments.really)
    back = _recoding(arguments.really, arguments.stored_as)

    def inverse() -> Step:
        return Step("recode", back, lambda: recode(arguments, _shape), takes=TEXT, gives=TEXT)

    return Step("recode", forward, inverse, takes=TEXT, gives=TEXT)


def _mariadb_latin1() -> dict[int, str]:
    return {
        byte: bytes([byte]).decode("cp1252") if byte not in {0x81, 0x8D, 0x8F, 0x90, 0x9D} else chr(byte)
        for byte in range(_BYTE_VALUES)
    }


_LATIN1 = _mariadb_latin1()
_LATIN1_BYTES = {character: byte for byte, character in _LATIN1.items()}


def _encode(value: str, encoding: str) -> bytes:
    if encoding == "latin1":
        return bytes([_LATIN1_BYTES[character] for character in value])
    return value.encode(encoding)


def _decode(value: bytes, encoding: str) -> str:
    if encoding == "latin1":
        return "".join([_LATIN1[byte] for byte in value])
    return value.decode(encoding)


def _recoding(stored_as: str, really: str) -> Any:
    def apply(value: Any) -> str:
        whole = text(value, "recode")
        if whole.isascii():
            return whole
        try:
            return _decode(_encode(whole, stored_as), really)
        except (KeyError, UnicodeError):
            raise RefusalError(f"cannot be read as {really} bytes that were taken for {stored_as}") from None

    return apply


def json_value(_arguments: NoArguments, _shape: Shape) -> Step:
    """Text with JSON becomes its value."""

    def apply(value: Any) -> Any:
        if isinstance(value, dict | list):
            return value
        try:
            return json.loads(text(value, "json"))
        except (ValueError, RecursionError):
            raise RefusalError("is not JSON") from None

    def inverse() -> Step:
        loses = "the order of keys and white space"
        return Step("json", _written, lambda: json_value(_arguments, _shape), loses, ANY, TEXT, nulls=True)

    gives = frozenset({Kind.JSON})
    return Step("json", apply, inverse, "white space and the order of keys", TEXT, gives, steady=False)


def _written(value: Any) -> str | None:
    if value is None:
        return None
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError):
        raise RefusalError(f"{kind_name(value)} is not JSON") from None
