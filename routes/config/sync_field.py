"""One field of a record: its columns on both sides and what happens to it on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, ModelWrapValidatorHandler, Tag, model_validator

from routes.config.part import GivenPart
from routes.config.sync_rules import Plain
from routes.config.sync_store import Column, Columns
from routes.config.sync_transform import Transforms
from routes.config.text import Name
from routes.faults import Clash, fault, gather, peek

_VALUES_MAX = 10_000


def _either(value: Any) -> Any:
    if not isinstance(value, str | list):
        hint = "write it in quotes" if isinstance(value, int | float) and not isinstance(value, bool) else None
        raise fault("must name a column, or a list of them", allowed="COLUMN or [ONE, ANOTHER]", hint=hint)
    return value


#: One column, or several that are one field.
ColumnOrColumns = Annotated[
    Annotated[Column, Tag("one")] | Annotated[Columns, Tag("several")],
    Discriminator(lambda value: "one" if isinstance(value, str) else "several"),
    BeforeValidator(_either),
]


class SyncField(GivenPart):
    """One field of a record."""

    legacy: ColumnOrColumns | None = None
    """Its column in the legacy store, or a list of columns."""
    new: ColumnOrColumns | None = None
    """Its column in the new store, or a list of columns."""
    direction: Literal["to_new", "to_legacy", "both"] | None = None
    """Which way this field goes. Default: as the sync does."""
    to_new: Transforms | None = None
    """Transforms from legacy to new. Default: the value as it is, or the inverse of `to_legacy`."""
    to_legacy: Transforms | None = None
    """Transforms from new to legacy. Default: the inverse of `to_new`."""
    values: Annotated[dict[str, Plain], Field(min_length=1, max_length=_VALUES_MAX)] | None = None
    """What each legacy value becomes: `{A: active, I: inactive}`, behind `to_new`; on the way back the first that fits.
    A value that is not named is refused; NULL stays NULL."""
    lookup: Name | None = None
    """A sync whose key this is: the legacy key is replaced by the key of the same record in the new store, and back."""
    constant: Plain | None = None
    """A value that is always written, to the one side that the field names."""

    @property
    def legacy_columns(self) -> tuple[str, ...]:
        """Its columns in the legacy store, in order."""
        return _columns(self.legacy)

    @property
    def new_columns(self) -> tuple[str, ...]:
        """Its columns in the new store, in order."""
        return _columns(self.new)

    @property
    def is_constant(self) -> bool:
        """Whether the field has no source: a constant, null included, is written."""
        return "constant" in self.model_fields_set

    @model_validator(mode="wrap")
    @classmethod
    def _together(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return gather(data, handler, _field_clashes(data))


def _columns(given: str | list[str] | None) -> tuple[str, ...]:
    return () if given is None else (given,) if isinstance(given, str) else tuple(given)


def _field_clashes(data: Any) -> Iterator[Clash]:
    if not isinstance(data, dict):
        return
    sides = [side for side in ("legacy", "new") if data.get(side) is not None]
    if not sides:
        yield Clash((), fault("names no column", hint="add legacy: COLUMN, new: column"), data)
    elif "constant" in data:
        yield from _constant(data, sides)
    elif len(sides) == 1:
        other = "new" if sides == ["legacy"] else "legacy"
        hint = f"add {other}: COLUMN, or constant: VALUE where it has no source"
        yield Clash((sides[0],), fault(f"has no column on the {other} side", hint=hint), data[sides[0]])
    elif data.get("lookup") is None:
        yield from _several(data)
    if data.get("lookup") is not None:
        for name in ("values", "to_new", "to_legacy"):
            if data.get(name) is not None:
                error = fault("cannot stand beside lookup: the key is replaced as it is")
                yield Clash((name,), error, data[name])


def _constant(data: dict[str, Any], sides: list[str]) -> Iterator[Clash]:
    if len(sides) > 1:
        yield Clash(("constant",), fault("has a source and is constant", hint="remove legacy or new"), data["constant"])
    elif isinstance(data[sides[0]], list):
        yield Clash((sides[0],), fault("a constant is written to one column"), data[sides[0]])
    for name in ("to_new", "to_legacy", "values", "lookup"):
        if data.get(name) is not None:
            yield Clash((name,), fault("cannot stand beside constant: it has no source"), peek(data, name))


def _several(data: dict[str, Any]) -> Iterator[Clash]:
    many = [side for side in ("legacy", "new") if isinstance(data[side], list)]
    if many and data.get("to_new") is None and data.get("to_legacy") is None:
        hint = 'add to_new: join and to_legacy: split, or functions: to_new: "mapping:join_names"'
        yield Clash(
            (many[0],), fault("several columns need a transform that joins or splits them", hint=hint), data[many[0]]
        )
    if many and data.get("values") is not None:
        yield Clash(("values",), fault("needs one column on each side"), data["values"])
