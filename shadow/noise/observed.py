"""What one comparison shows: which places differ, what that teaches of legacy's values, and whether new's are such."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from shadow.comparison import Comparison, Difference, Kind, Verdict
from shadow.noise.keys import Key
from shadow.noise.learned import Learned
from shadow.noise.patterns import normalised

#: Verdicts on answers that could be compared, place by place.
COMPARED: Final = frozenset({Verdict.MATCH, Verdict.EXPLAINED, Verdict.MISMATCH})


def key_of(difference: Difference) -> Key:
    """The key that a difference counts for."""
    return Key(normalised(difference.pattern), difference.kind)


def open_differences(comparison: Comparison) -> Iterable[Difference]:
    """The differences that no rule explains, of answers that could be compared."""
    if comparison.verdict not in COMPARED:
        return ()
    return (difference for difference in comparison.differences if not difference.explained_by)


def by_key(comparison: Comparison) -> dict[Key, list[Difference]]:
    """The open differences of every key."""
    groups: dict[Key, list[Difference]] = {}
    for difference in open_differences(comparison):
        groups.setdefault(key_of(difference), []).append(difference)
    return groups


def by_place(comparison: Comparison) -> dict[tuple[str, Kind], Key]:
    """(path, kind) -> key of every open difference."""
    return {(item.path, item.kind): key_of(item) for item in open_differences(comparison)}


def taught(learned: Learned, difference: Difference) -> Learned:
    """What is known after legacy's second answer differed from its first so."""
    if difference.kind is Kind.EXTRA:
        return learned.observe(difference.new)
    if difference.kind is Kind.MISSING:
        return learned.observe(difference.legacy)
    if difference.kind is Kind.ORDER:
        return learned
    return learned.observe_pair(difference.legacy, difference.new)


def accepted(learned: Learned, difference: Difference) -> bool:
    """Whether new's value is what such values always are."""
    if difference.kind in {Kind.MISSING, Kind.ORDER}:
        return True
    if not learned.accepts(difference.new):
        return False
    return difference.kind is Kind.EXTRA or learned.accepts_move(difference.legacy, difference.new)


def same(first: Any, second: Any) -> bool:
    """Equal as JSON values: 1 is not true."""
    return type(first) is type(second) and first == second
