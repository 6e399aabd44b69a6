"""The whole configuration."""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ModelWrapValidatorHandler, model_validator

from routes.config.checks import config_clashes
from routes.config.control import Control, Shutdown, State
from routes.config.limits import Limits
from routes.config.listen import Listen
from routes.config.log import Log
from routes.config.part import Part
from routes.config.route import Route
from routes.config.service import Service
from routes.config.sync import Sync
from routes.config.text import Name
from routes.faults import did_you_mean, fault, gather

_NETWORK_ALLOWED = "a network or address, such as 10.0.0.0/8, 192.168.1.7 or fd00::/8"
_WORKERS_MAX = 1024


def _network(value: Any) -> IPv4Network | IPv6Network:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    text = value.strip() if isinstance(value, str) else ""
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        try:
            hint = f"write {ipaddress.ip_network(text, strict=False)}"
        except ValueError:
            raise fault("is not a network", allowed=_NETWORK_ALLOWED) from error
        raise fault("has bits set behind its mask", allowed=_NETWORK_ALLOWED, hint=hint) from error


def _workers(value: Any) -> int | str:
    allowed = f"auto or a number from 1 to {_WORKERS_MAX}"
    text = str(value)
    if text == "auto" and isinstance(value, str):
        return value
    if isinstance(value, bool) or not (text.isascii() and text.isdigit()):
        hint = did_you_mean(text, ["auto"]) if isinstance(value, str) else None
        raise fault("must be auto or a number", allowed=allowed, hint=hint)
    if not 1 <= int(text[:9]) <= _WORKERS_MAX:
        raise fault(f"must be from 1 to {_WORKERS_MAX}", allowed=allowed)
    return int(text)


_Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network, json_schema_input_type=str)]


class Config(Part):
    """Configuration of strangler, an async reverse proxy for replacing a legacy system piece by piece."""

    listen: list[Listen] = Field(min_length=1)
    """Addresses that clients connect to, at least one."""
    workers: Annotated[int | Literal["auto"], BeforeValidator(_workers)] = "auto"
    """Worker processes that serve clients. `auto` is one per core."""
    trusted_proxies: list[_Network] = Field(default_factory=list)
    """Networks of proxies before this one. Their X-Forwarded-* and Forwarded headers are believed and extended; those
    of anybody else are replaced. Default: nobody is trusted."""
    limits: Limits = Field(default_factory=Limits)
    """Bounds on clients."""
    log: Log = Field(default_factory=Log)
    """Logging."""
    control: Control = Field(default_factory=Control)
    """The control API."""
    state: State = Field(default_factory=dict, validate_default=True)
    """State that outlives a restart."""
    shutdown: Shutdown = Field(default_factory=Shutdown)
    """How the proxy stops."""
    services: dict[Name, Service] = Field(min_length=1)
    """The upstreams by name, at least one."""
    routes: list[Route] = Field(min_length=1)
    """The routes. The first that matches decides; a request that none matches is answered with 404."""
    syncs: list[Sync] = Field(default_factory=list, max_length=1000)
    """Record types that are kept in step between the legacy stores and the new ones."""

    @model_validator(mode="wrap")
    @classmethod
    def _together(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return gather(data, handler, config_clashes(data))
