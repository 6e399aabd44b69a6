"""Rules, compiled: where each applies, and whether it explains a difference.

Paths are compiled into a tree of segments, and the walk carries a `Place` of it along: below a place that no rule
reaches there is none to carry, and comparing costs what it costs without rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Final

from routes.shadowing import RULE_KINDS, RuleModel
from shadow.comparing import judging
from shadow.comparing.bijections import Bijection
from shadow.comparing.judging import Judge, family
from shadow.comparison import Difference, Kind
from shadow.errors import RuleError
from shadow.reading.pointer import segments

#: Segments of one path.
SEGMENTS_MAX: Final = 50
#: Places that are kept of one set of rules: each is found once, and there are as many as the documents reach.
_PLACES_MAX: Final = 10_000
_ANY: Final = "*"

_JUDGES: Final[dict[str, Callable[[RuleModel], Judge]]] = {
    "tolerance": judging.tolerance,
    "time_tolerance": judging.time_tolerance,
    "case_insensitive": judging.case_insensitive,
    "pattern": judging.pattern,
    "same_kind": judging.same_kind,
    "call": judging.call,
}
_VALUES: Final = frozenset({Kind.VALUE, Kind.TYPE, Kind.LENGTH})


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, compiled.

    Attributes:
        model: as it was given.
        segments: of its path.
        judge: for the kinds that accept two differing values; None for the others.
        mapped: for `map`: what new should have.
        bijection: for `bijection`: the pairs seen so far.
    """

    model: RuleModel
    segments: tuple[str, ...]
    judge: Judge | None = None
    mapped: Callable[[Any], Any] | None = None
    bijection: Bijection | None = None

    @property
    def kind(self) -> str:
        """One of `RULE_KINDS`."""
        return self.model.kind

    @property
    def visits(self) -> bool:
        """Whether it must see equal values, too."""
        return self.mapped is not None or self.bijection is not None

    def accepts(self, kind: Kind, legacy: Any, new: Any) -> bool:
        """Whether it explains that two values differ in this way.

        Raises:
            Exception: whatever a function of the user's raises.
        """
        if self.kind == "ignore":
            return True
        if kind is Kind.ORDER:
            return self.kind == "unordered"
        if kind in (Kind.MISSING, Kind.EXTRA):
            return self.kind == "null_is_absent" and legacy is None and new is None
        if kind not in _VALUES:
            return False
        if self.mapped is not None:
            return same(self.mapped(legacy), new)
        if self.bijection is not None:
            return scalar(legacy) and scalar(new) and self.bijection.take(legacy, new)
        return self.judge is not None and self.judge(legacy, new)


def compile_rule(model: RuleModel) -> Rule:
    """One rule, ready for use.

    Raises:
        RuleError: its path, its kind or its argument is wrong; the message says what would be right.
    """
    if model.kind not in RULE_KINDS:
        raise RuleError(f"{model.id}: there is no rule of the kind {model.kind!r}; there are {', '.join(RULE_KINDS)}")
    path = _checked_path(model)
    if model.kind == "key" and (not isinstance(model.argument, str) or not model.argument):
        raise RuleError(f"{model.id}: key needs the name of a member, such as id")
    if model.kind == "map":
        return Rule(model, path, mapped=judging.mapping(model))
    if model.kind == "bijection":
        return Rule(model, path, bijection=Bijection())
    make = _JUDGES.get(model.kind)
    return Rule(model, path, judge=make(model) if make else None)


def _checked_path(model: RuleModel) -> tuple[str, ...]:
    path = model.path
    if path and path[0] not in "/@":
        raise RuleError(f"{model.id}: {path!r} is no path: write /items/*/price, @status, @header/NAME, …")
    if any(_ANY in part and part != _ANY for part in path.split("/")):
        raise RuleError(f"{model.id}: in {path!r} a * is a part of a segment; it stands for a whole one or for none")
    found = segments(path)
    if len(found) > SEGMENTS_MAX:
        raise RuleError(f"{model.id}: a path of {len(found)} segments; {SEGMENTS_MAX} is the most")
    return found


class Place:
    """A path, as far as rules tell paths apart: the rules for it, and those that go on below it."""

    __slots__ = ("_below", "_deeper", "_other", "_tree", "ignore", "key", "rules", "unordered", "values")

    def __init__(self, tree: RuleTree, below: tuple[tuple[Rule, int], ...]) -> None:
        self._tree = tree
        self._below = below  # each rule that can still match, and how many of its segments have
        self.rules = tuple(rule for rule, at in below if at == len(rule.segments))
        self.ignore = next((rule for rule in self.rules if rule.kind == "ignore"), None)
        self.unordered = next((rule for rule in self.rules if rule.kind == "unordered"), None)
        self.key = next((rule for rule in self.rules if rule.kind == "key"), None)
        self.values = tuple(rule for rule in self.rules if rule.judge or rule.visits or rule.kind == "ignore")
        self._deeper: dict[str, Place | None] = {}
        self._other: Place | None = None
        literal = {rule.segments[at] for rule, at in below if at < len(rule.segments)}
        for segment in literal - {_ANY}:
            self._deeper[segment] = None
        if _ANY in literal:
            self._other = tree.place(self._step(None))

    def at(self, segment: str) -> Place | None:
        """The place one segment further down; None where no rule reaches."""
        if segment not in self._deeper:
            return self._other
        place = self._deeper[segment]
        if place is None:
            place = self._deeper[segment] = self._tree.place(self._step(segment))
        return place

    @property
    def goes_on(self) -> bool:
        """Whether a rule reaches below it."""
        return bool(self._deeper) or self._other is not None

    @property
    def member(self) -> Place | None:
        """The place of an array's members, as far as it does not depend on their index."""
        return self._other

    def _step(self, segment: str | None) -> tuple[tuple[Rule, int], ...]:
        return tuple(
            (rule, at + 1)
            for rule, at in self._below
            if at < len(rule.segments) and rule.segments[at] in (segment, _ANY)
        )


class RuleTree:
    """The rules of a route by their paths."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = tuple(rules)
        self.visits = any(rule.visits for rule in self.rules)
        self._places: dict[tuple[tuple[int, int], ...], Place] = {}
        below = tuple((rule, 0) for rule in self.rules)
        self.root = self.place(tuple(pair for pair in below if not pair[0].model.path.startswith("@")))
        self._beside = self.place(tuple(pair for pair in below if pair[0].model.path.startswith("@")))

    def place(self, below: tuple[tuple[Rule, int], ...]) -> Place | None:
        """The place where these rules can still match."""
        if not below:
            return None
        key = tuple((id(rule), at) for rule, at in below)
        found = self._places.get(key)
        if found is None:
            found = Place(self, below)
            if len(self._places) < _PLACES_MAX:
                self._places[key] = found
        return found

    def find(self, path: str) -> tuple[Place | None, Rule | None]:
        """The place of a concrete path, and the rule that ignores a value around it, if there is one."""
        place = self._beside if path.startswith("@") else self.root
        for segment in segments(path):
            if place is None:
                return None, None
            if place.ignore is not None:
                return None, place.ignore
            place = place.at(segment)
        return place, None

    def explain(self, difference: Difference) -> str:
        """The id of the first rule that explains a difference; "" where none does.

        A function of the user's that raises explains nothing.
        """
        place, ignore = self.find(difference.path)
        if ignore is not None:
            return ignore.model.id
        for rule in place.rules if place is not None else ():
            try:
                if rule.accepts(difference.kind, difference.legacy, difference.new):
                    return rule.model.id
            except (Exception, SystemExit):  # noqa: BLE001, S112 - the user's code; the walk reports it, here there is no more to say
                continue
        return ""


def compile_rules(models: Sequence[RuleModel], *, at: float = -inf) -> RuleTree:
    """Rules as a tree, those that expired by `at` (Unix time in seconds) left out.

    Raises:
        RuleError: one of them is not usable.
    """
    return RuleTree(compile_rule(model) for model in models if model.expires is None or model.expires > at)


def explain(differences: Iterable[Difference], rules: Sequence[RuleModel]) -> list[Difference]:
    """The differences, each with the rule that explains it; what was explained before stays so.

    For stored differences: what a rule would do. Rules that shape a comparison (`key`, and `map` and `bijection` where
    both values are equal) need the documents: compare anew for those.

    Raises:
        RuleError: a rule is not usable.
    """
    tree = compile_rules(rules)
    return [
        difference if difference.explained_by else difference._replace(explained_by=tree.explain(difference))
        for difference in differences
    ]


def scalar(value: Any) -> bool:
    """Whether a value has no members."""
    return not isinstance(value, dict | list)


def same(legacy: Any, new: Any) -> bool:
    """Whether two JSON values are equal: numbers by value, and true is not 1."""
    if isinstance(legacy, dict) and isinstance(new, dict):
        return len(legacy) == len(new) and all(key in new and same(legacy[key], new[key]) for key in legacy)
    if isinstance(legacy, list) and isinstance(new, list):
        return len(legacy) == len(new) and all(map(same, legacy, new))
    return family(legacy) == family(new) and bool(legacy == new)
