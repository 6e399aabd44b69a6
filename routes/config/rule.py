"""One rule of a comparison: a path, one kind of leniency, and who answers for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    ModelWrapValidatorHandler,
    StringConstraints,
    Tag,
    model_validator,
)

from routes.config.part import Part
from routes.config.scalar import Number
from routes.config.text import LinearRegex
from routes.faults import Clash, did_you_mean, fault, gather, peek
from routes.shadowing import RULE_KINDS
from routes.units import Duration

_PATH_ALLOWED = (
    "/items/*/price (each * is one array index or key), @status, @latency, @body, @header/NAME or "
    "@cookie/NAME/ATTRIBUTE"
)
_BAD_ESCAPE = re.compile(r"~(?![01])")
_SPECIAL = re.compile(r"@(status|latency|body|header/[!#$%&'*+.^_`|~0-9a-z-]+|cookie/[^/\s]+(/[a-z-]+)?)\Z")
_FUNCTION = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*\Z", re.ASCII)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_DAY_ALLOWED = "a day, such as 2027-01-31; the rule applies up to its end, in UTC"
_PATH_CHARACTERS_MAX = 500


def rule_path(value: str) -> str:
    """Checks the path of a rule."""
    if len(value) > _PATH_CHARACTERS_MAX:
        raise fault("is too long", allowed=f"at most {_PATH_CHARACTERS_MAX} characters")
    if value.startswith("@"):
        if _SPECIAL.match(value) is None:
            lower = value.lower()
            hint = f"write {lower}" if _SPECIAL.match(lower) else did_you_mean(value, ["@status", "@latency", "@body"])
            raise fault("is not a path", allowed=_PATH_ALLOWED, hint=hint)
        return value
    if value and not value.startswith("/"):
        raise fault("is not a path", allowed=_PATH_ALLOWED, hint=_as_path(value))
    for segment in value.split("/"):
        if "*" in segment and segment != "*":
            raise fault(
                "a * stands for a whole index or key, never for a part of one",
                allowed=_PATH_ALLOWED,
                hint="a rule is for exact paths: write one for each, or take * for the whole segment",
            )
    if _BAD_ESCAPE.search(value):
        raise fault("~ is written ~0, and / in a key is ~1 (RFC 6901)", hint="write " + _BAD_ESCAPE.sub("~0", value))
    return value


def _as_path(value: str) -> str:
    """A JSONPath or dotted path as it is written here."""
    parts = [part for part in re.split(r"[.\[\]/]+", value.removeprefix("$").replace("'", "")) if part]
    return "write /" + "/".join(parts)


def _function(value: str) -> str:
    if _FUNCTION.match(value) is None:
        raise fault("is not a function", allowed="module:function, such as shop.rules:normalise")
    return value


def _map(value: Any) -> Any:
    if not isinstance(value, str | dict) or value == {}:
        raise fault("is not a mapping", allowed="values of legacy with what new has for them, or module:function")
    return value


def _day(value: Any) -> date:
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str) and _DAY.match(value):
            return date.fromisoformat(value)
    except ValueError as error:
        raise fault("there is no such day", allowed=_DAY_ALLOWED) from error
    raise fault("is not a day", allowed=_DAY_ALLOWED)


def _true(value: Any) -> bool:
    if value is True or value == "true":
        return True
    raise fault("must be true", hint="leave it out to turn it off" if value in {False, "false"} else None)


Yes = Annotated[Literal[True], BeforeValidator(_true)]
FunctionName = Annotated[str, AfterValidator(_function)]
RulePath = Annotated[str, AfterValidator(rule_path)]
Text = Annotated[str, StringConstraints(max_length=1000)]
Plain = str | int | float | bool | None


class Tolerance(Part):
    """How far two numbers may be apart; one of the two is enough where both are given."""

    absolute: Annotated[Number, Field(gt=0)] | None = None
    """Difference of the two values."""
    relative: Annotated[Number, Field(gt=0, le=1)] | None = None
    """Difference as a fraction of legacy's value: `0.001` is a thousandth."""

    @model_validator(mode="wrap")
    @classmethod
    def _together(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return gather(data, handler, _empty_tolerance(data))


def _empty_tolerance(data: Any) -> Iterator[Clash]:
    if isinstance(data, dict) and not data:
        yield Clash((), fault("needs absolute or relative", hint="write {absolute: 0.01}"), data)


class Rule(Part):
    """What two answers may differ in at one path. A rule has exactly one kind; the first that fits decides."""

    path: RulePath
    """Exact path in the decoded body, as in RFC 6901: `/items/*/price`, where `*` is one array index or key; never a
    prefix; `""` is the whole document. Beside the body: `@status`, `@latency`, `@body`, `@header/NAME` in lower case,
    `@cookie/NAME/ATTRIBUTE`."""
    ignore: Yes | None = None
    """`true`: whatever differs here does not count. The last resort: everything else still asserts something."""
    tolerance: Tolerance | None = None
    """Numbers may be so far apart."""
    time_tolerance: Duration | None = None
    """Points in time may be so far apart, whatever their time zone and precision."""
    unordered: Yes | None = None
    """`true`: the order of this array does not count."""
    key: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    """Members of this array are the same where they have the same value under this name."""
    null_is_absent: Yes | None = None
    """`true`: null and no such key are the same."""
    case_insensitive: Yes | None = None
    """`true`: letters may differ in case."""
    pattern: LinearRegex | None = None
    """Both values must match this regular expression as a whole; then they may differ. One without look-around and
    back-references: no text takes long."""
    same_kind: Yes | None = None
    """`true`: only presence, type and format count (a UUID stays a UUID, a time a time)."""
    map: (
        Annotated[
            Annotated[FunctionName, Tag("text")] | Annotated[dict[str, Plain], Field(min_length=1), Tag("mapping")],
            Discriminator(lambda value: "text" if isinstance(value, str) else "mapping"),
            BeforeValidator(_map),
        ]
        | None
    ) = None
    """What new has where legacy has another value: `{open: OPEN, done: CLOSED}`, or `module:function` that is given
    legacy's value."""
    bijection: Yes | None = None
    """`true`: values may differ, but one of legacy always goes with the same one of new and the other way round, over
    all requests. It finds wrong objects that ignoring an id would hide."""
    call: FunctionName | None = None
    """`module:function` that is given both values and says whether they are alike. It runs in the comparer."""
    reason: Text = ""
    """Why; stands in the report."""
    owner: Text = ""
    """Who answers for it; stands in the report."""
    expires: Annotated[date, BeforeValidator(_day, json_schema_input_type=str)] | None = None
    """Last day on which it applies, such as `2027-01-31`, in UTC. Default: it never ends."""

    @model_validator(mode="wrap")
    @classmethod
    def _together(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return gather(data, handler, _kind_clashes(data))

    @property
    def kind(self) -> str:
        """The one kind that it has."""
        return next(kind for kind in RULE_KINDS if getattr(self, kind) is not None)


def _kind_clashes(data: Any) -> Iterator[Clash]:
    kinds = [kind for kind in RULE_KINDS if peek(data, kind) is not None]
    allowed = "one of " + ", ".join(RULE_KINDS)
    if not isinstance(data, dict) or len(kinds) == 1:
        return
    if kinds:
        error = fault(f"has {' and '.join(kinds)}: a rule is of one kind", allowed=allowed, hint="write two rules")
        yield Clash((kinds[1],), error, data[kinds[1]])
    elif not any(did_you_mean(str(key), RULE_KINDS) for key in data if key not in Rule.model_fields):
        yield Clash((), fault("does not say what may differ", allowed=allowed, hint="add ignore: true"), data)
