"""The request as it is sent on to a service ("inbound", RFC 9110 section 3.7): its head, in bytes.

Nothing is decoded or put in order. Where no field has to go or change, the client's own block of field lines is sent
as it came; otherwise it is written anew line by line, with name, case and order kept.
"""

from __future__ import annotations

from typing import Final

from proxy.hop import names
from proxy.hop.forwarded import Forwarding, Peer, forwarded_lines
from proxy.hop.request import Request
from routes.model import ArmModel, Params, ServiceModel, Url

_CREDENTIALS: Final = frozenset({b"cookie", b"authorization"})
#: Codes whose fields are written by the proxy itself, or end here.
_REPLACED: Final = frozenset(
    {
        *(names.CONNECTION, names.STRIP, names.UPGRADE, names.TE, names.FORWARDED_FOR, names.FORWARDED_PROTO),
        *(names.FORWARDED_HOST, names.FORWARDED_PORT, names.FORWARDED, names.LOOKALIKE, names.MAX_FORWARDS),
        *(names.VIA, names.TRACEPARENT, names.TRACESTATE, names.REQUEST_ID, names.MIRROR),
    }
)


def inbound_head(
    request: Request,
    arm: ArmModel,
    service: ServiceModel,
    url: Url,
    *,
    params: Params,
    peer: Peer,
    via: bytes,
    ids: bytes,
    credentials: bool = True,
) -> bytes:
    """The bytes from the request line to the empty line.

    Args:
        request: what the client sent.
        arm: whose rewriting applies.
        service: the arm's service.
        url: the endpoint that is asked.
        params: what the route's path captured.
        peer: the client connection.
        via: value of the Via field to add.
        ids: lines for the request's identity.
        credentials: False takes Cookie and Authorization out.
    """
    block = request.block
    target = arm.target(request, params) if arm.rewrites else request.target
    if url.base_path and target != b"*":
        target = url.base_path + target
    if block.forwarding is None:
        added = peer.fields(request.sent_authority, via)
    else:
        added = _forwarded_lines(peer, request, via, block.forwarding)
    if (
        block.verbatim
        and not arm.rewrites
        and service.host_header == "client"
        and credentials
        and block.authority
        and not request.absolute
    ):
        return b"".join((request.method, b" ", target, b" HTTP/1.1\r\n", block.raw, added, ids, b"\r\n"))
    parts = [request.method, b" ", target, b" HTTP/1.1\r\n"]
    parts += _fields(request, arm, _host_value(request, service, url), credentials=credentials, trusted=peer.trusted)
    parts += [added, ids, _hop_fields(request), b"\r\n"]
    return b"".join(parts)


def _forwarded_lines(peer: Peer, request: Request, via: bytes, forwarding: Forwarding) -> bytes:
    kept = b", ".join(request.block.values(names.VIA))
    return forwarded_lines(peer, request.sent_authority, b"%b, %b" % (kept, via) if kept else via, forwarding)


def _host_value(request: Request, service: ServiceModel, url: Url) -> bytes:
    if isinstance(service.host_header, bytes):
        return service.host_header
    if service.host_header == "service" or not request.sent_authority:
        return url.authority
    return request.sent_authority


def _fields(request: Request, arm: ArmModel, host: bytes, *, credentials: bool, trusted: bool) -> list[bytes]:
    """The client's fields that stay, then those the arm sets."""
    removed = request.block.strip
    if arm.rewrites:
        removed = removed | arm.headers_remove | frozenset(name.lower() for name, _ in arm.headers_set)
    if not credentials:
        removed = removed | _CREDENTIALS
    out: list[bytes] = []
    host_written = False
    for lower, value, name in request.fields:
        if lower in removed:
            continue
        code = names.REQUEST.get(lower)
        if code is None:
            if lower.startswith(names.FORWARDED_PREFIXES) and not (trusted and lower.startswith(b"x-forwarded-")):
                continue
        else:
            if code in _REPLACED or (code == names.BELIEVED and not trusted):
                continue
            if code == names.HOST:
                out.append(b"%b: %b\r\n" % (name, host))
                host_written = True
                continue
        out.append(b"%b: %b\r\n" % (name, value))
    if not host_written and b"host" not in removed:
        out.insert(0, b"Host: %b\r\n" % host)
    if arm.rewrites:
        out += [b"%b: %b\r\n" % field for field in arm.headers_set]
    return out


def _hop_fields(request: Request) -> bytes:
    """Fields of the connection to the service, RFC 9110 section 7.6.1, and what is left of Max-Forwards."""
    block = request.block
    lines = b""
    if block.max_forwards is not None:
        lines = b"Max-Forwards: %d\r\n" % (block.max_forwards - (request.method == b"OPTIONS"))
    if block.upgrade is not None:
        return lines + b"Connection: Upgrade\r\nUpgrade: %b\r\n" % block.upgrade
    if block.te_trailers:
        return lines + b"Connection: TE\r\nTE: trailers\r\n"
    return lines
