"""Places in a document, and copies of a document that differ in one place. The document itself is never changed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

#: Places of one document that a bug is chosen from: those met first on a walk in random order.
PLACES_MAX: Final = 2_000
#: Levels that are walked.
DEPTH_MAX: Final = 64

Step = str | int


class Place(NamedTuple):
    """One value in a document.

    Attributes:
        steps: keys and indexes from the root.
        value: what stands there.
    """

    steps: tuple[Step, ...]
    value: Any

    @property
    def path(self) -> str:
        """As `Difference.path`."""
        return pointer(self.steps)

    @property
    def pattern(self) -> str:
        """As `Difference.pattern`."""
        return pointer("*" if isinstance(step, int) else step for step in self.steps)


def pointer(steps: Any) -> str:
    """Steps as a path: escaped as in RFC 6901."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


def places(document: Any) -> Iterator[Place]:
    """Every value of a document below its root, parents before what is in them, at most `PLACES_MAX`."""
    stack: list[Place] = [Place((), document)]
    left = PLACES_MAX
    while stack and left:
        place = stack.pop()
        if place.steps:
            left -= 1
            yield place
        if len(place.steps) >= DEPTH_MAX:
            continue
        if isinstance(place.value, dict):
            stack.extend(Place((*place.steps, key), value) for key, value in place.value.items())
        elif isinstance(place.value, list):
            stack.extend(Place((*place.steps, at), value) for at, value in enumerate(place.value))


def some_place(document: Any, rng: random.Random) -> Place | None:
    """A value below the root, drawn by walking down and stopping at random; leaves are the likeliest. None of none."""
    steps: list[Step] = []
    value = document
    while len(steps) < DEPTH_MAX:
        if isinstance(value, dict) and value:
            step: Step = rng.choice(list(value))
        elif isinstance(value, list) and value:
            step = rng.randrange(len(value))
        else:
            break
        value = value[step]
        steps.append(step)
    return Place(tuple(steps), value) if steps else None


def value_at(document: Any, steps: tuple[Step, ...]) -> tuple[bool, Any]:
    """(whether there is one, the value) at a place of another document."""
    for step in steps:
        in_object = isinstance(document, dict) and isinstance(step, str) and step in document
        in_array = isinstance(document, list) and isinstance(step, int) and step < len(document)
        if not in_object and not in_array:
            return False, None
        document = document[step]
    return True, document


def with_value(document: Any, steps: tuple[Step, ...], value: Any) -> Any:
    """A copy with another value at a place that is there; what is beside the way to it is shared."""
    if not steps:
        return value
    copy = document.copy()
    copy[steps[0]] = with_value(document[steps[0]], steps[1:], value)
    return copy


def without(document: Any, steps: tuple[Step, ...]) -> Any:
    """A copy without a member or an item that is there."""
    copy = document.copy()
    if len(steps) == 1:
        del copy[steps[0]]
    else:
        copy[steps[0]] = without(document[steps[0]], steps[1:])
    return copy
