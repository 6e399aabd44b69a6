"""What a record must be like, what counts as the same record, and who wins."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ModelWrapValidatorHandler, model_validator

from routes.config.part import Part
from routes.config.scalar import Switch, Whole
from routes.config.sync_store import Column, Columns
from routes.config.text import Regex
from routes.faults import Clash, fault, gather, peek

Scalar = str | int | float | bool | None
_CHECKS = ("required", "format", "regex", "in", "min", "max", "length_min", "length_max")
_FORMATS = ("email", "phone", "date", "datetime", "uuid", "country", "currency")


def _scalar(value: Any) -> Any:
    if value is not None and not isinstance(value, str | int | float | bool | Decimal):
        raise fault("must be one value", allowed="text, a number, true, false or null")
    return value


#: One plain value.
Plain = Annotated[Any, BeforeValidator(_scalar, json_schema_input_type=Scalar)]


def _bound(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise fault("must be a number, or a date as text", allowed='0, 99.5 or "1900-01-01"')
    return value


Bound = Annotated[Any, BeforeValidator(_bound, json_schema_input_type=str | int | float)]


class SyncRule(Part):
    """What the value of one field must be. A record that breaks a rule goes to quarantine, and is not written."""

    field: Column
    """The column in the new store. Its value is checked whichever way the record goes."""
    required: Switch = False
    """Neither NULL nor blank. Without it, a value that is NULL passes every other check of the rule."""
    format: Literal["email", "phone", "date", "datetime", "uuid", "country", "currency"] | None = None
    """What the value must be: `email` (syntax), `phone` (a valid number in E.164), `date` and `datetime` (ISO 8601 text
    or a value of that type), `uuid`, `country` (ISO 3166-1 alpha-2), `currency` (ISO 4217)."""
    regex: Regex | None = None
    """Regular expression of Python's `re` that the whole text must match."""
    in_: Annotated[list[Plain], Field(min_length=1)] | None = Field(default=None, alias="in")
    """The values that are allowed."""
    min: Bound | None = None
    """Least value: a number, or a date in ISO 8601."""
    max: Bound | None = None
    """Greatest value, inclusive."""
    length_min: Annotated[Whole, Field(ge=0)] | None = None
    """Fewest characters."""
    length_max: Annotated[Whole, Field(ge=0)] | None = None
    """Most characters."""

    @model_validator(mode="wrap")
    @classmethod
    def _together(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return gather(data, handler, _rule_clashes(data))


def _rule_clashes(data: Any) -> Iterator[Clash]:
    if isinstance(data, dict) and not any(name in data for name in _CHECKS):
        yield Clash((), fault("checks nothing", allowed=", ".join(_CHECKS)), data.get("field"))
    for least, most in (("min", "max"), ("length_min", "length_max")):
        low, high = peek(data, least), peek(data, most)
        if type(low) is type(high) and low is not None and low > high:
            yield Clash((least,), fault(f"is more than {most}, so that no value can pass"), low)


def _compare(value: Any) -> None:
    if value is not None:
        raise fault(
            "fuzzy duplicates come later; duplicates are found by exact values now",
            hint="remove compare, and normalise in the fields' transforms: email, phone, trim, lower",
        )


class Duplicates(Part):
    """Records that may be the same one. They are flagged, never merged."""

    on: Columns
    """Columns in the new store: records that agree on all of them, none NULL or blank, are flagged."""
    compare: Annotated[None, BeforeValidator(_compare, json_schema_input_type=dict[str, Any] | None)] = None
    """Fuzzy comparison. Not in this release."""


class Authority(Part):
    """Who wins where both sides changed the same field of a record."""

    default: Literal["legacy", "new", "none"] = "legacy"
    """`legacy` or `new` wins; `none` keeps the record in quarantine for a person."""
    fields: dict[Column, Literal["legacy", "new", "none"]] = Field(default_factory=dict)
    """The same for single fields, by their column in the new store."""
