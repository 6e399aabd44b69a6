"""What is mirrored of a route, and how the two answers are compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ModelWrapValidatorHandler, model_validator

from routes.config.part import Part
from routes.config.rule import Rule, rule_path
from routes.config.scalar import Number, Switch, Whole
from routes.config.text import HeaderName, Name
from routes.faults import Clash, fault, gather, peek
from routes.shadowing import CompareModel
from routes.units import Duration, Rate, Share, Size

#: Longest body that may be captured: four of them are one exchange, and a frame has a bound.
BODY_BYTES_MAX = 16 * 1024 * 1024
_DEFAULTS = CompareModel()


def _body_bytes(value: int) -> int:
    if value > BODY_BYTES_MAX:
        raise fault("is too large", allowed="at most 16MiB: every captured body is held in memory")
    return value


def _redacted(value: str) -> str:
    if not value.strip() or len(value) > 500:  # noqa: PLR2004 - as paths of rules
        raise fault("is neither a name nor a path", allowed="password (anywhere), or /customer/email (one place)")
    return rule_path(value) if value.startswith(("/", "@")) else value


class Compare(Part):
    """How the two answers are compared."""

    rules: Annotated[list[Rule], Field(max_length=1000)] = Field(default_factory=list)
    """What may differ, path by path."""
    headers: list[HeaderName] = Field(default_factory=lambda: list(_DEFAULTS.headers))
    """Response headers that are compared, beside Content-Type."""
    cookies: Switch = _DEFAULTS.cookies
    """Compare Set-Cookie by name and attribute. The order does not count."""
    latency_factor: Annotated[Number, Field(ge=1)] | None = None
    """New slower than legacy by more than this factor is a difference at `@latency`. Default: latency is reported, not
    compared."""
    redact: Annotated[list[Annotated[str, AfterValidator(_redacted)]], Field(max_length=1000)] = Field(
        default_factory=list
    )
    """Values that are stored as tokens only: names (`password`, anywhere) or paths (`/customer/email`). Authorization,
    Cookie and the values of Set-Cookie always are."""
    nodes_max: Annotated[Whole, Field(ge=100, le=10_000_000)] = _DEFAULTS.nodes_max
    """Values of one document that are looked at. What lies beyond is not compared, and the report says so."""
    differences_max: Annotated[Whole, Field(ge=1, le=10_000)] = _DEFAULTS.differences_max
    """Differences of one exchange that are listed; further ones are counted."""
    decoded_bytes_max: Size = _DEFAULTS.decoded_bytes_max
    """Size of one body after its Content-Encoding was taken off. More is not compared: a small body can unpack to a
    huge one."""


class Shadow(Part):
    """Sends a copy of requests to the other arm and compares both answers, after the client was served."""

    sample: Share = 1.0
    """Share of the requests that is mirrored; a request's id decides."""
    rate_max: Rate | None = None
    """Mirrored requests per second, per worker: `50/s`. More are not mirrored, and counted. Default: no bound."""
    serve: Literal["legacy", "new"] = "legacy"
    """Whose answer the client gets in mode shadow; the other arm is mirrored."""
    unsafe_methods: Literal["never", "sandbox", "allow"] = "never"
    """Requests other than GET, HEAD and OPTIONS: `never` mirrors none; `sandbox` sends them to `sandbox_service`;
    `allow` sends them to new, which must know by their `Idempotency-Key` what it has done already. Only where legacy
    serves: legacy never gets a copy of a write."""
    sandbox_service: Name | None = None
    """The service that gets mirrored writes with `sandbox`: new's code over data that may be spoilt."""
    timeout: Duration = 10.0
    """For a whole mirrored request, from connecting to the last byte."""
    concurrency_max: Annotated[Whole, Field(ge=1, le=10_000)] = 64
    """Mirrored requests under way, per worker. More are not mirrored, and counted."""
    body_bytes_max: Annotated[Size, AfterValidator(_body_bytes)] = 1024 * 1024
    """Longest request or response body that is captured, at most 16MiB. An exchange with a longer one is counted as
    not comparable."""
    noise_sample: Share = 0.01
    """Share of the mirrored safe requests for which legacy is asked a second time, to tell noise from regressions. `0%`
    never asks it twice."""
    noise_sample_max: Share = 0.2
    """The same while the comparer finds that it would settle whether a difference is noise: until 1,000 requests of the
    route were asked twice, and at most 50 a second and worker beyond `noise_sample`. `0%` switches that off."""
    compare: Compare = Field(default_factory=Compare)
    """How the two answers are compared."""

    @model_validator(mode="wrap")
    @classmethod
    def _together(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return gather(data, handler, _sandbox_clashes(data))


def _sandbox_clashes(data: Any) -> Iterator[Clash]:
    if peek(data, "unsafe_methods") == "sandbox" and peek(data, "sandbox_service") is None:
        error = fault("sandbox needs sandbox_service beside it", hint="add sandbox_service: NAME_OF_A_SERVICE")
        yield Clash(("unsafe_methods",), error, "sandbox")
