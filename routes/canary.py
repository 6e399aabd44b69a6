r"""Who is served from new while a route is in mode canary: a stable hash, so that nobody flips back and forth.

A client's key value, salted with the route's name, is hashed to a bucket from 0 to 9999, and the client is served from
new if its bucket is below the threshold, 10000 times the share. A higher share therefore only ever adds clients. Any
tool can recompute it:

    int.from_bytes(blake2b(salt + b"\0" + value, digest_size=8).digest(), "big") % 10000

Nothing here is a secret or a permission: a client that changes its own header or cookie changes its arm. Tokens are
read, not verified.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import orjson

from routes.head import Head

BUCKETS = 10_000

#: A bearer token that is longer is not looked at.
TOKEN_BYTES_MAX = 8192

#: How long a sticky cookie lives: one year. It outlives any migration step, and clearing cookies is harmless.
STICKY_MAX_AGE_S = 31_536_000

_STICKY = re.compile(rb"v1\.(0|[1-9][0-9]{0,3})").fullmatch

#: What decided: whether new serves, reason, bucket, key, Set-Cookie value to add.
Choice = tuple[bool, str, int | None, str | None, bytes | None]


@dataclass(frozen=True, slots=True)
class KeySource:
    """Where the value that identifies a client is read.

    Attributes:
        text: as configured: `header:NAME`, `cookie:NAME`, `jwt:CLAIM` or `client_ip`.
        kind: the word before the colon.
        name: what follows it; lower case for a header.
    """

    text: str
    kind: str
    name: str
    raw: bytes

    def read(self, head: Head) -> bytes | None:
        """The value, or None where it is missing or empty."""
        if self.kind == "header":
            return head.header(self.raw) or None
        if self.kind == "cookie":
            return head.cookie(self.raw) or None
        if self.kind == "jwt":
            return read_claim(head.header(b"authorization"), self.name)
        return head.client_ip.encode() or None


@dataclass(frozen=True, slots=True)
class ValueList:
    """Clients that are always served from one arm.

    Attributes:
        source: where their value is read.
        values: compared byte for byte.
        networks: for `client_ip`: addresses and CIDR blocks.
    """

    source: KeySource
    values: frozenset[bytes]
    networks: tuple[IPv4Network | IPv6Network, ...]

    def holds(self, head: Head) -> bool:
        """Whether the client is in the list."""
        if self.source.kind == "client_ip":
            return bool(self.networks) and in_networks(head.client_ip, self.networks)
        return self.source.read(head) in self.values


@dataclass(frozen=True, slots=True)
class CanaryModel:
    """Who is served from new.

    Attributes:
        threshold: buckets below it are served from new; 0 to 10000.
        salt: what is hashed in front of every value.
        keys: the first that a request has decides.
        sticky_cookie: cookie for clients with none of the keys; None sends those by their address.
        always_legacy: wins over everything, so that a client can be taken back at once.
        always_new: wins over the bucket.
    """

    threshold: int
    salt: bytes
    keys: tuple[KeySource, ...]
    sticky_cookie: bytes | None
    always_legacy: tuple[ValueList, ...]
    always_new: tuple[ValueList, ...]

    def choose(self, head: Head) -> Choice:
        """Decide for one request."""
        for listed in self.always_legacy:
            if listed.holds(head):
                return False, "always_legacy", None, listed.source.text, None
        for listed in self.always_new:
            if listed.holds(head):
                return True, "always_new", None, listed.source.text, None
        for key in self.keys:
            value = key.read(head)
            if value is not None:
                bucket = bucket_of(self.salt, value)
                return bucket < self.threshold, "percent", bucket, key.text, None
        if self.sticky_cookie is not None:
            return self._stick(self.sticky_cookie, head)
        bucket = bucket_of(self.salt, head.client_ip.encode())
        return bucket < self.threshold, "percent", bucket, "client_ip", None

    def _stick(self, cookie: bytes, head: Head) -> Choice:
        """By the sticky cookie; a client without a valid one is given one.

        The first bucket comes from address and User-Agent, not from chance: a browser's parallel first requests, all
        without the cookie, then go to one arm, and so do clients that keep no cookies.
        """
        key = "cookie:" + cookie.decode("ascii", "replace")
        found = _STICKY(head.cookie(cookie) or b"")
        if found is not None:
            bucket = int(found[1])
            return bucket < self.threshold, "sticky", bucket, key, None
        agent = head.header(b"user-agent") or b""
        bucket = bucket_of(self.salt, head.client_ip.encode() + b"\0" + agent)
        return bucket < self.threshold, "sticky", bucket, key, sticky_value(cookie, bucket, head.scheme)


def bucket_of(salt: bytes, value: bytes) -> int:
    """The bucket of a key value, 0 to 9999."""
    return int.from_bytes(blake2b(salt + b"\0" + value, digest_size=8).digest(), "big") % BUCKETS


def sticky_value(cookie: bytes, bucket: int, scheme: bytes) -> bytes:
    """The Set-Cookie value that keeps a client in its bucket. It carries the bucket, not the arm: shares may rise."""
    secure = b"; Secure" if scheme == b"https" else b""
    return b"%b=v1.%d; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%b" % (cookie, bucket, STICKY_MAX_AGE_S, secure)


def read_claim(authorization: bytes | None, claim: str) -> bytes | None:
    """A claim of a bearer token's payload as text: of a string, a number or a boolean.

    The signature is NOT verified: the value only picks an arm. Never raises, whatever a client sends.

    Args:
        authorization: value of the Authorization field.
        claim: a top-level name of the payload (RFC 7519 section 4).
    """
    if authorization is None or len(authorization) > TOKEN_BYTES_MAX or authorization[:7].lower() != b"bearer ":
        return None
    parts = authorization[7:].strip().split(b".", 3)
    if len(parts) != 3:  # noqa: PLR2004  header, payload, signature: RFC 7519 section 3
        return None
    try:
        payload = orjson.loads(a2b_base64(parts[1].replace(b"-", b"+").replace(b"_", b"/") + b"==="))
    except ValueError:
        return None
    value = payload.get(claim) if isinstance(payload, dict) else None
    if isinstance(value, str):
        return value.encode() or None
    return orjson.dumps(value) if isinstance(value, int | float) else None


def in_networks(address: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    """Whether an address is in one of the networks; an IPv4 address written as IPv6 counts as what it is."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(parsed, "ipv4_mapped", None)
    return any((mapped or parsed) in network for network in networks)


def parse_key(text: str) -> KeySource:
    """Read `header:NAME`, `cookie:NAME`, `jwt:CLAIM` or `client_ip`.

    Raises:
        ValueError: it is none of them.
    """
    kind, colon, name = text.partition(":")
    if text != "client_ip" and (kind not in {"header", "cookie", "jwt"} or not colon or not name):
        raise ValueError(f"{text!r} is not a key; write header:NAME, cookie:NAME, jwt:CLAIM or client_ip")
    name = name.lower() if kind == "header" else name
    return KeySource(text, kind, name, name.encode())


def parse_list(key: str, values: Iterable[str]) -> ValueList:
    """Read one entry of `always_new` or `always_legacy`.

    Raises:
        ValueError: the key is none, or a value of `client_ip` is neither an address nor a CIDR block.
    """
    source = parse_key(key)
    if source.kind == "client_ip":
        return ValueList(source, frozenset(), tuple(ip_network(value, strict=False) for value in values))
    return ValueList(source, frozenset(value.encode() for value in values), ())
