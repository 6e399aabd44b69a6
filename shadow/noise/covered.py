"""Values as noise may learn them: what is remembered of them is their shape, and digests that need the key.

Whoever hands values to `shadow.noise` covers them first (`shadow.keeping.veil`). They compare and read as what they
are, so that judging is the same; only what is *kept* of them is less.
"""

from __future__ import annotations

from collections.abc import Callable
from math import floor, log10
from typing import Any, Final

#: Ranges that say no more than that a number is a time of this century, and of which sort.
UNIX_S: Final = (1_000_000_000.0, 4_102_444_800.0)  # 2001 to 2100
UNIX_MS: Final = (1_000_000_000_000.0, 4_102_444_800_000.0)


class KeyedText(str):
    """A text.

    Attributes:
        digester: makes the digest that a text is remembered by: without its key nobody can try texts out.
        hidden: it is a secret, so that not even its distance from another one is remembered exactly.
    """

    __slots__ = ("digester", "hidden")

    digester: Callable[[str], str]
    hidden: bool

    @classmethod
    def of(cls, text: str, digester: Callable[[str], str], *, hidden: bool = False) -> KeyedText:
        """A text with what makes its digest."""
        made = cls(text)
        made.digester, made.hidden = digester, hidden
        return made


class KeyedExact(KeyedText):
    """A number beyond 64 bits and floats, which is text of a class of its own; never the same as a `KeyedText`."""

    __slots__ = ()


class HiddenInt(int):
    """A whole number that is a secret: of it the number of digits is remembered."""

    __slots__ = ()


class HiddenFloat(float):
    """Any other number that is a secret."""

    __slots__ = ()


def is_hidden(value: Any) -> bool:
    """Whether a covered value is a secret."""
    kind = type(value)
    return kind is HiddenInt or kind is HiddenFloat or (isinstance(value, KeyedText) and value.hidden)


def size_range(value: float) -> tuple[float, float]:
    """The narrowest range that may be told of a secret number: powers of ten, or times of this century."""
    for low, high in (UNIX_S, UNIX_MS):
        if low <= value <= high:
            return low, high
    if value == 0:
        return 0.0, 0.0
    power = min(max(floor(log10(abs(value))), -300), 307)
    low, high = 10.0**power, 10.0 ** (power + 1)
    return (low, high) if value > 0 else (-high, -low)


def size_up(value: float) -> float:
    """The power of ten that is not below a distance of secrets; 0 stays."""
    return size_range(value)[1] if value else 0.0
