"""Two documents side by side: every place where they differ, once.

Recursion is as deep as a document, which the reader bounds. Every value looked at is counted; beyond the bound the walk
stops and says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from unicodedata import normalize

from shadow.comparing.arrays import Matching, Members, canonical, match_members
from shadow.comparing.bijections import form
from shadow.comparing.childorder import differing_orders
from shadow.comparing.findings import Findings
from shadow.comparing.judging import family
from shadow.comparing.rules import Place, Rule, same, scalar
from shadow.comparison import Kind
from shadow.reading.exact import ExactNumber
from shadow.reading.markup import ORDER, TEXT, ChildOrder
from shadow.reading.pointer import escape

#: Members of an array whose order is shown where it differs.
ORDER_SHOWN_MAX: Final = 100
_MISSING: Final = object()
_ATOMS: Final = frozenset({str, int, float, bool, type(None), ExactNumber})
_QUICK_DEPTH: Final = 10
_NUMBERS: Final = (int, float)
_ERROR_CHARACTERS_MAX: Final = 200


class BoundReachedError(Exception):
    """More values than may be looked at."""


class Walk:
    """One comparison of two documents.

    Args:
        findings: where differences go.
        nodes_max: values of one document that are looked at.
        exact: whether content of equal form is equal; not so where numbers are beyond that form.
    """

    __slots__ = ("_exact", "_findings", "_nodes_left")

    def __init__(self, findings: Findings, nodes_max: int, *, exact: bool) -> None:
        self._findings = findings
        self._nodes_left = nodes_max
        self._exact = exact

    def compare(self, legacy: Any, new: Any, path: str, pattern: str, place: Place | None) -> None:
        """Compares two values.

        Args:
            legacy: of legacy.
            new: of new.
            path: of both, concrete.
            pattern: the path with array indexes as `*`.
            place: the same path in the tree of rules; None where no rule reaches.

        Raises:
            BoundReachedError: too many values.
        """
        if place is not None and place.values and self._ruled(legacy, new, path, pattern, place):
            return
        kind = type(legacy)
        if kind is dict and type(new) is dict:
            self._objects(legacy, new, path, pattern, place)
        elif kind is list and type(new) is list:
            self._arrays(legacy, new, path, pattern, place)
        elif differ(legacy, new):
            self._findings.add(path, kind_of(legacy, new), legacy, new, pattern)

    def _objects(
        self, legacy: dict[str, Any], new: dict[str, Any], path: str, pattern: str, place: Place | None
    ) -> None:
        self._count(len(legacy))
        shared = 0
        for key, value in legacy.items():
            other = new.get(key, _MISSING)
            if other is _MISSING:
                self._one_sided(Kind.MISSING, value, key, path, pattern=pattern, place=place)
                continue
            shared += 1
            below = place.at(key) if place is not None else None
            if below is None and (value is other or _plainly_equal(value, other, path)):
                continue
            if isinstance(value, ChildOrder) and isinstance(other, ChildOrder):
                self._child_order(legacy, new, path, pattern, place)
                continue
            segment = escape(key)
            self.compare(value, other, f"{path}/{segment}", f"{pattern}/{segment}", below)
        if shared < len(new):
            self._count(len(new) - shared)
            for key, value in new.items():
                if key not in legacy:
                    self._one_sided(Kind.EXTRA, value, key, path, pattern=pattern, place=place)

    def _one_sided(self, kind: Kind, value: Any, key: str, path: str, *, pattern: str, place: Place | None) -> None:
        """A value that only one side has."""
        if isinstance(value, ChildOrder):
            return  # the child that makes the order worth telling is reported itself
        below = place.at(key) if place is not None else None
        legacy, new = (value, None) if kind is Kind.MISSING else (None, value)
        segment = escape(key)
        explained = self.explanation(kind, legacy, new, f"{path}/{segment}", below)
        self._findings.add(f"{path}/{segment}", kind, legacy, new, f"{pattern}/{segment}", explained_by=explained)

    def _arrays(self, legacy: list[Any], new: list[Any], path: str, pattern: str, place: Place | None) -> None:
        self._count(max(len(legacy), len(new)))
        matching = self._match(legacy, new, place)
        settled = place is None or not place.goes_on
        for i, j in matching.pairs:
            if settled and ((i, j) in matching.equal or _plainly_equal(legacy[i], new[j], path)):
                continue
            below = place.at(str(i)) if place is not None else None
            self.compare(legacy[i], new[j], f"{path}/{i}", f"{pattern}/*", below)
        for i in matching.missing:
            below = place.at(str(i)) if place is not None else None
            explained = self.explanation(Kind.MISSING, legacy[i], None, f"{path}/{i}", below)
            self._findings.add(f"{path}/{i}", Kind.MISSING, legacy[i], None, f"{pattern}/*", explained_by=explained)
        for j in matching.extra:
            below = place.at(str(j)) if place is not None else None
            explained = self.explanation(Kind.EXTRA, None, new[j], f"{path}/{j}", below)
            self._findings.add(f"{path}/{j}", Kind.EXTRA, None, new[j], f"{pattern}/*", explained_by=explained)
        if matching.moved:
            unordered = place.unordered if place is not None else None
            by = unordered.model.id if unordered else ""
            before, after = _shown_order(matching)
            self._findings.add(path, Kind.ORDER, before, after, pattern, explained_by=by)

    def _match(self, legacy: list[Any], new: list[Any], place: Place | None) -> Matching:
        if len(legacy) == len(new) and _plainly_equal(legacy, new, ""):
            # The same in the same order: every pair is known, and only rules need to see them.
            pairs = [(index, index) for index in range(len(legacy))]
            return Matching(pairs, set(pairs), [], [])
        if place is None:
            return match_members(Members(legacy, exact=self._exact), Members(new, exact=self._exact))
        key = None
        if place.key is not None:
            self._findings.rules_used.add(place.key.model.id)
            key = place.key.model.argument
        member = place.member
        if member is None:
            return match_members(Members(legacy, exact=self._exact), Members(new, exact=self._exact), key=key)
        return match_members(
            Members(legacy, lambda value: ruled_form(value, member, legacy=True), exact=False),
            Members(new, lambda value: ruled_form(value, member, legacy=False), exact=False),
            key=key,
            key_in_new=_translation(member.at(key)) if key is not None else None,
            not_keys=lambda name: (below := member.at(name)) is not None and bool(below.values),
        )

    def _child_order(
        self, legacy: dict[str, Any], new: dict[str, Any], path: str, pattern: str, place: Place | None
    ) -> None:
        """The order of an element's children: a difference of the element."""
        orders = differing_orders(legacy, new)
        if orders is None:
            return
        below = place.at(ORDER) if place is not None else None
        rule = (place.unordered if place is not None else None) or (below.ignore if below is not None else None)
        before, after = (order[:ORDER_SHOWN_MAX] for order in orders)
        self._findings.add(path, Kind.ORDER, before, after, pattern, explained_by=rule.model.id if rule else "")

    def _ruled(self, legacy: Any, new: Any, path: str, pattern: str, place: Place) -> bool:
        """Applies the rules for one value; True where that settles it."""
        differs = differ(legacy, new) if scalar(legacy) and scalar(new) else not same(legacy, new)
        broken = False
        for rule in place.values:
            if not differs and not rule.visits:
                continue
            accepted = self._accepted(rule, Kind.VALUE, legacy, new, path)
            if accepted and differs:
                self._findings.add(path, kind_of(legacy, new), legacy, new, pattern, explained_by=rule.model.id)
                return True
            if accepted:
                self._findings.rules_used.add(rule.model.id)
            elif rule.visits and scalar(legacy) and scalar(new):
                broken = True
        if broken and not differs:
            self._findings.add(path, Kind.VALUE, legacy, new, pattern)
            return True
        return False

    def explanation(self, kind: Kind, legacy: Any, new: Any, path: str, place: Place | None) -> str:
        """The id of the first rule at a place that explains a difference; "" where none does."""
        for rule in place.rules if place is not None else ():
            if self._accepted(rule, kind, legacy, new, path):
                return rule.model.id
        return ""

    def _accepted(self, rule: Rule, kind: Kind, legacy: Any, new: Any, path: str) -> bool:
        """Whether a rule accepts; what a function of the user's raises is a difference of its own."""
        try:
            return rule.accepts(kind, legacy, new)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's code; the comparison goes on
            told = f"{type(error).__name__}: {error}"[:_ERROR_CHARACTERS_MAX]
            at = f"@rule/{escape(rule.model.id)}"
            if not any(difference.path == at for difference in self._findings.listed):
                self._findings.add(at, Kind.VALUE, path, told, at)
            return False

    def _count(self, nodes: int) -> None:
        self._nodes_left -= nodes
        if self._nodes_left < 0:
            raise BoundReachedError


def _plainly_equal(legacy: Any, new: Any, path: str) -> bool:
    """Whether two values are equal in value and type, where that is cheap to tell; False settles nothing.

    Python takes true for 1, so that members of containers are held against each other as text, too. Deep down, looking
    at a whole subtree once more for each level above it would cost more than it saves.
    """
    kind = type(legacy)
    if kind is not type(new):
        return False
    if kind in _ATOMS:
        return bool(legacy == new)
    return path.count("/") < _QUICK_DEPTH and legacy == new and canonical(legacy) == canonical(new)


def differ(legacy: Any, new: Any) -> bool:
    """Whether two values that are not both objects or both arrays differ."""
    if type(legacy) is type(new):
        if legacy == new:
            return False
        return type(legacy) is not str or legacy.isascii() or normalize("NFC", legacy) != normalize("NFC", new)
    return not (type(legacy) in _NUMBERS and type(new) in _NUMBERS and legacy == new)


def kind_of(legacy: Any, new: Any) -> Kind:
    """How two differing values differ."""
    return Kind.VALUE if family(legacy) == family(new) else Kind.TYPE


def ruled_form(value: Any, place: Place | None, *, legacy: bool) -> Any:
    """A value without what rules are about, to find its counterpart by the rest.

    An id under a bijection stays, as far as its counterpart is known.
    """
    if place is None:
        return value
    for rule in place.values:
        if rule.mapped is not None and scalar(value):
            return _mapped(rule, value) if legacy else value
        if rule.bijection is not None and scalar(value):
            known = rule.bijection.new_of(value) if legacy else form(value) if rule.bijection.knows_new(value) else None
            return [*map(str, known)] if known is not None else None
    if place.values:
        return None
    if type(value) is dict:
        formed = {key: ruled_form(member, place.at(key), legacy=legacy) for key, member in value.items()}
        if ORDER in formed:
            _form_order(formed, place)
        return {key: member for key, member in formed.items() if member is not None}
    if type(value) is list:
        return [ruled_form(member, place.at(str(index)), legacy=legacy) for index, member in enumerate(value)]
    return value


def _form_order(formed: dict[str, Any], place: Place) -> None:
    """Take out of an element's form what rules are about in the order of its children."""
    if place.unordered is not None:
        del formed[ORDER]
    elif place.at(TEXT) is not None and isinstance(formed[ORDER], ChildOrder):
        formed[ORDER] = formed[ORDER].names


def _translation(place: Place | None) -> Callable[[Any], Any] | None:
    """What a legacy value is called in new, where a `map` or a `bijection` says that; None where none does."""
    rule = next((rule for rule in place.values if rule.visits), None) if place is not None else None
    if rule is None:
        return None
    bijection = rule.bijection
    if bijection is None:
        return lambda value: _mapped(rule, value)
    return lambda value: known[1] if scalar(value) and (known := bijection.new_of(value)) is not None else None


def _mapped(rule: Rule, value: Any) -> Any:
    try:
        mapped = rule.mapped(value) if rule.mapped is not None else value
        canonical(mapped)
    except (Exception, SystemExit):  # noqa: BLE001 - the user's code; comparing the value reports it
        return None
    return mapped


def _shown_order(matching: Matching) -> tuple[list[int], list[int]]:
    """Legacy's indexes of the matched members in legacy's order, and in new's."""
    by_new = sorted(matching.pairs, key=lambda pair: pair[1])
    return [i for i, _ in matching.pairs[:ORDER_SHOWN_MAX]], [i for i, _ in by_new[:ORDER_SHOWN_MAX]]
