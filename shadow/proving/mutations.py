"""One bug in a copy of a document, as rewrites of services make them. Seeded: the same generator makes the same bug."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from shadow.noise.readings import READINGS
from shadow.proving.leaves import Place, places, some_place, value_at, with_value, without
from shadow.times import NANOSECONDS, read_time

#: The bugs, by name.
MUTATIONS: Final = ("value", "type", "missing", "extra", "reorder", "time_zone", "times_100", "other_id", "stale")
#: Draws of a place before a document is walked for one that suits.
_DRAWS: Final = 8
#: Numbers beyond it are left alone where they would become infinite.
_NUMBER_MAX: Final = 1e300
_EXTRA_NAME: Final = "strangler_probe"
_ID_NAMES: Final = ("id", "uuid", "key", "number", "ref")

#: Whether a bug can be put at a place, given an earlier document of the route.
Suits = Callable[[Place], bool]


class Mutation(NamedTuple):
    """A document with one bug.

    Attributes:
        kind: one of `MUTATIONS`.
        place: where it is, and the value before.
        value: the value now; None where it is gone.
        document: the copy.
    """

    kind: str
    place: Place
    value: Any
    document: Any


def mutate(
    document: Any, kind: str, rng: random.Random, *, earlier: Any = None, within: Suits | None = None
) -> Mutation | None:
    """A copy of a document with one bug; None where the document has no place for it.

    Args:
        document: a JSON value. It is not changed; the copy shares what is not on the way to the bug.
        kind: one of `MUTATIONS`.
        rng: decides where and what.
        earlier: another document of the same route, for `other_id` and `stale`.
        within: only at places for which this is true.

    Raises:
        ValueError: there is no such mutation.
    """
    if kind not in MUTATIONS:
        raise ValueError(f"no mutation is called {kind!r}; there are {', '.join(MUTATIONS)}")

    def suits(place: Place) -> bool:
        return (within is None or within(place)) and _suits(kind, place, earlier)

    place = _place(document, rng, suits)
    return None if place is None else _applied(document, kind, place, rng, earlier)


def _place(document: Any, rng: random.Random, suits: Suits) -> Place | None:
    for _ in range(_DRAWS):
        place = some_place(document, rng)
        if place is not None and suits(place):
            return place
    candidates = [place for place in places(document) if suits(place)]
    return rng.choice(candidates) if candidates else None


def _suits(kind: str, place: Place, earlier: Any) -> bool:
    value = place.value
    match kind:
        case "value":
            return not isinstance(value, (dict, list)) and value is not None
        case "type":
            return not isinstance(value, (dict, list))
        case "missing":
            return True
        case "extra":
            return isinstance(value, dict) or len(place.steps) == 1
        case "reorder":
            return isinstance(value, list) and len(value) > 1 and any(item != value[0] for item in value)
        case "time_zone":
            return isinstance(value, str) and (moment := read_time(value)) is not None and moment.form[0] in "Tt "
        case "times_100":
            return _is_number(value) and 0 < abs(value) < _NUMBER_MAX
        case "other_id":
            return _is_identifier(place)
        case _:
            there, before = value_at(earlier, place.steps)
            return there and before != value and type(before) is type(value)


def _applied(document: Any, kind: str, place: Place, rng: random.Random, earlier: Any) -> Mutation:
    value: Any = None
    if kind == "missing":
        return Mutation(kind, place, None, without(document, place.steps))
    if kind == "extra":
        return _with_extra(document, place)
    if kind == "value":
        value = _other_value(place.value, rng)
    elif kind == "type":
        value = _other_type(place.value)
    elif kind == "reorder":
        value = _reordered(place.value, rng)
    elif kind == "time_zone":
        value = _shifted(place.value, rng)
    elif kind == "times_100":
        value = place.value * 100
    elif kind == "other_id":
        there, value = value_at(earlier, place.steps)
        if not there or value == place.value or type(value) is not type(place.value):
            value = _other_identifier(place.value, rng)
    else:
        _, value = value_at(earlier, place.steps)
    return Mutation(kind, place, value, with_value(document, place.steps, value))


def _with_extra(document: Any, place: Place) -> Mutation:
    """A member more: in the object at the place, or in the root if that is one; else one more item in the root."""
    steps = place.steps if isinstance(place.value, dict) else ()
    _, holder = value_at(document, steps)
    if isinstance(holder, list):
        added = [*holder, holder[-1]]
        return Mutation("extra", Place((len(holder),), None), holder[-1], added)
    grown = {**holder, _EXTRA_NAME: True}
    return Mutation("extra", Place((*steps, _EXTRA_NAME), None), True, with_value(document, steps, grown))


def _other_value(value: Any, rng: random.Random) -> Any:
    """Another value of the same type, as a wrong calculation or a wrong join gives."""
    if isinstance(value, bool):
        return not value
    if _is_number(value):
        other = value + rng.randint(1, 9)
        return other if other != value else 0
    if not value:
        return "x"
    at = rng.randrange(len(value))
    return value[:at] + ("x" if value[at] != "x" else "y") + value[at + 1 :]


def _other_type(value: Any) -> Any:
    """The same value as another JSON type, as another serializer writes it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return int(value)
    if _is_number(value):
        return str(value)
    return None if not value else [value]


def _reordered(items: list[Any], rng: random.Random) -> list[Any]:
    """Two different items change places."""
    first = rng.randrange(len(items))
    other = next((at for at, item in enumerate(items) if item != items[first]), first)
    copy = items.copy()
    copy[first], copy[other] = copy[other], copy[first]
    return copy


def _shifted(text: str, rng: random.Random) -> str:
    """The time of another zone under the same name: the digits move, the offset stays."""
    moment = read_time(text)
    if moment is None:
        return text
    hours = rng.choice((-8, -5, -1, 1, 2, 9))
    local = moment.nanoseconds + (moment.offset_s or 0) * NANOSECONDS
    try:
        at = datetime.fromtimestamp(local // NANOSECONDS, UTC) + timedelta(hours=hours)
    except (OverflowError, ValueError, OSError):
        return text[:-1]
    shifted = at.strftime("%Y-%m-%dT%H:%M:%S")
    return shifted[:10] + text[10] + shifted[11 : 11 + _clock_length(text)] + text[11 + _clock_length(text) :]


def _clock_length(text: str) -> int:
    return len("HH:MM:SS") if text[16:17] == ":" else len("HH:MM")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _is_identifier(place: Place) -> bool:
    name, value = place.steps[-1], place.value
    if isinstance(value, str) and (READINGS["uuid"](value) is not None or READINGS["ulid"](value) is not None):
        return True
    if not isinstance(name, str) or not (isinstance(value, str) or _is_number(value)) or not value:
        return False
    return name.lower() in _ID_NAMES or name.lower().endswith("_id") or (len(name) > 2 and name.endswith("Id"))  # noqa: PLR2004


def _other_identifier(value: Any, rng: random.Random) -> Any:
    """Another identifier of the same form."""
    if _is_number(value):
        return value + rng.randint(1, 1_000)
    if READINGS["uuid"](value) is not None:
        other = str(UUID(int=rng.getrandbits(128), version=4))
        other = other[:14] + value[14] + other[15:]
        return other.upper() if value != value.lower() else other
    other = "".join(
        rng.choice("123456789") if sign.isdigit() else rng.choice("abcdef") if sign in "abcdef" else sign
        for sign in value
    )  # fmt: skip
    return other if other != value else value[:-1] + ("0" if value[-1] != "0" else "1")
