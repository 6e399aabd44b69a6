"""What the proxy tells a service about the client: X-Forwarded-*, Forwarded (RFC 7239), Via, ids.

Fields of a trusted peer are appended to, those of anybody else are replaced: a client cannot choose its address.
"""

from __future__ import annotations

import hashlib
import re
import socket
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from random import Random
from typing import Final

from proxy.hop import names
from proxy.hop.block import Block, normal_host

Network = IPv4Network | IPv6Network

#: version-traceid-parentid-flags, W3C Trace Context section 3.2.2; an all-zero id is not valid.
_TRACEPARENT: Final = re.compile(
    rb"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?"
)
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._~:/+=@-]{1,128}")
#: Addresses in one X-Forwarded-For that are looked at, from the right.
_HOPS_MAX: Final = 32

_random = Random()  # noqa: S311 - ids only have to be unlikely to meet, not to be secret


def loop_token(parts: Sequence[str]) -> bytes:
    """A Via pseudonym (RFC 9110 section 7.6.3) that this deployment, and hardly any other, calls itself.

    Derived, not drawn: all workers of an instance, and a worker restarted, have to recognise each other's requests.

    Args:
        parts: what tells this instance from another on the same machine, such as its listen addresses.
    """
    digest = hashlib.blake2b("\0".join((socket.gethostname(), *parts)).encode(), digest_size=6)
    return b"strangler-" + digest.hexdigest().encode()


class Peer:
    """The other end of a client connection.

    Attributes:
        ip: its address as text, IPv4-mapped IPv6 as IPv4.
        trusted: it is in `trusted_proxies`: what it says about its own client is believed.
        scheme: `b"http"` or `b"https"` on this connection.
        port: the local port that it connected to.
    """

    __slots__ = ("_made", "_made_for", "_made_via", "ip", "port", "scheme", "trusted", "trusted_networks")

    def __init__(self, ip: str, *, trusted: Sequence[Network], scheme: bytes, port: int) -> None:
        self.ip = ip
        self.trusted_networks = trusted
        self.trusted = is_trusted(ip, trusted)
        self.scheme = scheme
        self.port = port
        self._made_for: bytes | None = None
        self._made_via: bytes | None = None
        self._made = b""

    def fields(self, authority: bytes, via: bytes) -> bytes:
        """The lines for a request without forwarded fields of its own; remembered, as a client rarely changes host."""
        if authority != self._made_for or via is not self._made_via:
            self._made = forwarded_lines(self, authority, via, Forwarding(self.ip, self.scheme, authority))
            self._made_for = authority
            self._made_via = via
        return self._made


class Forwarding:
    """Who the client is, seen through trusted proxies.

    Attributes:
        client_ip: the first address from the right that is not a trusted proxy's.
        scheme: that the client used.
        authority: the host that the client asked for, `b""` where no trusted peer names another than the request does.
        host: that host in lower case without its port, `b""` where the fields do not name it.
        chain: X-Forwarded-For as received from a trusted peer, `b""` else.
        forwarded: Forwarded likewise.
        port: X-Forwarded-Port likewise, or None.
    """

    __slots__ = ("authority", "chain", "client_ip", "forwarded", "host", "port", "scheme")

    def __init__(self, client_ip: str, scheme: bytes, authority: bytes) -> None:
        self.client_ip = client_ip
        self.scheme = scheme
        self.authority = authority
        self.host = b""
        self.chain = b""
        self.forwarded = b""
        self.port: bytes | None = None


def read_forwarding(peer: Peer, block: Block) -> Forwarding:
    """What the fields say of the client where the peer is trusted, and what the socket says where it is not."""
    forwarding = Forwarding(peer.ip, peer.scheme, b"")
    if not peer.trusted:
        return forwarding
    forwarding.chain = b", ".join(block.values(names.FORWARDED_FOR))
    forwarding.forwarded = b", ".join(block.values(names.FORWARDED))
    if forwarding.chain:
        forwarding.client_ip = _client_of(peer, forwarding.chain)
    scheme = _last(block.values(names.FORWARDED_PROTO)).lower()
    if scheme in {b"http", b"https"}:
        forwarding.scheme = scheme
    host = _last(block.values(names.FORWARDED_HOST))
    if re.fullmatch(rb"[A-Za-z0-9._-]+(?::[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](?::[0-9]{1,5})?", host):
        forwarding.authority = host
        forwarding.host = normal_host(host)
    port = _last(block.values(names.FORWARDED_PORT))
    forwarding.port = port if port.isdigit() else None
    return forwarding


def forwarded_lines(peer: Peer, authority: bytes, via: bytes, forwarding: Forwarding) -> bytes:
    """All forwarded fields and Via, each line with its CRLF."""
    address = peer.ip.encode()
    chain = b"%b, %b" % (forwarding.chain, address) if forwarding.chain else address
    authority = forwarding.authority or authority
    element = b'for=%b;host="%b";proto=%b' % (_node(peer.ip), authority, forwarding.scheme)
    forwarded = b"%b, %b" % (forwarding.forwarded, element) if forwarding.forwarded else element
    port = forwarding.port or b"%d" % peer.port
    return (
        b"X-Forwarded-For: %b\r\nX-Forwarded-Proto: %b\r\nX-Forwarded-Host: %b\r\nX-Forwarded-Port: %b\r\n"
        b"Forwarded: %b\r\nVia: %b\r\n"
    ) % (chain, forwarding.scheme, authority, port, forwarded, via)


def is_trusted(ip: str, networks: Sequence[Network]) -> bool:
    """Whether the address is in one of the networks."""
    if not networks:
        return False
    try:
        address = ip_address(ip)
    except ValueError:
        return False
    return any(address.version == network.version and address in network for network in networks)


def new_ids() -> tuple[bytes, bytes]:
    """A trace id (32 hexadecimal digits) and a parent id (16)."""
    digits = b"%048x" % (_random.getrandbits(192) | 1)
    return digits[:32], digits[32:]


def kept_request_id(block: Block) -> bytes | None:
    """The client's X-Request-Id where it is short and printable, else None."""
    values = block.values(names.REQUEST_ID)
    if len(values) == 1:
        value = values[0].strip(b" \t")
        if _REQUEST_ID.fullmatch(value):
            return value
    return None


def kept_trace_id(block: Block) -> bytes | None:
    """The trace id of a valid traceparent, else None."""
    values = block.values(names.TRACEPARENT)
    if len(values) == 1:
        match = _TRACEPARENT.fullmatch(values[0].strip(b" \t"))
        if match is not None and (match[1] != b"00" or match[3] is None):
            return match[2]
    return None


def _last(values: list[bytes]) -> bytes:
    """The element that the nearest proxy added: the peer is trusted, those further away may not be."""
    return values[-1].rpartition(b",")[2].strip(b" \t") if values else b""


def _client_of(peer: Peer, chain: bytes) -> str:
    client = peer.ip
    for part in chain.rsplit(b",", _HOPS_MAX)[::-1][:_HOPS_MAX]:
        text = part.strip(b" \t").decode("latin-1")
        bare = text[1:].partition("]")[0] if text.startswith("[") else text
        if bare.count(":") == 1:
            bare = bare.partition(":")[0]
        try:
            address = ip_address(bare)
        except ValueError:
            break
        client = str(address)
        if not is_trusted(client, peer.trusted_networks):
            break
    return client


def _node(ip: str) -> bytes:
    """An address as RFC 7239 section 6 writes it: IPv6 in brackets and quotes."""
    try:
        address = ip_address(ip)
    except ValueError:
        return b"unknown"
    return b'"[%b]"' % ip.encode() if isinstance(address, IPv6Address) else ip.encode()
