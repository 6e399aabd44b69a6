"""One transform with its arguments, ready to run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from legacy_adapters.values.kinds import Kind

#: Any kind of value.
ANY: frozenset[Kind] = frozenset(Kind)
TEXT: frozenset[Kind] = frozenset({Kind.TEXT, Kind.ENUM})
NUMBER: frozenset[Kind] = frozenset({Kind.INTEGER, Kind.DECIMAL})


class RefusalError(ValueError):
    """A value cannot be mapped. The message says why, and never shows the value."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Where a transform is used.

    Attributes:
        sources: how many columns the field has on the side it comes from.
        targets: how many it has on the side it goes to.
        folder: where Python functions are looked for first.
    """

    sources: int = 1
    targets: int = 1
    folder: Path = Path()

    @property
    def turned(self) -> Shape:
        """The same field, the other way."""
        return Shape(self.targets, self.sources, self.folder)


@dataclass(frozen=True, slots=True)
class Step:
    """A transform of one field in one direction.

    Attributes:
        name: as in the configuration.
        apply: value in, value out; raises RefusalError.
        inverse: builds the step back, such that `apply(inverse(y)) == y` for all that it can give; None is no inverse.
        loses: what `inverse(apply(x))` no longer has, in a sentence; None where nothing is lost.
        takes: kinds of value that it understands.
        gives: kinds of value that come out.
        nulls: it is asked about NULL too; else NULL stays NULL.
        many_in: it takes the values of all columns as a tuple.
        many_out: it gives a tuple with a value for each column.
        steady: equal text gives an equal result, so that results may be remembered.
        identity: it gives back what it is given; stands for "nothing to do" on the way back.
        many: the results of many texts at once, None for each that `apply` has to be asked about; faster where it is
            given, and never different.
        fingerprint: what else the result depends on, for the mapping's version: the source of a function.
    """

    name: str
    apply: Callable[[Any], Any]
    inverse: Callable[[], Step] | None = None
    loses: str | None = None
    takes: frozenset[Kind] = ANY
    gives: frozenset[Kind] = ANY
    nulls: bool = False
    many_in: bool = False
    many_out: bool = False
    steady: bool = True
    identity: bool = False
    many: Callable[[Sequence[str]], Sequence[Any]] | None = None
    fingerprint: str = field(default="")


def unchanged(name: str) -> Step:
    """The step back of a transform whose results map to themselves."""
    return Step(name, lambda value: value, lambda: unchanged(name), identity=True)


def text(value: Any, name: str) -> str:
    """The value, which must be text.

    Raises:
        RefusalError: it is something else.
    """
    if type(value) is str:
        return value
    if isinstance(value, str):
        return str(value)
    raise RefusalError(f"{name} wants text, and got {kind_name(value)}")


def kind_name(value: Any) -> str:
    """What a value is, for messages: never the value itself."""
    name = type(value).__name__
    return {"NoneType": "NULL", "str": "text", "int": "a whole number", "float": "a float", "bool": "a boolean"}.get(
        name, f"a {name}"
    )
