"""Numbers as they were written: nothing is rounded before it is compared.

A number of a document is one of three, always the same one for the same value:

- `int`, where 64 bits hold it and it was written as a whole number, or is beyond what a float counts in ones;
- `float`, where the decimal number is the shortest one that names this float, which holds for all with 15 digits;
- `ExactNumber` for the rest: its decimal digits.

Source: RFC 8259 section 6; IEEE 754 binary64 tells all decimals of at most 15 significant digits apart.
"""

from __future__ import annotations

from decimal import Context, Decimal, DecimalException, InvalidOperation, Overflow, Underflow
from typing import Final

from shadow.errors import UndecodableError

#: Digits of one number; one with more is refused, because arithmetic on it is slow.
DIGITS_MAX: Final = 10_000
_EXPONENT_MAX: Final = 1_000_000
_FLOAT_CHARACTERS_EXACT: Final = 16  # 15 digits and a point
_INT_CHARACTERS_FAST: Final = 18
_INT_MIN: Final = -(1 << 63)
_INT_MAX: Final = (1 << 64) - 1
#: Above it a float no longer counts in ones.
_FLOAT_COUNTS_TO: Final = 1 << 53
_CONTEXT: Final = Context(
    prec=DIGITS_MAX + 20,
    Emax=10 * _EXPONENT_MAX,
    Emin=-10 * _EXPONENT_MAX,
    traps=[InvalidOperation, Overflow, Underflow],
)


class ExactNumber(str):
    """A number beyond int64 and float, as canonical text; where it is stored it becomes that text.

    Equal only to an `ExactNumber` of the same value, never to a string of the same characters.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(other) is ExactNumber and str.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return str.__hash__(self)

    @property
    def decimal(self) -> Decimal:
        """Its value."""
        return Decimal(str(self))


Number = int | float | ExactNumber


def integer(text: str) -> Number:
    """The number of a JSON token without fraction and exponent."""
    if len(text) <= _INT_CHARACTERS_FAST:
        return int(text)
    return _number(text)


def fraction(text: str) -> Number:
    """The number of a JSON token with a fraction or an exponent."""
    if len(text) <= _FLOAT_CHARACTERS_EXACT and "e" not in text and "E" not in text:
        return float(text)
    return _number(text)


def decimal_of(number: float | ExactNumber) -> Decimal:
    """The decimal number that a number of a document stands for."""
    if isinstance(number, ExactNumber):
        return number.decimal
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(number)


def _number(text: str) -> Number:
    if len(text) > DIGITS_MAX:
        raise UndecodableError("syntax", f"a number of {len(text)} digits")
    try:
        value = _CONTEXT.create_decimal(text)
    except DecimalException as error:
        raise UndecodableError("syntax", f"the number {text[:40]} is beyond every bound") from error
    if abs(value.adjusted()) > _EXPONENT_MAX:
        raise UndecodableError("syntax", f"the exponent of {text[:40]} is beyond every bound")
    if value.adjusted() < 20 and value == value.to_integral_value(context=_CONTEXT):  # noqa: PLR2004 - 64 bits
        whole = int(value)
        if _INT_MIN <= whole <= _INT_MAX:
            return whole
    as_float = float(value)
    if Decimal(repr(as_float)) == value and abs(as_float) < _FLOAT_COUNTS_TO:
        return as_float
    return ExactNumber(f"{value.normalize(_CONTEXT):e}".replace("e+", "e"))
