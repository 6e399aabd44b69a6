"""What is changed in a request before it is sent to an arm."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, ModelWrapValidatorHandler, StringConstraints, model_validator

from routes.config.match import template
from routes.config.part import Part
from routes.config.scalar import Switch
from routes.config.text import HeaderName, HeaderValue
from routes.errors import ConfigPath
from routes.faults import Clash, fault, gather, peek

# What frames a message or belongs to one connection is the proxy's: setting it would let requests be smuggled.
_NOT_SETTABLE = frozenset(
    {"connection", "content-length", "host", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding"}
    | {"upgrade"}
)


class HeaderRewrite(Part):
    """Request headers that are set or removed."""

    set: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    """Headers and their values. Each replaces every header of that name that the client sent."""
    remove: list[HeaderName] = Field(default_factory=list)
    """Headers that are not sent on."""

    @model_validator(mode="wrap")
    @classmethod
    def _together(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return gather(data, handler, _header_clashes(data))


def _header_clashes(data: Any) -> Iterator[Clash]:
    to_set, to_remove = peek(data, "set"), peek(data, "remove")
    names = [name for name in to_set if isinstance(name, str)] if isinstance(to_set, dict) else []
    for index, name in enumerate(names):
        if name.lower() in {earlier.lower() for earlier in names[:index]}:
            yield Clash(("set", name), fault("is set twice: case does not matter in header names"), to_set[name])
    removed: list[tuple[ConfigPath, Any]] = [
        (("remove", at), name) for at, name in enumerate(to_remove if isinstance(to_remove, list) else [])
    ]
    named: list[tuple[ConfigPath, Any]] = [(("set", name), name) for name in names]
    for path, name in [*named, *removed]:
        if isinstance(name, str) and name.lower() in _NOT_SETTABLE:
            hint = "the Host of a service is set by its host_header" if name.lower() == "host" else None
            error = fault(f"{name} is the proxy's own: it frames the message or belongs to one connection", hint=hint)
            yield Clash(path, error, name)
    for path, name in removed:
        if isinstance(name, str) and name.lower() in {known.lower() for known in names}:
            error = fault("is set and removed", hint="set replaces what the client sent: take it out here")
            yield Clash(path, error, name)


_QueryName = Annotated[str, StringConstraints(min_length=1)]


class QueryRewrite(Part):
    """Query parameters that are set or removed."""

    set: dict[_QueryName, str] = Field(default_factory=dict)
    """Parameters and their values, not encoded. Each replaces every parameter of that name, at the end of the query."""
    remove: list[_QueryName] = Field(default_factory=list)
    """Parameters that are not sent on, by their decoded name."""


class ArmRewrite(Part):
    """What is changed for one arm."""

    path: Annotated[str, AfterValidator(template)] | None = None
    """Path that is sent, with the captures of `match.path`: `/v2/orders/{id}`. Default: the client's path."""
    headers: HeaderRewrite = Field(default_factory=HeaderRewrite)
    """Headers that are set or removed."""
    query: QueryRewrite = Field(default_factory=QueryRewrite)
    """Query parameters that are set or removed."""


class Rewrite(Part):
    """What is changed on the way."""

    legacy: ArmRewrite = Field(default_factory=ArmRewrite)
    """For requests that legacy serves."""
    new: ArmRewrite = Field(default_factory=ArmRewrite)
    """For requests that new serves."""
    responses: Switch = True
    """Map Location, Content-Location, Refresh, Link and the Domain and Path of Set-Cookie back to what the client sees.
    `false` passes them as the service sent them, and clients may then be sent past the proxy."""
