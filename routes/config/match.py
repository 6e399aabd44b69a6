"""What a request must look like for a route to take it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, StringConstraints, Tag

from routes.config.part import Part
from routes.config.scalar import Switch
from routes.config.text import CookieName, HeaderName, Host, Method, Regex
from routes.faults import did_you_mean, fault
from routes.template import TemplateError, parse_template

_CONDITIONS = frozenset({"regex", "present"})
_PATH_ALLOWED = "/orders, /orders/{id}, /files/{rest...}, /static/** or {regex: …}"


def template(value: str) -> str:
    """Checks a path template."""
    try:
        parse_template(value)
    except TemplateError as error:
        hint = f"write /{value}" if value and not value.startswith("/") else None
        raise fault(f"is not a path template: {error}", allowed=_PATH_ALLOWED, hint=hint) from error
    return value


class RegexMatch(Part):
    """A regular expression that must be found in the value; `^` and `$` tie it to the ends."""

    regex: Regex
    """Regular expression of Python's `re`, searched for in the raw bytes."""


class PresentMatch(Part):
    """Whether there must be such a field at all."""

    present: Switch
    """`true`: it must be there, with any value. `false`: it must not be there."""


def _kind(value: Any) -> str | None:
    if isinstance(value, str):
        return "text"
    if isinstance(value, RegexMatch) or (isinstance(value, dict) and "present" not in value):
        return "regex"
    return "present" if isinstance(value, dict | PresentMatch) else None


def _path(value: Any) -> Any:
    if _kind(value) not in {"text", "regex"}:
        raise fault("is not a path", allowed=_PATH_ALLOWED)
    return value


def _condition(value: Any) -> Any:
    hint = None
    if isinstance(value, dict) and not (len(value) == 1 and set(value) <= _CONDITIONS):
        hint = did_you_mean(str(next(iter(value), "")), _CONDITIONS)
    elif _kind(value) is not None:
        return value
    elif isinstance(value, int | float):
        hint = "write it in quotes"
    raise fault("is not a condition", allowed='"text", {regex: …} or {present: true}', hint=hint)


#: A path template or a regex.
PathMatch = Annotated[
    Annotated[str, AfterValidator(template), Tag("text")] | Annotated[RegexMatch, Tag("regex")],
    Discriminator(_kind),
    BeforeValidator(_path),
]

#: What a header, query parameter or cookie must be.
ValueMatch = Annotated[
    Annotated[str, Tag("text")] | Annotated[RegexMatch, Tag("regex")] | Annotated[PresentMatch, Tag("present")],
    Discriminator(_kind),
    BeforeValidator(_condition),
]


class Match(Part):
    """All that is named must be so. What is left out may be anything."""

    host: Host | None = None
    """`shop.example`, or `*.shop.example` for every host below it. Case and port do not matter. Default: any."""
    path: PathMatch | None = None
    """Path template: `/orders/{id}` (`{id}` is one segment), `/files/{rest...}` or `/static/**` (everything below), or
    `{regex: "^/v\\\\d+/"}`. Compared with the raw path, nothing is decoded. Default: any."""
    methods: Annotated[list[Method], Field(min_length=1)] | None = None
    """Methods, in capitals. Default: any. `GET` does not stand for `HEAD`."""
    headers: dict[HeaderName, ValueMatch] = Field(default_factory=dict)
    """Headers by name: the exact value, `{regex: …}` or `{present: true}`."""
    query: dict[Annotated[str, StringConstraints(min_length=1)], ValueMatch] = Field(default_factory=dict)
    """Query parameters by their decoded name: the exact decoded value, `{regex: …}` or `{present: true}`."""
    cookies: dict[CookieName, ValueMatch] = Field(default_factory=dict)
    """Cookies by name: the exact value, `{regex: …}` or `{present: true}`."""
