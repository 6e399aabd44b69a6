"""What a volatile value always is: learned from legacy's values, asserted of new's.

A shape is a point of a lattice, and learning only ever moves up in it: to fewer readings, more forms, wider ranges. So
a shape accepts every value that it was learned from, the order of the values does not matter, and two shapes join into
the narrowest one that is above both. Values are not kept: of texts with few values a digest each, of numbers the range.
Of secrets less: digests that need a key, and the number of digits instead of the range (`shadow.noise.covered`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from hashlib import blake2b
from math import isfinite
from typing import Any, Final, Self

from shadow.noise.covered import UNIX_MS, UNIX_S, HiddenFloat, HiddenInt, KeyedText, size_range
from shadow.noise.readings import READINGS, character_classes, readings

#: Forms of one reading that are kept; a reading with more is given up, since it says little.
FORMS_MAX: Final = 16
#: Different texts that are kept as digests; beyond, the text is no choice of a few.
CHOICES_MAX: Final = 8
#: Values after which a choice of a few, or a constant length, is believed.
BELIEVED: Final = 20
_CHOICE_REPEATS: Final = 4
_PLACES_MAX: Final = 17
#: Readings whose texts have the length that their form says.
_OF_FIXED_LENGTH: Final = frozenset({"uuid", "time", "http_date", "ulid", "hex", "HEX"})

Readings = tuple[tuple[str, frozenset[str]], ...]


def _digest(text: str) -> str:
    if isinstance(text, KeyedText):
        return text.digester(text)
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _within(value: float, low: float, high: float, values: int) -> bool:
    """Whether a value is in a range that was seen, with twice its width as room on each side; more while few were."""
    span = 2 * (high - low)
    if values < BELIEVED:
        span = max(span, abs(high) / 2, 1.0)
    return low - span <= value <= high + span


@dataclass(frozen=True, slots=True)
class TextShape:
    """What texts of one place have in common.

    Attributes:
        values: texts that this was learned from.
        readings: (reading, forms seen) that every text had, the narrowest first; the first one names the shape.
        classes: bits of the character classes seen.
        shortest: characters.
        longest: characters.
        choices: digests of all texts seen; None where there were more than `CHOICES_MAX`.
    """

    values: int
    readings: Readings
    classes: int
    shortest: int
    longest: int
    choices: frozenset[str] | None

    @classmethod
    def of(cls, text: str) -> Self:
        """The shape of one text."""
        read = tuple((name, frozenset((form,))) for name, form in readings(text).items())
        return cls(1, read, character_classes(text), len(text), len(text), frozenset((_digest(text),)))

    def observe(self, text: str) -> Self:
        """The narrowest shape above this one that accepts the text."""
        return self.join(type(self).of(text))

    def join(self, other: Self) -> Self:
        """The narrowest shape above both."""
        theirs = dict(other.readings)
        read = []
        for name, forms in self.readings:
            joined = forms | theirs[name] if name in theirs else frozenset()
            if joined and (len(joined) <= FORMS_MAX or name == "text"):
                read.append((name, joined))
        choices = None
        if self.choices is not None and other.choices is not None:
            choices = self.choices | other.choices
        return replace(
            self,
            values=self.values + other.values,
            readings=tuple(read),
            classes=self.classes | other.classes,
            shortest=min(self.shortest, other.shortest),
            longest=max(self.longest, other.longest),
            choices=choices if choices is not None and len(choices) <= CHOICES_MAX else None,
        )

    @property
    def _is_choice(self) -> bool:
        return (
            self.choices is not None
            and self.values >= max(BELIEVED, _CHOICE_REPEATS * len(self.choices))
            and len(self.choices) < self.values
        )

    @property
    def what(self) -> str:
        """The name of the narrowest reading: `uuid4`, `time`, `hex40`, `one_of`, `text` and so on."""
        name, forms = self.readings[0]
        if name == "uuid":
            versions = {form[0] for form in forms}
            return f"uuid{versions.pop()}" if len(versions) == 1 else "uuid"
        if self._is_choice:
            return "one_of"
        if name in {"hex", "HEX"}:
            return f"hex{next(iter(forms))}" if len(forms) == 1 else "hex"
        return name

    def accepts(self, text: str) -> bool:
        """Whether a text could be one more of these."""
        if self._is_choice and self.choices is not None:
            return _digest(text) in self.choices
        name, forms = self.readings[0]
        if name in _OF_FIXED_LENGTH:
            return READINGS[name](text) in forms
        if not _within(len(text), self.shortest, self.longest, self.values):
            return False
        if name == "text":
            return character_classes(text) & ~self.classes == 0
        return READINGS[name](text) in forms


@dataclass(frozen=True, slots=True)
class NumberShape:
    """What numbers of one place have in common.

    Attributes:
        values: numbers that this was learned from.
        places: digits after the point at most; 0 where all are whole.
        low: smallest.
        high: largest.
    """

    values: int
    places: int
    low: float
    high: float

    @classmethod
    def of(cls, number: float | Decimal) -> Self:
        """The shape of one number."""
        value = as_float(number)
        low, high = size_range(value) if isinstance(number, (HiddenInt, HiddenFloat)) else (value, value)
        return cls(1, decimal_places(number), low, high)

    def observe(self, number: float | Decimal) -> Self:
        """The narrowest shape above this one that accepts the number."""
        return self.join(type(self).of(number))

    def join(self, other: Self) -> Self:
        """The narrowest shape above both."""
        return type(self)(
            self.values + other.values,
            max(self.places, other.places),
            min(self.low, other.low),
            max(self.high, other.high),
        )

    @property
    def what(self) -> str:
        """`unix_s`, `unix_ms`, `integer` or `number`."""
        if UNIX_S[0] <= self.low and self.high <= UNIX_S[1]:
            return "unix_s"
        if UNIX_MS[0] <= self.low and self.high <= UNIX_MS[1]:
            return "unix_ms"
        return "number" if self.places else "integer"

    def accepts(self, number: float | Decimal) -> bool:
        """Whether a number could be one more of these."""
        if decimal_places(number) > self.places:
            return False
        return _within(as_float(number), self.low, self.high, self.values)


def as_float(number: float | Decimal) -> float:
    """A number as a float that is finite: what is beyond becomes the largest there is."""
    try:
        value = float(number)
    except OverflowError:
        value = float("inf") if number > 0 else float("-inf")
    if isfinite(value):
        return value
    return 1e308 if value > 0 else -1e308


def decimal_places(number: float | Decimal) -> int:
    """Digits after the point as the number is written, at most 17."""
    if isinstance(number, int):
        return 0
    text = str(number)
    head, _, fraction = text.partition(".")
    if "e" in fraction or "E" in fraction or "e" in head or "E" in head:
        return _PLACES_MAX
    return 0 if fraction == "0" else min(len(fraction), _PLACES_MAX)


def text_from_json(state: list[Any] | None, *, keyed: bool = True) -> TextShape | None:
    """The shape that `text_to_json` wrote; without `keyed` its digests are of another key, and are learned anew."""
    if state is None:
        return None
    values, read, classes, shortest, longest, choices = state
    if not keyed and choices is not None:
        values, choices = 0, []
    kept = tuple((str(name), frozenset(forms)) for name, forms in read)
    return TextShape(
        values, kept, classes, shortest, longest, None if choices is None else frozenset(choices)
    )  # fmt: skip


def text_to_json(shape: TextShape | None) -> list[Any] | None:
    """A shape as JSON values."""
    if shape is None:
        return None
    read = [[name, sorted(forms)] for name, forms in shape.readings]
    choices = None if shape.choices is None else sorted(shape.choices)
    return [shape.values, read, shape.classes, shape.shortest, shape.longest, choices]


def number_from_json(state: list[Any] | None) -> NumberShape | None:
    """The shape that `number_to_json` wrote."""
    return None if state is None else NumberShape(*state)


def number_to_json(shape: NumberShape | None) -> list[Any] | None:
    """A shape as JSON values."""
    return None if shape is None else [shape.values, shape.places, shape.low, shape.high]
