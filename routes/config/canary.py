"""Who is served from new while a route is in mode canary."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from routes.config.part import Part
from routes.config.text import CookieName
from routes.faults import did_you_mean, fault
from routes.units import Share

_KEY_ALLOWED = "header:NAME, cookie:NAME, jwt:CLAIM or client_ip"
_KINDS = ("header", "cookie", "jwt")


def _key(value: Any) -> str:
    if isinstance(value, dict) and len(value) == 1:
        (name, inner), *_ = value.items()
        raise fault("must be text", allowed=_KEY_ALLOWED, hint=f"write {name}:{inner}, without a space")
    if not isinstance(value, str):
        raise fault("must be text", allowed=_KEY_ALLOWED)
    if value == "client_ip":
        return value
    kind, colon, name = value.partition(":")
    if kind not in _KINDS or not colon:
        known = {"header": "header:NAME", "cookie": "cookie:NAME", "jwt": "jwt:CLAIM", "client_ip": "client_ip"}
        near = did_you_mean(kind, known)
        raise fault("is not a key", allowed=_KEY_ALLOWED, hint=near and f"did you mean {known[near[13:-1]]}?")
    if not name or name != name.strip() or not name.isprintable():
        raise fault(f"names no {kind}", allowed=_KEY_ALLOWED)
    if kind != "jwt":
        _check_name(kind, name)
    return value


def _check_name(kind: str, name: str) -> None:
    if not name.isascii() or any(character in ' "(),/:;<=>?@[\\]{}' for character in name):
        raise fault(f"{name!r} is no {kind} name", allowed=_KEY_ALLOWED)


#: Which property of a client decides.
CanaryKey = Annotated[str, BeforeValidator(_key)]


def _unique(value: list[str]) -> list[str]:
    twice = next((key for index, key in enumerate(value) if key in value[:index]), None)
    if twice is not None:
        raise fault(f"names {twice} twice")
    return value


class Canary(Part):
    """The share of clients that is served from new. A client stays where it is unless the share falls below it."""

    percent: Share = 0.0
    """Share of clients that new serves: `0%` is nobody, `100%` everybody. As it rises, clients only move to new."""
    key: Annotated[list[CanaryKey], Field(min_length=1), AfterValidator(_unique)] = Field(
        default_factory=lambda: ["client_ip"]
    )
    """What tells clients apart; the first that a request has decides. `header:NAME`, `cookie:NAME`, `jwt:CLAIM` (of a
    Bearer token; its signature is not verified, so clients can choose their arm), `client_ip`."""
    sticky_cookie: CookieName | None = None
    """Name of a cookie that the proxy sets for clients with none of the keys, so that they stay on their arm. Default:
    no cookie."""
    always_new: dict[CanaryKey, list[str]] = Field(default_factory=dict)
    """Clients that new always serves, by key: `header:X-Tenant: [acme]`."""
    always_legacy: dict[CanaryKey, list[str]] = Field(default_factory=dict)
    """Clients that legacy always serves. Wins over `always_new`."""
