"""The keys of one route that are kept, with their states, and which of them are flagged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import log
from typing import Any, Final

from shadow.comparison import Kind
from shadow.noise.evalue import rejected
from shadow.noise.keys import Key, KeyReport, KeyState

#: False discovery rate over the keys of a route.
FLAG_ALPHA: Final = 0.01
#: Keys of a route that are kept; the one that was seen longest ago gives way.
KEYS_MAX: Final = 2_000


class KnownKeys:
    """Bounded; those seen longest ago come first, and give way first.

    Args:
        alpha: false discovery rate.
        keys_max: keys that are kept.

    Attributes:
        forgotten: keys that gave way to newer ones.
    """

    __slots__ = ("_alpha", "_flagged", "_keys_max", "_present", "_states", "forgotten")

    def __init__(self, alpha: float, keys_max: int) -> None:
        self.forgotten = 0
        self._alpha = alpha
        self._keys_max = keys_max
        self._present: set[Key] = set()  # those seen since the process began, or the rules changed
        self._states: dict[Key, KeyState] = {}
        self._flagged: frozenset[Key] | None = frozenset()  # None where it is to be found anew

    def __iter__(self) -> Iterator[KeyState]:
        return iter(self._states.values())

    def get(self, key: Key) -> KeyState | None:
        """The state of a key, where it is kept; that it was looked up makes it no younger."""
        return self._states.get(key)

    def seen(self, key: Key) -> KeyState:
        """The state of a key, made where there is none, and now the one that was seen last."""
        state = self._states.pop(key, None) or KeyState()
        self._states[key] = state
        self._present.add(key)
        self._make_room()
        return state

    def count_pair(self, key: Key, balance: int) -> None:
        """One request asked twice, see `KeyState.count_pair`."""
        self.seen(key).count_pair(balance)
        self._flagged = None

    def flags(self) -> frozenset[Key]:
        """The keys that e-BH rejects, among those at which anything speaks for or against new."""
        if self._flagged is None:
            # Fewer keys than the threshold of a single one: the common case, found without sorting.
            threshold = log(1 / self._alpha)
            if any(state.log_e >= threshold for state in self._states.values()):
                tested = {
                    key: state.log_e for key, state in self._states.items() if state.new_only or state.legacy_only
                }  # fmt: skip
                self._flagged = rejected(tested, self._alpha)
            else:
                self._flagged = frozenset()
        return self._flagged

    def undecided(self) -> Iterator[KeyState]:
        """States of what was seen since the process began, or the rules changed, and is not flagged."""
        flagged = self.flags()
        return (self._states[key] for key in self._present if key not in flagged)

    def forget_present(self) -> None:
        """Everything there is was seen before."""
        self._present.clear()

    def reports(self, asked: int) -> Iterator[KeyReport]:
        """What is known of every key.

        Args:
            asked: requests in which legacy was asked twice.
        """
        flagged = self.flags()
        for key, state in self._states.items():
            yield KeyReport(
                key, state.new_only, state.legacy_only, state.moved, asked, state.label(key.kind), state.log_e,
                key in flagged,
            )  # fmt: skip

    def restart_test(self) -> None:
        """Forget how often new differed, but not what legacy's noise is."""
        for state in self._states.values():
            state.new_only = state.legacy_only = state.plain = 0
            state.log_e = 0.0
        self._flagged = None

    def merge(self, other: KnownKeys) -> None:
        """Count in what another process learned."""
        self.forgotten += other.forgotten
        for key, state in other._states.items():
            self.seen(key).add(state)
        self._flagged = None

    def to_json(self) -> list[list[Any]]:
        """As JSON values."""
        return [[key.pattern, key.kind.value, *state.to_json()] for key, state in self._states.items()]

    def restore(self, states: Iterable[tuple[str, str, list[Any]]], *, keyed: bool) -> None:
        """Take up states as `to_json` wrote them, in their order; they do not count as present.

        Args:
            states: pattern, kind, and `KeyState.to_json`.
            keyed: their digests are of the key that is in use.

        Raises:
            ValueError: `to_json` did not write them.
            TypeError: likewise.
        """
        for pattern, kind, state in states:
            self._states[Key(pattern, Kind(kind))] = KeyState.from_json(state, keyed=keyed)
        self._flagged = None
        self._make_room()

    def _make_room(self) -> None:
        while len(self._states) > self._keys_max:
            oldest = next(iter(self._states))
            del self._states[oldest]
            self._present.discard(oldest)
            self.forgotten += 1
