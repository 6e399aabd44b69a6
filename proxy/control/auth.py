"""Who may ask the control API what."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from routes.config import Config, Token
from routes.errors import Problem

#: What each role includes.
RANKS: Final = {"viewer": 1, "operator": 2, "admin": 3}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the name of the token, or `local` where none is configured, and the role."""

    name: str
    role: str

    def may(self, role: str) -> bool:
        """Whether the caller has that role or a higher one."""
        return RANKS[self.role] >= RANKS[role]


#: Without tokens the API is reachable from this machine only, and its users are trusted.
LOCAL: Final = Caller("local", "admin")


class Keyring:
    """The configured tokens, as hashes."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._hashes = [(_hash(token.token), Caller(token.name, token.role)) for token in tokens]

    @property
    def empty(self) -> bool:
        """Whether no token is configured."""
        return not self._hashes

    def identify(self, authorization: str | None) -> Caller | None:
        """Who sends this Authorization value; None where it is no known token.

        Every token is compared, in constant time, so that the answer's time tells nothing.
        """
        if self.empty:
            return LOCAL
        scheme, _, secret = (authorization or "").partition(" ")
        given = _hash(secret.strip())
        found: Caller | None = None
        for known, caller in self._hashes:
            if hmac.compare_digest(given, known):
                found = caller
        return found if scheme.lower() == "bearer" else None


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_local_authority(authority: str) -> bool:
    """Whether a Host value names this machine, with any port.

    A page of another site whose name was made to point to 127.0.0.1 (DNS rebinding) still sends its own name.
    """
    if authority.startswith("["):
        return is_loopback(authority[1:].partition("]")[0])
    return is_loopback(authority.partition(":")[0].lower())


def find_exposure(config: Config) -> Problem | None:
    """What is wrong with a control address that others can reach without a token."""
    if is_loopback(config.control.host) or config.control.tokens:
        return None
    return Problem(
        "the control API would be open to everybody on the network: it has no tokens",
        path=("control", "address"),
        given=config.control.address,
        allowed="a loopback address such as 127.0.0.1:9090, or any address with control.tokens",
        hint='add tokens: [{name: ops, role: admin, token: "${STRANGLER_TOKEN}"}]',
    )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
