"""How much two values are alike, cheaply: enough to tell a member that changed from another member.

Equality here is Python's, for which true is 1: a pair can look more alike than it is, and the walk will tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any, Final

#: Levels, and members of each, that are looked at one by one: pairs are many.
DEPTH: Final = 2
MEMBERS_MAX: Final = 32
_MISSING: Final = object()


def common_ends(legacy: Sequence[Any], new: Sequence[Any]) -> tuple[int, int]:
    """How many members are the same at the start, and how many of the others at the end."""
    shorter = min(len(legacy), len(new))
    start = 0
    while start < shorter and legacy[start] == new[start]:
        start += 1
    end = 0
    while end < shorter - start and legacy[-1 - end] == new[-1 - end]:
        end += 1
    return start, end


def unlikeness(legacy: Any, new: Any, depth: int = DEPTH) -> float:
    """How much two values differ, 0.0 to 1.0: the share of their members that do."""
    if type(legacy) is dict and type(new) is dict:
        shared = legacy.keys() & new.keys()
        differing = float(len(legacy) + len(new) - 2 * len(shared))
        for key in islice((key for key in legacy if key in shared), MEMBERS_MAX):
            differing += _part(legacy[key], new.get(key, _MISSING), depth)
        return differing / (len(legacy) + len(new) - len(shared) or 1)
    if isinstance(legacy, list) and isinstance(new, list):
        start, end = common_ends(legacy, new)
        middle = zip(legacy[start : len(legacy) - end], new[start : len(new) - end], strict=False)
        alike = sum(1.0 - _part(before, after, depth) for before, after in islice(middle, MEMBERS_MAX))
        return 1.0 - (start + end + alike) / (max(len(legacy), len(new)) or 1) if legacy or new else 0.0
    return 0.0 if legacy == new else 1.0


def changes(legacy: Any, new: Any) -> int:
    """In how many of their members two objects, or two arrays, differ."""
    if isinstance(legacy, dict):
        shared = legacy.keys() & new.keys()
        return len(legacy.keys() ^ new.keys()) + sum(1 for key in shared if legacy[key] != new[key])
    start, end = common_ends(legacy, new)
    middle = zip(legacy[start : len(legacy) - end], new[start : len(new) - end], strict=False)
    return abs(len(legacy) - len(new)) + sum(1 for before, after in middle if before != after)


def _part(legacy: Any, new: Any, depth: int) -> float:
    if legacy == new:
        return 0.0
    if depth > 1 and isinstance(legacy, dict | list) and type(legacy) is type(new):
        return unlikeness(legacy, new, depth - 1)
    return 1.0
