"""What is noise on one route and what is not: every exchange teaches, and is judged by what was learned so far.

Where legacy was asked twice (L1, then new C and legacy again L2 in an order drawn at random), per place that differs:

```
L1 = L2 ≠ C            new differs: real, unless the place is known to move and the paired test finds no more than that
L1 ≠ L2 = C            a race: the state changed between the answers, and new says what legacy says
L1 ≠ L2 ≠ C, all apart  volatile: C must still be what such values always are (`shadow.noise.learned`)
```

Where legacy was asked once, what was learned explains a difference only if legacy was seen to differ from itself there
at least `SEEN_MIN` times, new's value is what such values always are, new does not differ more often than noise allows,
and the key is not flagged. Whatever is explained is counted like what is not: explaining never weakens the paired test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from shadow.comparison import Comparison, Difference, Kind, Verdict
from shadow.errors import NoiseStateError
from shadow.noise.keys import SEEN_MIN, Key, KeyReport, KeyState
from shadow.noise.knownkeys import FLAG_ALPHA, KEYS_MAX, KnownKeys
from shadow.noise.learned import Learned
from shadow.noise.observed import COMPARED, accepted, by_key, by_place, key_of, open_differences, same, taught

#: Requests after which the counts behind the noise budget are halved, so that a place may change its habits.
BUDGET_WINDOW: Final = 200_000
#: What noise never explains: an answer that cannot be read, and an object that contradicts itself.
_NEVER_NOISE: Final = frozenset({Kind.UNDECODABLE, Kind.DUPLICATE})
_FAILURE: Final = Key("@status", Kind.VALUE)
#: Times that legacy should have moved by now, before it is believed not to.
_SETTLED: Final = 8
#: How many times more often new must differ than legacy moves to ask legacy twice more often, and until when.
_CLEARLY: Final = 1.1
_ASKED_ENOUGH: Final = 1_000
#: Requests with a difference at a place from which all values are learned; and from then on, one in so many.
_LEARNED: Final = 256
_LEARNED_EVERY: Final = 8
_STATE_VERSION: Final = 2
NOISE: Final = "noise"
_VOLATILE: Final = "volatile:"


class RouteNoise:
    """The noise of one route. Bounded; not for two threads at once.

    Attributes:
        asked: exchanges in which legacy was asked twice and both its answers and new's could be compared.
        plain: compared exchanges in which legacy was asked once.
    """

    __slots__ = ("_keys", "asked", "plain")

    def __init__(self, *, alpha: float = FLAG_ALPHA, keys_max: int = KEYS_MAX) -> None:
        self.asked = 0
        self.plain = 0
        self._keys = KnownKeys(alpha, keys_max)

    @property
    def forgotten(self) -> int:
        """Keys that gave way to newer ones."""
        return self._keys.forgotten

    def conclude(self, new: Comparison, again: Comparison | None) -> Comparison:
        """Learn from one exchange, and judge it.

        Args:
            new: legacy's answer against new's, with what rules explain marked.
            again: legacy's answer against its second one, by the same rules; None where it was not asked for.

        Returns:
            `new` with what noise explains marked, and the verdict that follows.
        """
        if again is None:
            if new.verdict in COMPARED:
                self._count_plain(new)
        else:
            self._learn(again)
            self._count_sandwich(new, again)
        return self.judge(new, again)

    def judge(self, new: Comparison, again: Comparison | None = None) -> Comparison:
        """Judge by what is known now, without learning from it: for stored exchanges and for self-proof."""
        if new.verdict not in COMPARED or not new.differences:
            return new
        twins = {} if again is None else {(twin.path, twin.kind): twin for twin in open_differences(again)}
        differences, raced = [], False
        for difference in new.differences:
            if difference.explained_by:
                differences.append(difference)
                continue
            twin = twins.get((difference.path, difference.kind))
            why = self._explain(difference, twin, asked_twice=again is not None)
            raced |= why == NOISE
            differences.append(difference._replace(explained_by=why) if why else difference)
        open_left = new.more != 0 or any(not difference.explained_by for difference in differences)
        verdict = Verdict.MISMATCH if open_left else Verdict.RACE if raced else Verdict.EXPLAINED
        return replace(new, verdict=verdict, differences=tuple(differences))

    def flagged(self) -> tuple[KeyReport, ...]:
        """The keys at which new differs from legacy more often than legacy from itself, the clearest first."""
        reports = (report for report in self._keys.reports(self.asked) if report.flagged)
        return tuple(sorted(reports, key=lambda report: -report.log_e))

    def reports(self) -> tuple[KeyReport, ...]:
        """All keys that are kept, those seen longest ago first."""
        return tuple(self._keys.reports(self.asked))

    def wants_second_asks(self) -> bool:
        """Whether asking legacy twice more often would settle something: for whoever decides how often that happens.

        True while there is a key that is not flagged, at which new differs and legacy was asked twice too rarely to
        have been seen to move `_SETTLED` times if it moved as often; or at which new differs more often than legacy
        moves, and it is too early to tell whether by chance. Never after `_ASKED_ENOUGH` requests, and never for what
        has not been seen since the rules changed.
        """
        if self.asked >= _ASKED_ENOUGH:
            return False
        return any(map(self._is_unsettled, self._keys.undecided()))

    def rules_changed(self) -> None:
        """Want no second asks for what differed by other rules, until it differs again. What was counted stays."""
        self._keys.forget_present()

    def _is_unsettled(self, state: KeyState) -> bool:
        if state.moved < SEEN_MIN:
            differed = state.plain + state.new_only
            return differed > 0 and self.asked * differed < _SETTLED * (self.asked + self.plain)
        # Share against share, without dividing by what may be nothing.
        return state.plain >= _SETTLED and state.plain * self.asked > _CLEARLY * state.moved * self.plain

    def restart_test(self) -> None:
        """Forget how often new differed, but not what legacy's noise is: for a new version of the new system."""
        self._keys.restart_test()
        self.plain = 0

    def merge(self, other: RouteNoise) -> None:
        """Count in what another process learned about the same route. Counting one twice would overstate evidence."""
        self.asked += other.asked
        self.plain += other.plain
        self._keys.merge(other._keys)

    def to_json(self, key: str = "") -> dict[str, Any]:
        """All of it as JSON values.

        Args:
            key: names what digests and tokens in it were made with, see `from_json`.
        """
        return {
            "version": _STATE_VERSION,
            "key": key,
            "asked": self.asked,
            "plain": self.plain,
            "forgotten": self.forgotten,
            "keys": self._keys.to_json(),
        }

    @classmethod
    def from_json(
        cls,
        state: Mapping[str, Any],
        key: str = "",
        *,
        lost: Callable[[str], bool] = lambda _: False,
        alpha: float = FLAG_ALPHA,
        keys_max: int = KEYS_MAX,
    ) -> RouteNoise:
        """What `to_json` wrote.

        Args:
            state: that.
            key: in use now. Digests of another one are left out, to be learned anew.
            lost: whether a pattern means nothing, or tells too much, where the key is another one.
            alpha: false discovery rate.
            keys_max: keys that are kept.

        Raises:
            NoiseStateError: it did not, or another version of it did.
        """
        noise = cls(alpha=alpha, keys_max=keys_max)
        try:
            if state["version"] != _STATE_VERSION:
                raise NoiseStateError(f"a noise state of version {state['version']}, not {_STATE_VERSION}")
            noise.asked, noise.plain = int(state["asked"]), int(state["plain"])
            noise._keys.forgotten = int(state["forgotten"])
            keyed = state["key"] == key
            kept = ((pattern, kind, rest) for pattern, kind, *rest in state["keys"] if keyed or not lost(pattern))
            noise._keys.restore(kept, keyed=keyed)
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise NoiseStateError(f"a noise state that cannot be read: {error}") from error
        return noise

    def _count_plain(self, new: Comparison) -> None:
        self.plain += 1
        if new.differences:
            for key, group in by_key(new).items():
                state = self._keys.seen(key)
                state.plain += 1
                # What many values have in common is known: now and then one more is enough.
                if state.moved and (state.plain <= _LEARNED or state.plain % _LEARNED_EVERY == 0):
                    # Legacy's value is legacy's, whoever it is held against: it widens what is known of the place.
                    for difference in group:
                        if difference.kind is not Kind.EXTRA:
                            state.learned = state.learned.observe(difference.legacy)
        if self.plain >= BUDGET_WINDOW:
            self._halve_budgets()

    def _halve_budgets(self) -> None:
        self.plain //= 2
        for state in self._keys:
            state.plain //= 2

    def _learn(self, again: Comparison) -> None:
        """Learn from how legacy's second answer differs from its first."""
        for key, group in by_key(again).items():
            state = self._keys.seen(key)
            state.moved += 1
            for difference in group:
                state.learned = taught(state.learned, difference)

    def _count_sandwich(self, new: Comparison, again: Comparison) -> None:
        failed = (new.verdict is Verdict.NEW_FAILED, again.verdict is Verdict.NEW_FAILED)
        if any(failed):
            if new.verdict is not Verdict.NOT_COMPARABLE and again.verdict is not Verdict.NOT_COMPARABLE:
                self._keys.count_pair(_FAILURE, failed[0] - failed[1])
            return
        if new.verdict not in COMPARED or again.verdict not in COMPARED:
            return
        self.asked += 1
        # Of a list that was cut, what is not in it may differ as well: it says nothing about who differs more.
        if new.more or again.more or not (new.differences or again.differences):
            return
        news, agains = by_place(new), by_place(again)
        balance: Counter[Key] = Counter()
        for place in news.keys() - agains.keys():
            balance[news[place]] += 1
        for place in agains.keys() - news.keys():
            balance[agains[place]] -= 1
        for key, excess in balance.items():
            self._keys.count_pair(key, excess)

    def _explain(self, difference: Difference, twin: Difference | None, *, asked_twice: bool) -> str:
        """`noise`, `volatile:<what>`, or "" where nothing explains it."""
        if difference.kind in _NEVER_NOISE:
            return ""
        key = key_of(difference)
        state = self._keys.get(key)
        if twin is not None:
            if same(twin.new, difference.new):
                return NOISE
            learned = taught(Learned(), twin) if state is None else state.learned
            return _label(key.kind, learned) if accepted(learned, difference) else ""
        if state is None or state.moved < SEEN_MIN or not accepted(state.learned, difference):
            return ""
        if key in self._keys.flags() or not (asked_twice or state.within_budget(self.asked, self.plain)):
            return ""
        return _VOLATILE + state.label(key.kind)


def _label(kind: Kind, learned: Learned) -> str:
    return _VOLATILE + KeyState(moved=1, learned=learned).label(kind)
