"""What was learned about one noisy place: which JSON types stand there, what each is, how far two asks are apart."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, Self

from shadow.noise.covered import is_hidden, size_up
from shadow.noise.readings import READINGS
from shadow.noise.shapes import (
    NumberShape,
    TextShape,
    as_float,
    number_from_json,
    number_to_json,
    text_from_json,
    text_to_json,
)
from shadow.times import NANOSECONDS, read_time

#: How much further new may be from legacy than legacy was from itself.
MOVE_FACTOR: Final = 4.0
#: Seconds that times may be apart whatever was seen: clocks of two machines, and the wait between two asks.
MOVE_TIME_S: Final = 60.0
#: Pairs of legacy's numbers after which their distance is believed; times are believed from the first.
_MOVES_BELIEVED: Final = 8
_MEMBERS_MAX: Final = 64
_ROOM: Final = {"unix_s": MOVE_TIME_S, "unix_ms": MOVE_TIME_S * 1_000, "time": MOVE_TIME_S, "http_date": MOVE_TIME_S}


@dataclass(frozen=True, slots=True)
class Learned:
    """What legacy's values at one place have in common. Moves up only, see `shadow.noise.shapes`.

    Attributes:
        text: of the texts; None where there were none.
        number: of the numbers; None where there were none.
        others: of `null`, `bool`, `array` and `object`, those that were seen.
        required: members that every object had; None where there were none.
        allowed: members that objects had; None where there were none, or more than are kept.
        moves: pairs of legacy's answers whose distance is known.
        move_max: the largest of them, in seconds or in the number's own unit.
    """

    text: TextShape | None = None
    number: NumberShape | None = None
    others: frozenset[str] = frozenset()
    required: frozenset[str] | None = None
    allowed: frozenset[str] | None = None
    moves: int = 0
    move_max: float = 0.0

    def observe(self, value: Any) -> Self:
        """One more value of legacy."""
        if isinstance(value, str):
            return replace(self, text=TextShape.of(value) if self.text is None else self.text.observe(value))
        if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
            number = NumberShape.of(value) if self.number is None else self.number.observe(value)
            return replace(self, number=number)
        if isinstance(value, dict):
            return self._join_members(frozenset(value), frozenset(value))
        sort = _sort(value)
        return self if sort in self.others else replace(self, others=self.others | {sort})

    def _join_members(self, required: frozenset[str], allowed: frozenset[str] | None) -> Self:
        if "object" in self.others:
            required = required if self.required is None else required & self.required
            allowed = None if allowed is None or self.allowed is None else allowed | self.allowed
        if allowed is not None and len(allowed) > _MEMBERS_MAX:
            allowed = None
        if len(required) > _MEMBERS_MAX:
            required = frozenset(sorted(required)[:_MEMBERS_MAX])
        return replace(self, others=self.others | {"object"}, required=required, allowed=allowed)

    def observe_pair(self, first: Any, second: Any) -> Self:
        """Two answers of legacy to one request."""
        learned = self.observe(first).observe(second)
        move = distance(first, second)
        if move is None:
            return learned
        if is_hidden(first) or is_hidden(second):
            move = size_up(move)
        return replace(learned, moves=self.moves + 1, move_max=max(self.move_max, move))

    def join(self, other: Self) -> Self:
        """The narrowest that is above both."""
        joined = self
        if "object" in other.others:
            joined = joined._join_members(other.required or frozenset(), other.allowed)
        text = self.text if other.text is None else other.text if self.text is None else self.text.join(other.text)
        number = self.number
        if other.number is not None:
            number = other.number if number is None else number.join(other.number)
        return replace(
            joined,
            text=text,
            number=number,
            others=joined.others | other.others,
            moves=self.moves + other.moves,
            move_max=max(self.move_max, other.move_max),
        )

    @property
    def what(self) -> str:
        """One word for reports: `uuid4`, `time`, `integer`, `object`; `mixed` where types differ."""
        if self.text is not None:
            return self.text.what if self.number is None else "mixed"
        if self.number is not None:
            what = self.number.what
            return "counter" if what == "integer" and self._steps else what
        sorts = self.others - {"null"}
        return next(iter(sorts)) if len(sorts) == 1 else "mixed"

    @property
    def _steps(self) -> bool:
        """Whole numbers that move by little from one ask to the next, over a range that grew beyond that."""
        number = self.number
        if number is None or self.moves < _MOVES_BELIEVED:
            return False
        return self.move_max * 8 <= number.high - number.low

    def accepts(self, value: Any) -> bool:
        """Whether a value could be one more of these."""
        if isinstance(value, str):
            return self.text is not None and self.text.accepts(value)
        if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
            return self.number is not None and self.number.accepts(value)
        if _sort(value) not in self.others:
            return False
        if isinstance(value, dict) and self.required is not None:
            members = value.keys()
            return self.required <= members and (self.allowed is None or members <= self.allowed)
        return True

    def accepts_move(self, legacy: Any, new: Any) -> bool:
        """Whether the two could be two answers of legacy to one request, by their distance."""
        move = distance(legacy, new)
        if move is None:
            return True
        room = _ROOM.get(self.what, 0.0)
        if room == 0.0 and self.moves < _MOVES_BELIEVED:
            return True
        return move <= max(room, MOVE_FACTOR * self.move_max)


def distance(first: Any, second: Any) -> float | None:
    """How far two values are apart: seconds between times, the difference of numbers; None of anything else."""
    if isinstance(first, str):
        if not isinstance(second, str) or (one := read_time(first)) is None or (other := read_time(second)) is None:
            return None
        return abs(one.nanoseconds - other.nanoseconds) / NANOSECONDS
    if isinstance(first, (bool, dict, list)) or isinstance(second, (bool, dict, list, str)):
        return None
    if first is None or second is None:
        return None
    return abs(as_float(first) - as_float(second))


def _sort(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    return "object" if isinstance(value, dict) else "array"


def to_json(learned: Learned) -> list[Any]:
    """What was learned as JSON values."""
    return [
        text_to_json(learned.text),
        number_to_json(learned.number),
        sorted(learned.others),
        None if learned.required is None else sorted(learned.required),
        None if learned.allowed is None else sorted(learned.allowed),
        learned.moves,
        learned.move_max,
    ]


def from_json(state: list[Any], *, keyed: bool = True) -> Learned:
    """What `to_json` wrote.

    Args:
        state: that.
        keyed: its digests are of the key that is in use.

    Raises:
        ValueError: it did not write that.
        TypeError: likewise.
    """
    text, number, others, required, allowed, moves, move_max = state
    shape = text_from_json(text, keyed=keyed)
    if shape is not None and not all(name in READINGS for name, _ in shape.readings):
        raise ValueError("a reading that there is none of")
    return Learned(
        shape,
        number_from_json(number),
        frozenset(others),
        None if required is None else frozenset(required),
        None if allowed is None else frozenset(allowed),
        moves,
        move_max,
    )
