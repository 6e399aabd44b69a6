"""Which member of one array is which member of the other.

In this order, each step for what the one before left over:

1. by a key: a member's name that both sides have everywhere, without repetition, and with nearly the same values;
2. by content: the longest common subsequence of equal members, then equal members wherever they moved to;
3. by likeness: the optimal assignment of objects and arrays, up to a size;
4. by position between the members that are matched already.

What is still left is missing or extra. So one change to one member is one difference, and not one for every member
behind it.

Source: Hunt and Szymanski 1977 for the subsequence.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from shadow.comparing.assignment import assign
from shadow.comparing.judging import family
from shadow.comparing.likeness import changes, common_ends, unlikeness

#: Share of the shorter array's key values that the other side has, too.
KEY_OVERLAP_MIN: Final = 0.95
#: Names that are tried as a key.
KEY_NAMES_MAX: Final = 16
#: Pairs of members whose likeness is measured: 20 on each side.
LIKENESS_PAIRS_MAX: Final = 400
#: Pairs of equal members that the longest common subsequence is found among; many only where much is repeated.
EQUAL_PAIRS_MAX: Final = 20_000
#: Members that differ in more than this share of their values are two members, not one that was changed and moved.
UNLIKE: Final = 0.5
#: The same for members that stand between the same neighbours.
UNLIKE_IN_PLACE: Final = 0.75
#: But where they have so few values, telling what changed takes no more than telling that one went and one came.
CHANGES_AS_ONE: Final = 2
_KEY_NAMES: Final = frozenset({"id", "_id", "uuid", "guid", "key", "code", "sku", "slug", "name", "@id", "@name"})
_KEY_TYPES: Final = frozenset({str, int})

Pair = tuple[int, int]
_Link = tuple[Pair, Any]  # the last pair of a subsequence, and the link before it or None


@dataclass(slots=True)
class Matching:
    """Which index of legacy goes with which of new.

    Attributes:
        pairs: (legacy, new), by the legacy index.
        equal: those of them that are known to have equal content.
        missing: legacy indexes without a partner.
        extra: new indexes without a partner.
    """

    pairs: list[Pair]
    equal: set[Pair]
    missing: list[int]
    extra: list[int]

    @property
    def moved(self) -> bool:
        """Whether the matched members stand in another order."""
        return any(after[1] < before[1] for before, after in zip(self.pairs, self.pairs[1:], strict=False))


class Members:
    """The members of one array.

    Attributes:
        values: as they are.
        exact: whether members of the same form are equal, so that nobody need look at them again.
    """

    __slots__ = ("_shape", "_telling", "exact", "values")

    def __init__(self, values: Sequence[Any], shape: Callable[[Any], Any] | None = None, *, exact: bool = True) -> None:
        """Takes an array.

        Args:
            values: its members.
            shape: takes from a member what rules are about; None where there are none.
            exact: see above.
        """
        self.values = values
        self.exact = exact
        self._shape = shape
        self._telling: Sequence[Any] | None = None if shape is not None else values

    @property
    def telling(self) -> Sequence[Any]:
        """The members without what rules are about: by this they are known again."""
        if self._telling is None:
            self._telling = [self._shape(value) for value in self.values] if self._shape is not None else self.values
        return self._telling

    @property
    def forms(self) -> list[bytes]:
        """One for each, equal for members that tell the same."""
        return [canonical(member) for member in self.telling]


def match_members(
    legacy: Members,
    new: Members,
    *,
    key: str | None = None,
    key_in_new: Callable[[Any], Any] | None = None,
    not_keys: Callable[[str], bool] = lambda _: False,
) -> Matching:
    """Matches the members of two arrays.

    Args:
        legacy: of the one.
        new: of the other.
        key: name of the member that a rule says is the key; None learns one.
        key_in_new: what a value of legacy's key is called in new, where the two systems have keys of their own; then
            members whose keys say nothing are matched by the rest of them.
        not_keys: whether a name must not be learned as a key, because its values are known to differ.
    """
    if len(legacy.values) == len(new.values) == 1:
        return Matching([(0, 0)], set(), [], [])
    pairs: dict[int, int] = {}
    equal: set[Pair] = set()
    name = key if key is not None else _learn_key(legacy.values, new.values, not_keys)
    if name is not None:
        pairs.update(_by_key(legacy, new, name, key_in_new or (lambda value: value)))
    else:
        alike = _by_content(legacy.forms, new.forms)
        pairs.update(alike)
        if legacy.exact and new.exact:
            equal.update(alike)
    if len(pairs) < min(len(legacy.values), len(new.values)) and (key is None or key_in_new is not None):
        _by_likeness(legacy.telling, new.telling, pairs)
        _by_position(legacy, new, pairs)
    taken = set(pairs.values())
    return Matching(
        sorted(pairs.items()),
        equal,
        [index for index in range(len(legacy.values)) if index not in pairs],
        [index for index in range(len(new.values)) if index not in taken],
    )


def canonical(value: Any) -> bytes:
    """A value as bytes that are equal only for equal values of equal types."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _learn_key(legacy: Sequence[Any], new: Sequence[Any], not_keys: Callable[[str], bool]) -> str | None:
    """The best name to match objects by: most values on both sides, then one that is called like a key."""
    if not legacy or not new or {dict} != {*map(type, legacy), *map(type, new)}:
        return None
    best: tuple[float, bool, str] | None = None
    names: list[str] = [name for name, value in legacy[0].items() if type(value) in _KEY_TYPES]
    for name in names[:KEY_NAMES_MAX]:
        if not_keys(name):
            continue
        left, right = _key_values(legacy, name), _key_values(new, name)
        if left is None or right is None:
            continue
        overlap = len(left & right) / min(len(left), len(right))
        called_so = name.lower() in _KEY_NAMES
        if called_so and overlap == 1.0:
            return name
        if overlap >= KEY_OVERLAP_MIN and (best is None or (overlap, called_so) > best[:2]):
            best = (overlap, called_so, name)
    return best[2] if best else None


def _key_values(members: Sequence[dict[str, Any]], name: str) -> set[Any] | None:
    """The values of a name; None unless every member has one and no two the same."""
    values = [member.get(name) for member in members]
    if not _KEY_TYPES.issuperset(map(type, values)):
        return None
    distinct = set(values)
    return distinct if len(distinct) == len(values) else None


def _by_key(legacy: Members, new: Members, name: str, key_in_new: Callable[[Any], Any]) -> dict[int, int]:
    """Pairs members with the same value of a name; where several have it, by content and then in order."""
    here = _indexes_by_key(legacy.values, name, key_in_new)
    there = _indexes_by_key(new.values, name, lambda value: value)
    pairs: dict[int, int] = {}
    for value, left in here.items():
        right = there.get(value, [])
        if len(left) == len(right) == 1:
            pairs[left[0]] = right[0]
        elif right:
            alike = _by_content(
                [canonical(legacy.telling[i]) for i in left], [canonical(new.telling[j]) for j in right]
            )
            pairs.update((left[i], right[j]) for i, j in alike)
            taken = set(pairs.values())
            pairs.update(zip([i for i in left if i not in pairs], [j for j in right if j not in taken], strict=False))
    return pairs


def _indexes_by_key(members: Sequence[Any], name: str, translate: Callable[[Any], Any]) -> dict[Any, list[int]]:
    found: dict[Any, list[int]] = defaultdict(list)
    for index, member in enumerate(members):
        if type(member) is dict and name in member:
            found[_key_form(translate(member[name]))].append(index)
    return found


def _key_form(value: Any) -> Any:
    kind = family(value)
    return (kind, value) if kind not in ("array", "object") else (kind, repr(value))


def _by_content(legacy: list[Any], new: list[Any]) -> list[Pair]:
    """Pairs equal members: as many as possible in order, then those that moved."""
    start, end = common_ends(legacy, new)
    pairs = [(index, index) for index in range(start)]
    pairs += [(len(legacy) - index, len(new) - index) for index in range(end, 0, -1)]
    middle_legacy, middle_new = range(start, len(legacy) - end), range(start, len(new) - end)
    if not middle_legacy or not middle_new:
        return pairs
    there: dict[Any, list[int]] = defaultdict(list)
    for index in middle_new:
        there[new[index]].append(index)
    if sum(len(there.get(legacy[index], ())) for index in middle_legacy) <= EQUAL_PAIRS_MAX:
        in_order = _longest_in_order((index, there.get(legacy[index], ())) for index in middle_legacy)
    else:
        in_order = []  # much is repeated: equal members are paired in order below, one by one
    taken_legacy, taken_new = {i for i, _ in in_order}, {j for _, j in in_order}
    free = {form: iter([j for j in indexes if j not in taken_new]) for form, indexes in there.items()}
    moved = [
        (i, j)
        for i in middle_legacy
        if i not in taken_legacy and legacy[i] in free and (j := next(free[legacy[i]], None)) is not None
    ]
    return pairs + in_order + moved


def _longest_in_order(candidates: Iterable[tuple[int, Sequence[int]]]) -> list[Pair]:
    """The longest common subsequence: of each left index's equal right indexes at most one, both rising."""
    ends: list[int] = []  # of the subsequences of length 1, 2, …: the smallest right index that ends one
    links: list[_Link] = []
    for left, rights in candidates:
        for right in reversed(rights):  # falling, so that one left index is never used twice
            length = bisect_left(ends, right)
            link = ((left, right), links[length - 1] if length else None)
            if length == len(ends):
                ends.append(right)
                links.append(link)
            elif right < ends[length]:
                ends[length] = right
                links[length] = link
    found: list[Pair] = []
    last = links[-1] if links else None
    while last is not None:
        found.append(last[0])
        last = last[1]
    return found[::-1]


def _by_likeness(legacy: Sequence[Any], new: Sequence[Any], pairs: dict[int, int]) -> None:
    """Pairs objects and arrays that are left over with the ones that they are most like."""
    taken = set(pairs.values())
    left = [index for index, member in enumerate(legacy) if index not in pairs and isinstance(member, dict | list)]
    right = [index for index, member in enumerate(new) if index not in taken and isinstance(member, dict | list)]
    if not left or not right or len(left) * len(right) > LIKENESS_PAIRS_MAX:
        return
    # Among equally good pairs the one that stands closest wins: nearness is below any difference in likeness.
    nearness = 1e-6 / (len(legacy) + len(new))
    costs = [[_cost(unlikeness(legacy[i], new[j]), nearness * abs(i - j)) for j in right] for i in left]
    for row, column in assign(costs):
        if costs[row][column] < 1.0:
            pairs[left[row]] = right[column]


def _cost(unlike: float, distance: float) -> float:
    return unlike + distance if unlike <= UNLIKE else 1.0  # two members, wherever they stand


def _by_position(legacy: Members, new: Members, pairs: dict[int, int]) -> None:
    """Pairs what is left over between the same matched neighbours, in order."""
    left_gaps, right_gaps = _gaps(len(legacy.values), len(new.values), pairs)
    for gap, left in left_gaps.items():
        right = right_gaps.get(gap, [])
        for i, j in zip(left, right, strict=False):
            before, after = legacy.telling[i], new.telling[j]
            alike_in_kind = family(legacy.values[i]) == family(new.values[j])
            if isinstance(before, dict | list) and alike_in_kind:
                changed = unlikeness(before, after) <= UNLIKE_IN_PLACE or changes(before, after) <= CHANGES_AS_ONE
            else:
                changed = alike_in_kind or len(left) == len(right)
            if changed:
                pairs[i] = j


def _gaps(legacy_length: int, new_length: int, pairs: dict[int, int]) -> tuple[dict[int, list[int]], ...]:
    """Unmatched indexes of both sides by the number of matched ones, in order on both sides, before them."""
    in_order = _longest_in_order((i, (j,)) for i, j in sorted(pairs.items()))
    taken = set(pairs.values())
    sides = []
    for length, matched, anchors in (
        (legacy_length, pairs, [i for i, _ in in_order]),
        (new_length, taken, [j for _, j in in_order]),
    ):
        gaps: dict[int, list[int]] = defaultdict(list)
        for index in range(length):
            if index not in matched:
                gaps[bisect_left(anchors, index)].append(index)
        sides.append(gaps)
    return tuple(sides)
