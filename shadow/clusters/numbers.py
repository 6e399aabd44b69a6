"""How two numbers are related."""

from __future__ import annotations

from decimal import ROUND_DOWN, ROUND_HALF_DOWN, ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal, InvalidOperation, localcontext
from typing import Final

from shadow.noise.shapes import decimal_places

_POWER_MAX: Final = 12
#: Digits of a number that is looked at; longer ones are compared by equality only.
_DIGITS_MAX: Final = 60
_PLACES_MAX: Final = 9
_PRECISION: Final = _DIGITS_MAX * 2
#: Ways to lose places, those that are looked for first coming first. What lies in the middle may be rounded either way:
#: binary fractions are a little more or less than they are written, and 37.035 becomes 37.03.
CUTS: Final = {"rounded": (ROUND_HALF_EVEN, ROUND_HALF_UP, ROUND_HALF_DOWN), "truncated": (ROUND_DOWN,)}


def exact(number: float | Decimal | str) -> Decimal | None:
    """A number as it is written, exactly; None where it is not finite or too long to be worth it."""
    text = str(number)
    if len(text) > _DIGITS_MAX:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def number_relation(legacy: float | Decimal, new: float | Decimal) -> str:
    """`number_equal`, `scaled:n`, `negated`, `rounded:n` and the like; "" where there is none."""
    one, other = exact(legacy), exact(new)
    if one is None or other is None:
        return "number_equal" if legacy == new else ""
    if one == other:
        return "number_equal"
    with localcontext() as context:
        context.prec = _PRECISION
        return _scale(one, other) or _less_exact(one, other)


def _scale(one: Decimal, other: Decimal) -> str:
    if one == -other:
        return "negated"
    if not one or not other or (one < 0) != (other < 0):
        return ""
    # Equal digits without zeros at the ends, or it is no power of ten.
    power = other.adjusted() - one.adjusted()
    if power and abs(power) <= _POWER_MAX and one.scaleb(power) == other:
        return f"scaled:{power}"
    return ""


def _less_exact(one: Decimal, other: Decimal) -> str:
    places, others = decimal_places(one), decimal_places(other)
    if others < places <= _DIGITS_MAX and others <= _PLACES_MAX:
        how = _how_cut(one, other, others)
        return f"{how}:{others}" if how else ""
    if places < others and places <= _PLACES_MAX:
        how = _how_cut(other, one, places)
        return f"un{how}:{places}" if how else ""
    return ""


def _how_cut(exact_one: Decimal, short: Decimal, places: int) -> str:
    return next((how for how in CUTS if is_cut(exact_one, short, places, how)), "")


def is_cut(exact_one: Decimal, short: Decimal, places: int, how: str) -> bool:
    """Whether the short number is the exact one, `rounded` or `truncated` to so many places."""
    if exact_one.adjusted() + places >= _PRECISION:
        return False  # so large that it has no digit there
    unit = Decimal(1).scaleb(-places)
    with localcontext() as context:
        context.prec = _PRECISION
        return any(exact_one.quantize(unit, rounding=mode) == short for mode in CUTS[how])
