"""One column through its steps: value by value, or a whole chunk at once with a bounded memory of what repeats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from legacy_adapters.mapping.step import RefusalError, Step
from legacy_adapters.values.errors import UnfitError
from legacy_adapters.values.fitting import Fits

#: Results remembered per column and type; the memory is emptied when it is full.
MEMORY_MAX = 65_536
#: A memory is given up where, after so many values, fewer than this share were in it.
_TRIAL_VALUES = 50_000
_HITS_MIN = 0.25
#: Types whose equal values are the same in every way. Not Decimal (1.0 and 1.00), float (0.0 and -0.0) or datetime.
_SAME = (str, int, date)

Function = Callable[[Any], Any]


def reason_of(error: Exception) -> str:
    """Why a value was refused: words of ours; of a foreign exception its type alone, since its text may hold values."""
    if isinstance(error, RefusalError | UnfitError):
        return str(error)
    return f"made a transform raise {type(error).__name__}"


def is_several(steps: Sequence[Step], *, several: bool) -> bool:
    """Whether the steps end in a tuple, given whether they begin with one."""
    for step in steps:
        several = step.many_out or (several and not step.many_in)
    return several


def _alone(apply: Function) -> Function:
    return lambda value: apply((value,))


def _each(step: Step) -> Function:
    apply, nulls = step.apply, step.nulls
    return lambda values: tuple([apply(value) if value is not None or nulls else None for value in values])


class Refused:
    """Stands in a column where a value was refused."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason


def run_of(steps: Sequence[Step], *, several: bool = False) -> Function | None:
    """The steps as one function, None where there is nothing to do. NULL passes by the steps that do not ask for it.

    Args:
        steps: in order.
        several: the value is a tuple, of several columns: a step of single values then does each of them.
    """
    chain: list[tuple[Function, bool]] = []
    for step in steps:
        if step.identity:
            continue
        if step.many_in:
            chain.append((step.apply if several else _alone(step.apply), True))
        else:
            chain.append((_each(step) if several else step.apply, step.nulls))
        several = step.many_out or (several and not step.many_in)
    if not chain:
        return None

    def run(value: Any) -> Any:
        for apply, nulls in chain:
            if value is not None or nulls:
                value = apply(value)
        return value

    return run


def many_of(steps: Sequence[Step], *, several: bool = False) -> Callable[[Sequence[str]], Sequence[Any]] | None:
    """What does many texts at once: where there is but one step to do, on one value each, and it can."""
    doing = [step for step in steps if not step.identity]
    return doing[0].many if len(doing) == 1 and not several else None


def _one(function: Function, value: Any) -> Any:
    try:
        return function(value)
    except Exception as error:  # noqa: BLE001 - a transform that fails refuses this record alone
        return Refused(reason_of(error))


def _unchanged(value: Any) -> Any:
    return value


class Column:
    """A function over the values of one column."""

    def __init__(
        self,
        steps: Function | None,
        *,
        steady: bool,
        finish: Function | None = None,
        fits: Fits | None = None,
        many: Callable[[Sequence[str]], Sequence[Any]] | None = None,
    ) -> None:
        """Makes a column.

        Args:
            steps: from a value to its result; None where there is nothing to do. Raises RefusalError or UnfitError.
            steady: equal values have equal results, so that results may be remembered.
            finish: what every result goes through: the coercion into a column. Raises UnfitError.
            many: does what `steps` does for many texts at once, with None where `steps` has to be asked.
            fits: tells quickly of many results at once that `finish` would leave them as they are.
        """
        self._steps, self._finish, self._fits, self._many = steps, finish, fits, many
        self._memories: dict[type, dict[Any, Any]] = {}
        self._steady = steady
        self._tried = self._missed = 0

    def run(self, value: Any) -> Any:
        """One value; raises what its functions raise."""
        if self._steps is not None:
            value = self._steps(value)
        return value if self._finish is None else self._finish(value)

    def all(self, values: Sequence[Any]) -> tuple[Sequence[Any], bool]:
        """The results, with `Refused` where there is none, and whether there may be such."""
        results, refused = (values, False) if self._steps is None else self._stepped(values)
        if self._finish is None or (not refused and self._fits is not None and self._fits(results)):
            return results, refused
        finish = self._finish
        try:
            if not refused:
                return list(map(finish, results)), False
        except Exception:  # noqa: BLE001 - whatever it is, it is one value's, and each is asked alone now
            refused = True
        return [value if type(value) is Refused else _one(finish, value) for value in results], refused

    def _stepped(self, values: Sequence[Any]) -> tuple[Sequence[Any], bool]:
        steps = self._steps or _unchanged
        kinds = set(map(type, values)) if self._many or self._steady else set()
        if self._many and kinds <= {str, type(None)}:
            return _together(self._many, steps, values, gaps=type(None) in kinds)
        if self._steady:
            kinds.discard(type(None))
            if len(kinds) == 1:
                [kind] = kinds
                if kind in _SAME:
                    return self._remembered(values, steps, self._memories.setdefault(kind, {}))
        try:
            return list(map(steps, values)), False
        except Exception:  # noqa: BLE001 - as above
            return [_one(steps, value) for value in values], True

    def _remembered(self, values: Sequence[Any], steps: Function, memory: dict[Any, Any]) -> tuple[Sequence[Any], bool]:
        missing = set(values).difference(memory)
        if len(memory) + len(missing) > MEMORY_MAX:
            memory.clear()
            missing = set(values)
        try:
            for value in missing:
                memory[value] = steps(value)
        except Exception:  # noqa: BLE001 - as above
            for value in missing:
                memory[value] = _one(steps, value)
        results = [memory[value] for value in values]
        self._judge(len(values), len(missing))
        # A refusal may be remembered from an earlier chunk, so that every chunk is looked at.
        refused = Refused in set(map(type, results))
        if len(memory) > MEMORY_MAX:
            memory.clear()
        return results, refused

    def _judge(self, count: int, missed: int) -> None:
        """Stops remembering where values hardly ever repeat."""
        self._tried += count
        self._missed += missed
        if self._tried >= _TRIAL_VALUES:
            self._steady = self._missed < (1 - _HITS_MIN) * self._tried
            self._tried = self._missed = 0
            if not self._steady:
                self._memories.clear()


def _together(
    many: Callable[[Sequence[str]], Sequence[Any]], steps: Function, values: Sequence[Any], *, gaps: bool
) -> tuple[Sequence[Any], bool]:
    """Texts and NULLs, of which `many` does what it can."""
    texts = [value for value in values if value is not None] if gaps else values
    results = many(texts)
    refused = False
    if None in results:
        results = [_one(steps, text) if result is None else result for text, result in zip(texts, results, strict=True)]
        refused = Refused in set(map(type, results))
    if not gaps:
        return results, refused
    following = iter(results)
    return [None if value is None else next(following) for value in values], refused
