"""One route: what it takes and who serves it."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Discriminator, Field, ModelWrapValidatorHandler, Tag, model_validator

from routes.config.canary import Canary
from routes.config.checks import route_clashes
from routes.config.match import Match
from routes.config.part import Part
from routes.config.rewrite import Rewrite
from routes.config.scalar import Switch, Whole
from routes.config.shadow import Shadow
from routes.config.text import Method, Name
from routes.faults import did_you_mean, fault, gather
from routes.units import Duration, SizeOrZero

_STATUS_MIN, _STATUS_MAX = 400, 599
_FAILURES = ("connect", "timeout", "reset")
_FAILURE_ALLOWED = "connect, timeout, reset or a status from 400 to 599"


def _failure(value: Any) -> str:
    text = str(value)
    if not isinstance(value, bool) and text.isdigit() and _STATUS_MIN <= int(text[:9]) <= _STATUS_MAX:
        return text
    if text not in _FAILURES:
        raise fault("is not a failure", allowed=_FAILURE_ALLOWED, hint=did_you_mean(text, _FAILURES))
    return text


_Failure = Annotated[
    str, BeforeValidator(_failure, json_schema_input_type=Literal["connect", "timeout", "reset"] | int)
]


FallbackMethods = Annotated[
    Annotated[Literal["safe", "all"], Tag("word")] | Annotated[list[Method], Field(min_length=1), Tag("list")],
    Discriminator(lambda value: "word" if isinstance(value, str) else "list"),
]


class Fallback(Part):
    """Asks the other arm where the one that serves fails. The client gets that answer, and it is counted."""

    to: Literal["legacy", "new"] = "legacy"
    """The arm that is asked instead."""
    on: list[_Failure] = Field(default_factory=lambda: ["connect", "timeout", "502", "503", "504"], min_length=1)
    """Failures that count: `connect`, `timeout`, `reset` (the connection broke before a response), or a status."""
    methods: FallbackMethods = "safe"
    """`safe` (GET, HEAD, OPTIONS), `all`, or a list. With other than safe methods both arms may do the work."""
    credentials: Switch = False
    """Send Cookie and Authorization to that arm too. By default they are not sent, so that a failure does not hand
    them to another service."""


RetryKind = Literal["connect", "reset"]


def _every_kind() -> list[RetryKind]:
    return ["connect", "reset"]


class Retry(Part):
    """Sends a request again to the same arm, where that cannot do the work twice."""

    attempts: Annotated[Whole, Field(ge=0, le=10)] = 1
    """How often at most, within the service's `retry_budget`. 0 is never."""
    on: list[RetryKind] = Field(default_factory=_every_kind)
    """`connect`: no connection was made. `reset`: a kept connection broke before the first byte of a response; only
    idempotent methods whose body can be sent again."""


class Hold(Part):
    """How many requests may wait while a cutover holds the route, per worker. No route is held in this release."""

    requests_max: Annotated[Whole, Field(ge=0, le=1_000_000)] = 1000
    """Requests that may wait. More are answered with 503."""
    bytes_max: SizeOrZero = 16 * 1024 * 1024
    """Size of their bodies together. More are answered with 503."""
    timeout: Duration = 5.0
    """How long each may wait. Longer is answered with 503."""


class Route(Part):
    """A match rule with its mode. The first route that matches, in the order of the file, decides."""

    name: Name
    """Its name in logs, metrics and commands; unique."""
    match: Match = Field(default_factory=Match)
    """What a request must look like. Default: any request."""
    legacy: Name | None = None
    """The service that is its legacy arm."""
    new: Name | None = None
    """The service that is its new arm."""
    mode: Literal["legacy", "shadow", "canary", "new"] = "legacy"
    """`legacy`: legacy serves. `shadow`: legacy serves, new gets a copy, and both answers are compared. `canary`: new
    serves a share of the clients. `new`: new serves."""
    canary: Canary | None = None
    """Who is served from new in mode canary. May stay in the file in other modes."""
    shadow: Shadow | None = None
    """What is mirrored and how answers are compared, in mode shadow. May stand beside canary and new: then legacy gets
    a copy of what new serves. May stay in the file in mode legacy. Default in mode shadow: `{}`."""
    paths: Literal["strict", "raw"] = "strict"
    """`strict` answers 400 to paths that servers read differently (`%2f`, `..`, `//`, backslashes). `raw` lets them
    through as they came: a service that decodes them can then be asked for what another route was meant to guard."""
    rewrite: Rewrite = Field(default_factory=Rewrite)
    """What is changed on the way to each arm and back."""
    fallback: Fallback | None = None
    """Ask the other arm where one fails. Default: the client gets the failure."""
    retry: Retry = Field(default_factory=Retry)
    """Sending again what surely was not done."""
    hold: Hold = Field(default_factory=Hold)
    """Bounds on requests that wait while a cutover holds the route. Checked, but without effect in this release, which
    has no cutover."""

    @model_validator(mode="wrap")
    @classmethod
    def _together(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return gather(data, handler, route_clashes(data))
