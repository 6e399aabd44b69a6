"""What noise learns of a route, behind a veil: no name and no value of a secret comes to it.

```
Comparison ─▶ Veil.named     patterns without names that are secrets; noise, clusters and rules see these
           ─▶ Veil.covered   values of which only their shape is remembered
           ─▶ RouteNoise     learns and judges
           ─▶ the comparison as it was, with what noise explains marked
```
A pattern is always told in the same way: names that are secrets as `*`, so that the places under them are one, and
what lies inside of something secret as one token, so that those stay apart. Digests are keyed. So what was learned of a
secret place goes on to hold after a restart with the same key. With another key (each run has its own where
`state.redaction_key` is not set) what needs the key is learned anew. Where a place is not secret, all is as if there
were no veil.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from shadow.comparison import Comparison, Difference
from shadow.errors import NoiseStateError
from shadow.keeping.places import TOKEN_START
from shadow.keeping.redacted import Sight
from shadow.keeping.redaction import Redactor
from shadow.keeping.secrets import is_card_number
from shadow.noise.covered import HiddenFloat, HiddenInt, KeyedExact, KeyedText
from shadow.noise.route import RouteNoise
from shadow.reading.exact import ExactNumber
from shadow.reading.pointer import escape, unescape

#: Names that were found harmless once, and are not looked at again.
_HARMLESS_MAX: Final = 16_384
_NAME_CHARACTERS_MAX: Final = 100
_PATTERNS_MAX: Final = 4_096
_PATTERN_CHARACTERS_MAX: Final = 500


class Veil:
    """Of one route.

    Args:
        redactor: what is secret on it.
    """

    __slots__ = ("_digester", "_harmless", "_redactor", "_told")

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._digester = redactor.digest
        self._harmless: set[str] = set()
        self._told: dict[str, str] = {}  # of patterns whose names are all harmless

    @property
    def mark(self) -> str:
        """Names the key and what is redacted."""
        return self._redactor.mark

    def lost(self, pattern: str) -> bool:
        """Whether what was learned at a pattern is of no use, or tells too much, under another mark."""
        return TOKEN_START in pattern or self._redactor.place(pattern).hidden

    def named(self, comparison: Comparison, sight: Sight | None = None) -> Comparison:
        """With patterns that may be told.

        Args:
            comparison: as it was made.
            sight: of its exchange; without it nothing is looked for that is a secret elsewhere.
        """
        told = [self._pattern(difference.pattern, sight) for difference in comparison.differences]
        if told == [difference.pattern for difference in comparison.differences]:
            return comparison
        differences = zip(comparison.differences, told, strict=True)
        return replace(comparison, differences=tuple(one._replace(pattern=pattern) for one, pattern in differences))

    def covered(self, named: Comparison, comparison: Comparison, sight: Sight | None = None) -> Comparison:
        """A named comparison, with values as noise may learn them; without documents.

        Args:
            named: what `named` made of it.
            comparison: as it was made: what is taken out of a pattern may be what says that the place is secret.
            sight: of its exchange.
        """
        if not named.differences:
            return named
        both = zip(named.differences, comparison.differences, strict=True)
        differences = tuple([self._difference(difference, whole.pattern, sight) for difference, whole in both])
        return Comparison(named.verdict, named.reason, differences, named.more)

    def _pattern(self, pattern: str, sight: Sight | None) -> str:
        known = self._told.get(pattern)
        if known is not None:
            return known
        told = self._redactor.place(pattern).pattern
        if sight is None:
            return told
        first, *segments = told.split("/")
        if all(self._is_harmless(segment, sight) for segment in segments):
            if len(self._told) < _PATTERNS_MAX and len(pattern) <= _PATTERN_CHARACTERS_MAX:
                self._told[pattern] = told
            return told
        return "/".join((first, *("*" if sight.is_echo(unescape(segment)) else segment for segment in segments)))

    def _is_harmless(self, segment: str, sight: Sight) -> bool:
        if segment in self._harmless or segment.startswith(TOKEN_START):
            return True
        if sight.is_echo(unescape(segment)):
            return False
        if len(self._harmless) < _HARMLESS_MAX and len(segment) <= _NAME_CHARACTERS_MAX:
            self._harmless.add(segment)
        return True

    def _difference(self, difference: Difference, whole: str, sight: Sight | None) -> Difference:
        path, kind, legacy, new, pattern, explained_by = difference
        if explained_by:
            return difference  # noise has no say in it
        hidden = self._redactor.place(whole).hidden
        legacy, new = self._value(legacy, sight, hidden=hidden), self._value(new, sight, hidden=hidden)
        return Difference(path, kind, legacy, new, pattern, explained_by)

    def _value(self, value: Any, sight: Sight | None, *, hidden: bool) -> Any:
        if isinstance(value, str):
            kind = KeyedExact if isinstance(value, ExactNumber) else KeyedText
            return kind.of(value, self._digester, hidden=hidden)
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, int):
            return HiddenInt(value) if hidden or is_card_number(value) or _is_echoed(value, sight) else value
        if isinstance(value, float):
            return HiddenFloat(value) if hidden or _is_echoed(value, sight) else value
        if isinstance(value, dict):
            return {self._name(name, sight, hidden=hidden): member for name, member in value.items()}
        return value

    def _name(self, name: str, sight: Sight | None, *, hidden: bool) -> str:
        if hidden or self._redactor.is_no_name(name):
            return self._redactor.token(name)
        if sight is None or self._is_harmless(escape(name), sight):
            return name
        return self._redactor.token(name)


class VeiledNoise:
    """The noise of a route.

    Attributes:
        noise: what was learned.
        veil: what is secret.
        narrowed: it was written under another mark, so that what is stored tells more than it may, or is of no use.
    """

    __slots__ = ("narrowed", "noise", "veil")

    def __init__(self, veil: Veil, noise: RouteNoise | None = None, *, narrowed: bool = False) -> None:
        self.veil = veil
        self.narrowed = narrowed
        self.noise = RouteNoise() if noise is None else noise

    def conclude(self, new: Comparison, again: Comparison | None, sight: Sight) -> Comparison:
        """`RouteNoise.conclude` of an exchange; patterns of what is returned may be told."""
        named = self.veil.named(new, sight)
        second = None if again is None else self.veil.covered(self.veil.named(again, sight), again, sight)
        return _as_judged(named, self.noise.conclude(self.veil.covered(named, new, sight), second))

    def judge(self, new: Comparison) -> Comparison:
        """`RouteNoise.judge` of a comparison that nothing is to be learned from."""
        named = self.veil.named(new)
        return _as_judged(named, self.noise.judge(self.veil.covered(named, new)))

    def wants_second_asks(self) -> bool:
        """`RouteNoise.wants_second_asks`."""
        return self.noise.wants_second_asks()

    def rules_changed(self) -> None:
        """`RouteNoise.rules_changed`."""
        self.noise.rules_changed()

    def restart_test(self) -> None:
        """`RouteNoise.restart_test`."""
        self.noise.restart_test()

    def to_json(self) -> dict[str, Any]:
        """What was learned, as JSON values that hold no secret."""
        return self.noise.to_json(self.veil.mark)

    @classmethod
    def from_json(cls, state: Mapping[str, Any], veil: Veil) -> VeiledNoise:
        """What `to_json` wrote, as far as it can be used with this key, and may be known where this is redacted.

        Raises:
            NoiseStateError: it did not, or another version of it did.
        """
        noise = RouteNoise.from_json(state, veil.mark, lost=veil.lost)
        return cls(veil, noise, narrowed=state["key"] != veil.mark)

    def behind(self, veil: Veil) -> VeiledNoise:
        """What was learned, where something else is redacted from now on."""
        if veil.mark == self.veil.mark:
            return VeiledNoise(veil, self.noise)
        try:
            return VeiledNoise.from_json(self.to_json(), veil)
        except NoiseStateError:
            return VeiledNoise(veil)


def merged(states: Iterable[Mapping[str, Any]], veil: Veil) -> tuple[VeiledNoise, list[NoiseStateError]]:
    """What several processes learned, together; and why the states that could not be read could not."""
    noise, errors = VeiledNoise(veil), []
    for state in states:
        try:
            noise.noise.merge(VeiledNoise.from_json(state, veil).noise)
        except NoiseStateError as error:  # of another release: as if it had learned nothing
            errors.append(error)
    return noise, errors


def _as_judged(named: Comparison, judged: Comparison) -> Comparison:
    """A comparison with the verdict and the marks of its covered copy."""
    if judged.verdict is named.verdict and [one.explained_by for one in named.differences] == [
        mark.explained_by for mark in judged.differences
    ]:
        return named
    differences = tuple(
        [
            one if one.explained_by == mark.explained_by else one._replace(explained_by=mark.explained_by)
            for one, mark in zip(named.differences, judged.differences, strict=True)
        ]
    )
    return replace(named, verdict=judged.verdict, differences=differences)


def _is_echoed(number: float, sight: Sight | None) -> bool:
    return sight is not None and sight.is_echoed_number(number)
