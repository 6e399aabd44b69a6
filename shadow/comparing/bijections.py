"""Which value of legacy goes with which value of new: one to one, over all requests.

Two systems give their objects ids of their own, so an id differs in every answer and says nothing by itself. That the
same legacy id always comes with the same new id does: where it does not, new answered with another object.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

#: Pairs that are remembered for one rule; beyond, the oldest is forgotten, and a value of it may pair anew.
PAIRS_MAX: Final = 100_000
#: Longer values are remembered by their hash.
_CHARACTERS_MAX: Final = 200


class Bijection:
    """The pairs seen so far.

    A pair that was seen once only gives way to another, so that one wrong answer at the start does not condemn all the
    right ones after it; one that was confirmed stays.
    """

    def __init__(self, pairs_max: int = PAIRS_MAX) -> None:
        self._pairs_max = pairs_max
        self._new_of: dict[Any, Any] = {}
        self._legacy_of: dict[Any, Any] = {}
        self._confirmed: set[Any] = set()  # legacy values of pairs that were seen more than once

    def __len__(self) -> int:
        return len(self._new_of)

    def take(self, legacy: Any, new: Any) -> bool:
        """Whether this pair keeps it one to one; remembers it if so."""
        left, right = _key(legacy), _key(new)
        known_new, known_legacy = self._new_of.get(left), self._legacy_of.get(right)
        if known_new == right and known_legacy == left:
            self._confirmed.add(left)
            return True
        if known_new is None and known_legacy is None:
            self._remember(left, right)
            return True
        if left not in self._confirmed and known_legacy not in self._confirmed:
            self._forget(left)
            self._forget(known_legacy)
            self._remember(left, right)
        return False

    def new_of(self, legacy: Any) -> Any:
        """What stands for a legacy value in new, in the form of `form`; None where it was not seen."""
        return self._new_of.get(_key(legacy))

    def knows_new(self, new: Any) -> bool:
        """Whether a value of new was seen."""
        return _key(new) in self._legacy_of

    def _remember(self, left: Any, right: Any) -> None:
        if len(self._new_of) >= self._pairs_max:
            self._forget(next(iter(self._new_of)))
        self._new_of[left] = right
        self._legacy_of[right] = left

    def _forget(self, left: Any) -> None:
        right = self._new_of.pop(left, None)
        if right is not None:
            del self._legacy_of[right]
        self._confirmed.discard(left)


def form(value: Any) -> Any:
    """A value as it is remembered: hashable, short, and distinct for 1, "1" and true."""
    return _key(value)


def _key(value: Any) -> tuple[str, Any]:
    if isinstance(value, str) and len(value) > _CHARACTERS_MAX:
        return "hash", sha256(value.encode("utf-8", "surrogatepass")).digest()
    kind = "number" if type(value) in (int, float) else type(value).__name__
    return kind, value
