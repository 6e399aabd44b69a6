"""From a request that is valid HTTP to the decision who serves it, and to the ids it is known by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from proxy.hop import errors, names
from proxy.hop.errors import RequestRefused
from proxy.hop.forwarded import kept_request_id, kept_trace_id, new_ids, read_forwarding
from routes.template import is_plain_path

if TYPE_CHECKING:
    from proxy.hop.block import Block
    from proxy.hop.forwarded import Peer
    from proxy.hop.request import Request
    from routes.config import Limits
    from routes.model import Decision
    from routes.table import Table

#: Codes of fields that make who the client is a matter of the request, not only of the connection.
_FORWARDED: Final = frozenset(
    {names.FORWARDED_FOR, names.FORWARDED_PROTO, names.FORWARDED_HOST, names.FORWARDED_PORT, names.FORWARDED}
)
_UNSAFE_PATH: Final = "dot segments, empty segments and encoded separators are refused"


def learn(block: Block, peer: Peer, token: bytes) -> None:
    """Note on a block what its fields say of the client and of the request's identity.

    Args:
        block: new to this connection.
        peer: the connection's other end.
        token: the name by which this proxy knows itself in Via.

    Raises:
        RequestRefused: the request has been here before.
    """
    special = {code for code, _ in block.special}
    if names.VIA in special and any(token in via for via in block.values(names.VIA)):
        raise RequestRefused(errors.LOOP, "Via names this proxy")
    if peer.trusted or special & _FORWARDED or names.VIA in special:
        block.forwarding = read_forwarding(peer, block)
    if names.TRACEPARENT in special:
        block.trace_id = kept_trace_id(block)
        if block.trace_id is not None:
            kept = [(b"traceparent", value) for value in block.values(names.TRACEPARENT)]
            kept += [(b"tracestate", value) for value in block.values(names.TRACESTATE)]
            block.ids = b"".join(b"%b: %b\r\n" % field for field in kept)
    if names.REQUEST_ID in special:
        block.verbatim = False
        block.request_id = kept_request_id(block)


def check_length(block: Block, limits: Limits) -> None:
    """Refuse a body that says itself that it is too large.

    Raises:
        RequestRefused: Content-Length is above `limits.body_bytes_max`.
    """
    if limits.body_bytes_max is not None and block.length > limits.body_bytes_max:
        raise RequestRefused(errors.BODY_TOO_LARGE, f"the body has more than {limits.body_bytes_max} bytes")


def decide(request: Request, peer: Peer, table: Table) -> Decision:
    """Who serves the request.

    Raises:
        RequestRefused: nobody does, or its path could be read in two ways.
    """
    forwarding = request.block.forwarding
    if forwarding is None:
        request.scheme = peer.scheme
        request.client_ip = peer.ip
    else:
        request.scheme = forwarding.scheme
        request.client_ip = forwarding.client_ip
        if forwarding.authority:
            request.authority = forwarding.authority
            request.host = forwarding.host
    decision = table.decide(request)
    if decision is None:
        raise _no_route(request, table)
    if not decision.route.raw_paths and not is_plain_path(request.path) and request.path != b"*":
        raise RequestRefused(errors.UNSAFE_PATH, _UNSAFE_PATH)
    return decision


def identify(block: Block) -> tuple[bytes, bytes, bytes]:
    """The request's id, its trace id, and the lines that tell the service both: kept where valid, made where not."""
    trace_id = block.trace_id
    if trace_id is None:
        trace_id, parent_id = new_ids()
        lines = b"traceparent: 00-%b-%b-01\r\n" % (trace_id, parent_id)
    else:
        lines = block.ids
    request_id = block.request_id or trace_id
    return request_id, trace_id, b"X-Request-Id: %b\r\n%b" % (request_id, lines)


def _no_route(request: Request, table: Table) -> RequestRefused:
    if request.path != b"*" and not is_plain_path(request.path):
        return RequestRefused(errors.UNSAFE_PATH, _UNSAFE_PATH)
    if request.host and not table.serves_host(request.host):
        return RequestRefused(errors.MISDIRECTED, "no route is for this host")
    return RequestRefused(errors.NO_ROUTE, "no route is for this method and path")
