"""The transforms that a field may name, with their arguments. What each does, with examples: docs/reference/mapping.md.

A transform is written as its name (`trim`), as a mapping of its name to arguments (`{phone: {region: US}}`), or as a
Python function (`"module:function"`); several as a list, applied from left to right.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ModelWrapValidatorHandler, WithJsonSchema, model_validator

from routes.config.part import GivenPart, Part
from routes.config.scalar import Whole
from routes.config.sync_rules import Plain
from routes.faults import Clash, did_you_mean, fault, gather

_CALL = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*\Z")
_REGION = re.compile(r"[A-Z]{2}\Z")
#: What a date format may name, with the number of digits; others depend on the machine's language or lose meaning.
DIRECTIVES = "%Y %y %m %d %j %H %I %M %S %f %p %b %B %%"
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)


def _zone(value: str) -> str:
    if value not in zoneinfo.available_timezones():
        hint = did_you_mean(value, zoneinfo.available_timezones())
        raise fault("is not a time zone", allowed="a name such as UTC, Europe/London or America/New_York", hint=hint)
    return value


def _region(value: str) -> str:
    if _REGION.match(value) is None:
        hint = f"write {value.upper()}" if _REGION.match(value.upper()) else None
        raise fault("is not a region", allowed="a country in two capitals (ISO 3166-1), such as US", hint=hint)
    return value


def _format(value: str) -> str:
    known = DIRECTIVES.split()
    named = [f"%{found[1]}" for found in _DIRECTIVE.finditer(value)]
    wrong = next((one for one in named if one not in known), None)
    if wrong is not None:
        raise fault(f"has {wrong}, which is not understood", allowed=DIRECTIVES)
    if not set(named) - {"%%"}:
        raise fault("names no part of a date", allowed=f"text with {DIRECTIVES}", hint='write "%Y-%m-%d"')
    twice = next((one for one in named if one != "%%" and named.count(one) > 1), None)
    if twice is not None:
        raise fault(f"has {twice} twice")
    return value


def _number(value: Any) -> Decimal:
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
            raise fault("must be a number")
        number = Decimal(str(value))
    except InvalidOperation as error:
        raise fault("must be a number") from error
    if not number.is_finite() or not number:
        raise fault("must be a number other than 0")
    return number


Zone = Annotated[str, AfterValidator(_zone)]
Region = Annotated[str, AfterValidator(_region)]
DateFormat = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_format)]
Number = Annotated[
    Decimal, BeforeValidator(_number), WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]})
]
_Digits = Annotated[Whole, Field(ge=0, le=30)]


class NoArguments(Part):
    """A transform without arguments."""


class TrimArguments(Part):
    """Arguments of `trim`."""

    side: Literal["both", "left", "right"] = "both"
    """Where white space is taken off."""


class LengthArguments(Part):
    """Arguments of `truncate`."""

    length: Annotated[Whole, Field(ge=1, le=1_000_000)]
    """Characters that are kept, from the start."""


class SubstringArguments(Part):
    """Arguments of `substring`."""

    start: Annotated[Whole, Field(ge=0, le=1_000_000)] = 0
    """Characters that are skipped."""
    length: Annotated[Whole, Field(ge=1, le=1_000_000)]
    """Characters that are kept."""


class PrefixArguments(Part):
    """Arguments of `prefix`."""

    text: Annotated[str, Field(min_length=1, max_length=100)]
    """What is put before the value; on the way back it is taken off, and must be there."""


class RecodeArguments(Part):
    """Arguments of `recode`."""

    stored_as: Literal["latin1", "cp1252", "cp437", "cp850", "iso8859_15"] = "latin1"
    """What the database takes the bytes for."""
    really: Literal["utf-8", "cp437", "cp850", "cp1252", "iso8859_15"] = "utf-8"
    """What the bytes are."""


class DefaultArguments(Part):
    """Arguments of `default`."""

    value: Plain
    """What stands in for NULL."""


class DateArguments(Part):
    """Arguments of `date`."""

    format: DateFormat = "%Y-%m-%d"
    """How the text is written: `%Y %y %m %d %j %b %B`. `%y` is 1969 to 2068; names of months are English."""
    zero: Literal["refuse", "to_null", "swap"] = "refuse"
    """A date of zeros, such as `00000000`: `refuse` it, take it for NULL, or `swap`: also write NULL as zeros."""


class DatetimeArguments(Part):
    """Arguments of `datetime`."""

    format: DateFormat | None = None
    """How the text is written: `%Y %y %m %d %j %H %I %M %S %f %p %b %B`. Default: the column holds a wall clock."""
    zone: Zone = "UTC"
    """Time zone of the wall clock; what comes out is the instant, in UTC."""
    fold: Literal["earlier", "later", "refuse"] = "earlier"
    """Which instant an hour that comes twice means, when clocks go back."""
    gap: Literal["shift", "refuse"] = "refuse"
    """An hour that never was, when clocks go forward: `refuse` it, or `shift` it by the hour that was left out."""
    zero: Literal["refuse", "to_null", "swap"] = "refuse"
    """A date of zeros: `refuse` it, take it for NULL, or `swap`: also write NULL as zeros."""


class EpochArguments(Part):
    """Arguments of `epoch`."""

    unit: Literal["s", "ms", "us"] = "s"
    """What is counted since 1970-01-01 00:00:00 UTC: seconds, milliseconds or microseconds."""


class PhoneArguments(Part):
    """Arguments of `phone` and `phone_national`."""

    region: Region
    """Country whose numbers are written without country code."""
    check: Literal["possible", "valid"] = "possible"
    """`possible`: the length is right. `valid`: the number is in a range that has been given out."""


class CodeArguments(Part):
    """Arguments of `country` and `currency`."""

    from_: Literal["alpha_2", "alpha_3", "numeric", "name"] = Field(default="alpha_3", alias="from")
    """What is in the legacy column. A currency has no `alpha_2`."""
    to: Literal["alpha_2", "alpha_3", "numeric", "name"] = "alpha_2"
    """What it becomes. A currency has no `alpha_2`."""


class CurrencyArguments(Part):
    """Arguments of `currency`."""

    from_: Literal["alpha_3", "numeric", "name"] = Field(default="numeric", alias="from")
    """What is in the column: the code (`USD`), its number (`840`) or its name."""
    to: Literal["alpha_3", "numeric", "name"] = "alpha_3"
    """What it becomes."""


class DecimalArguments(Part):
    """Arguments of `decimal`."""

    scale: _Digits | None = None
    """Digits behind the point when it is written back as text. Default: as many as the value has."""
    point: Literal[".", ","] = "."
    """The decimal point."""
    group: Literal["", ",", ".", " ", "'"] = ""
    """What separates thousands; taken off, and not written back."""


class IntegerArguments(Part):
    """Arguments of `integer`."""

    width: Annotated[Whole, Field(ge=1, le=40)] | None = None
    """Digits of the text, filled up with zeros when it is written back. Default: no zeros in front."""


class ScaleArguments(Part):
    """Arguments of `scale`."""

    by: Number
    """What the number is multiplied by, exactly: `0.01` makes cents into units."""


class RoundArguments(Part):
    """Arguments of `round`."""

    digits: _Digits = 2
    """Digits behind the point that are kept."""
    mode: Literal["half_up", "half_even", "down"] = "half_up"
    """`half_up` as in commerce, `half_even` as in banks, `down` cuts off."""


class BooleanArguments(Part):
    """Arguments of `boolean`."""

    yes: Plain = "Y"
    """What is true in the legacy column."""
    no: Plain = "N"
    """What is false. NULL stays NULL; anything else is refused."""

    @model_validator(mode="wrap")
    @classmethod
    def _together(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        same = isinstance(data, dict) and str(data.get("yes", "Y")) == str(data.get("no", "N"))
        clash = Clash(("no",), fault("is the same as yes"), data.get("no")) if same else None
        return gather(data, handler, iter([clash] if clash else []))


class JoinArguments(Part):
    """Arguments of `join`."""

    separator: Annotated[str, Field(min_length=1, max_length=20)] = " "
    """What stands between the values. Values that are NULL or blank are left out."""


class SplitArguments(Part):
    """Arguments of `split`."""

    separator: Annotated[str, Field(min_length=1, max_length=20)] = " "
    """What stands between the values. The last column gets all that is left; missing ones become NULL."""


def _call(value: str) -> str:
    if _CALL.match(value) is None:
        raise fault("names no Python function", allowed="module:function, such as mapping:join_names")
    return value


class PythonArguments(Part):
    """Arguments of `python`."""

    call: Annotated[str, AfterValidator(_call)]
    """`module:function`. The module is a file beside the configuration, or an installed package."""


class Transform(GivenPart):
    """One transform: exactly one of these."""

    trim: TrimArguments | None = None
    """Takes white space off the ends."""
    upper: NoArguments | None = None
    """Upper case."""
    lower: NoArguments | None = None
    """Lower case."""
    title_case: NoArguments | None = None
    """Case of names: `O'Neil`, `McDonald`, `van der Berg`."""
    email: NoArguments | None = None
    """An e-mail address as it is compared: white space off, the domain in lower case."""
    blank_is_null: NoArguments | None = None
    """Text that is empty or white space becomes NULL."""
    null_is_blank: NoArguments | None = None
    """NULL becomes empty text."""
    default: DefaultArguments | None = None
    """NULL becomes a given value."""
    truncate: LengthArguments | None = None
    """Cuts text after a number of characters."""
    substring: SubstringArguments | None = None
    """A part of the text, by position."""
    prefix: PrefixArguments | None = None
    """Puts a text before the value."""
    recode: RecodeArguments | None = None
    """Repairs text whose bytes the database takes for another encoding."""
    json_: NoArguments | None = Field(default=None, alias="json")
    """Text with JSON becomes a JSON value."""
    date: DateArguments | None = None
    """Text becomes a date."""
    datetime: DatetimeArguments | None = None
    """Text, or a wall clock, becomes an instant."""
    epoch: EpochArguments | None = None
    """A count since 1970 becomes an instant."""
    phone: PhoneArguments | None = None
    """A phone number becomes E.164: `+12025550123`."""
    phone_national: PhoneArguments | None = None
    """E.164 becomes a number as people of the region write it."""
    country: CodeArguments | None = None
    """A country becomes another of its codes (ISO 3166-1)."""
    currency: CurrencyArguments | None = None
    """A currency becomes another of its codes (ISO 4217)."""
    decimal: DecimalArguments | None = None
    """Text becomes an exact decimal number."""
    integer: IntegerArguments | None = None
    """Text becomes a whole number."""
    scale: ScaleArguments | None = None
    """Multiplies a number, exactly."""
    round: RoundArguments | None = None
    """Rounds a number."""
    boolean: BooleanArguments | None = None
    """Two values become true and false."""
    join: JoinArguments | None = None
    """Several columns become one text."""
    split: SplitArguments | None = None
    """One text becomes several columns."""
    python: PythonArguments | None = None
    """A function of your own."""

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        yield from self._given().items()

    @property
    def name(self) -> str:
        """The transform's name, as in the file."""
        return next(iter(self._given()))

    @property
    def arguments(self) -> Part:
        """Its arguments."""
        return next(iter(self._given().values()))

    def _given(self) -> dict[str, Part]:
        fields = type(self).model_fields
        values = {field.alias or name: getattr(self, name) for name, field in fields.items()}
        return {name: value for name, value in values.items() if value is not None}

    @model_validator(mode="wrap")
    @classmethod
    def _together(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return gather(_with_arguments(data), handler, _one(data))


NAMES = tuple(field.alias or name for name, field in Transform.model_fields.items())


def _with_arguments(data: Any) -> Any:
    """`{trim: null}`, which `trim:` without arguments is in YAML, stands for `{trim: {}}`."""
    if isinstance(data, dict):
        return {name: {} if arguments is None else arguments for name, arguments in data.items()}
    return data


def _one(data: Any) -> Iterator[Clash]:
    if isinstance(data, dict) and len(data) != 1:
        names = ", ".join(str(name) for name in data) or "nothing"
        error = fault(f"must name one transform, and names {names}", hint="write a list: [trim, {phone: {region: US}}]")
        yield Clash((), error, data)


def _transform(value: Any) -> Any:
    if not isinstance(value, str):
        if not isinstance(value, dict | Transform):
            raise fault("is not a transform", allowed="a name, {name: {argument: value}} or module:function")
        return value
    if ":" in value:
        return {"python": {"call": _call(value)}}
    if value not in NAMES:
        raise fault("is not a transform", allowed=", ".join(NAMES), hint=did_you_mean(value, NAMES))
    return {value: {}}


def _listed(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


#: One transform in any of its spellings.
TransformUse = Annotated[Transform, BeforeValidator(_transform, json_schema_input_type=str | Transform)]
#: One transform or a list of them, applied from left to right.
Transforms = Annotated[
    list[TransformUse],
    Field(max_length=16),
    BeforeValidator(_listed, json_schema_input_type=str | Transform | list[str | Transform]),
]
