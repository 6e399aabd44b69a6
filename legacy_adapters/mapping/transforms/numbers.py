"""Numbers, exactly: text with points and zeros, units, rounding, booleans. No float is made on the way."""

from __future__ import annotations

import decimal
import re
from decimal import Decimal
from typing import Any

from legacy_adapters.mapping.step import ANY, NUMBER, TEXT, RefusalError, Shape, Step, kind_name
from legacy_adapters.values.coerce import is_whole
from legacy_adapters.values.kinds import Kind
from routes.config.sync_transform import (
    BooleanArguments,
    DecimalArguments,
    IntegerArguments,
    RoundArguments,
    ScaleArguments,
)

#: More digits than anybody means; arithmetic beyond them is refused.
_DIGITS_MAX = 1000
_EXACT = decimal.Context(prec=_DIGITS_MAX, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.Overflow])
_ROUNDING = {
    "half_up": decimal.ROUND_HALF_UP,
    "half_even": decimal.ROUND_HALF_EVEN,
    "down": decimal.ROUND_DOWN,
}
_INTEGER = re.compile(r"[+-]?[0-9]{1,1000}\Z")
_DECIMAL = frozenset({Kind.DECIMAL})
_WHOLE = frozenset({Kind.INTEGER})


def number(value: Any, name: str) -> Decimal:
    """The value as an exact number.

    Raises:
        RefusalError: it is none.
    """
    if isinstance(value, Decimal):
        found = value
    elif isinstance(value, int) and not isinstance(value, bool):
        found = Decimal(value)
    elif isinstance(value, float):
        found = Decimal(repr(value))
    else:
        raise RefusalError(f"{name} wants a number, and got {kind_name(value)}")
    if not found.is_finite():
        raise RefusalError(f"{name} wants a number, and got none")
    if abs(found.adjusted()) > _DIGITS_MAX:
        raise RefusalError("has too many digits")
    return found


def decimal_text(arguments: DecimalArguments, shape: Shape) -> Step:
    """Text becomes an exact decimal number."""
    point, group = re.escape(arguments.point), re.escape(arguments.group)
    whole = rf"(?:[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|[0-9]+)" if group else r"[0-9]+"
    pattern = re.compile(rf"[+-]?(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)\Z")

    def apply(value: Any) -> Decimal:
        if not isinstance(value, str):
            return number(value, "decimal")
        written = value.strip()
        if pattern.match(written) is None or len(written) > _DIGITS_MAX:
            raise RefusalError("is not written as such a number")
        if arguments.group:
            written = written.replace(arguments.group, "")
        return Decimal(written.replace(arguments.point, "."))

    def back(value: Any) -> str:
        exact = number(value, "decimal")
        if arguments.scale is not None:
            exact = _with_scale(exact, arguments.scale)
        return f"{exact:f}".replace(".", arguments.point)

    def inverse() -> Step:
        return Step("decimal", back, lambda: decimal_text(arguments, shape), None, NUMBER, TEXT)

    loses = "how it was written: zeros in front, a plus sign, what separates thousands"
    return Step("decimal", apply, inverse, loses, TEXT | NUMBER, _DECIMAL)


def _with_scale(exact: Decimal, digits: int) -> Decimal:
    try:
        return exact.quantize(Decimal(1).scaleb(-digits), context=_EXACT)
    except decimal.DecimalException:
        raise RefusalError(f"has more than {digits} digits behind the point") from None


def integer(arguments: IntegerArguments, shape: Shape) -> Step:
    """Text becomes a whole number."""
    width = arguments.width or 0

    def apply(value: Any) -> int:
        if isinstance(value, str) and _INTEGER.match(value.strip()):
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise RefusalError("is not a whole number")

    def back(value: Any) -> str:
        exact = number(value, "integer")
        if exact != exact.to_integral_value():
            raise RefusalError("is not a whole number")
        written = str(abs(int(exact))).zfill(width)
        if width and len(written) > width:
            raise RefusalError(f"has more than {width} digits")
        return f"-{written}" if exact < 0 else written

    def inverse() -> Step:
        return Step("integer", back, lambda: integer(arguments, shape), None, NUMBER, TEXT)

    loses = None if width else "zeros in front"
    return Step("integer", apply, inverse, loses, TEXT | _WHOLE, _WHOLE)


def scale(arguments: ScaleArguments, _shape: Shape) -> Step:
    """Multiplies, exactly. The inverse divides, where that is exact for every number: 0.01, 0.5, 1000, not 3."""
    return _scaling(Decimal(arguments.by))


def _scaling(factor: Decimal) -> Step:
    def apply(value: Any) -> Decimal:
        try:
            return _EXACT.multiply(number(value, "scale"), factor)
        except decimal.DecimalException:
            raise RefusalError("has too many digits to be exact") from None

    try:
        opposite = _EXACT.divide(Decimal(1), factor)
    except decimal.DecimalException:
        return Step("scale", apply, None, None, NUMBER, _DECIMAL)
    return Step("scale", apply, lambda: _scaling(opposite), None, NUMBER, _DECIMAL)


def rounded(arguments: RoundArguments, _shape: Shape) -> Step:
    """Rounds. No inverse: the other side would get the rounded number too."""
    unit, rounding = Decimal(1).scaleb(-arguments.digits), _ROUNDING[arguments.mode]

    def apply(value: Any) -> Decimal:
        try:
            return number(value, "round").quantize(unit, rounding=rounding, context=decimal.Context(prec=_DIGITS_MAX))
        except decimal.DecimalException:
            raise RefusalError("has too many digits") from None

    return Step("round", apply, None, f"more than {arguments.digits} digits behind the point", NUMBER, _DECIMAL)


def word_of(value: Any) -> str | None:
    """What a value of an enumeration or boolean is called: 1, True, 1.0, "1" and a bit of 1 are all `1`; None stays."""
    if value is None or type(value) is str:
        return value
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal | float):
        return str(int(value)) if is_whole(value) else str(value)
    if isinstance(value, bytes):
        return str(int.from_bytes(value, "big")) if len(value) <= 1 or value.isascii() is False else value.decode()
    return str(value)


def boolean(arguments: BooleanArguments, shape: Shape) -> Step:
    """Two values become true and false."""
    meanings = {word_of(arguments.yes): True, word_of(arguments.no): False}

    def apply(value: Any) -> bool:
        word = word_of(value)
        meaning = meanings.get(word, meanings.get(word.rstrip(" ")) if word else None)
        if meaning is None:
            raise RefusalError("is neither what stands for true nor what stands for false")
        return meaning

    def back(value: Any) -> Any:
        word = word_of(value)
        if word not in {"0", "1"}:
            raise RefusalError(f"boolean wants true or false, and got {kind_name(value)}")
        return arguments.yes if word == "1" else arguments.no

    def inverse() -> Step:
        takes = frozenset({Kind.BOOLEAN, Kind.INTEGER})
        return Step("boolean", back, lambda: boolean(arguments, shape), None, takes, ANY)

    return Step("boolean", apply, inverse, None, ANY, frozenset({Kind.BOOLEAN}))
