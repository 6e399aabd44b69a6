"""The response as the client gets it ("outbound", RFC 9110 section 3.7): its head, in bytes."""

from __future__ import annotations

from typing import Final

from proxy.hop import names
from proxy.hop.request import Request
from proxy.hop.response import UNTIL_CLOSE, Response
from routes.model import ArmModel

# How the body is written to the client.
AS_IS: Final = 0
CHUNKS: Final = 1
CLOSE: Final = 2

#: Connection cannot take these out of a response: framing is not a matter of one hop alone.
_CODING: Final = frozenset({b"transfer-encoding"})
_NEVER_GONE: Final = frozenset({b"content-length", b"transfer-encoding", b"content-type", b"set-cookie", b"location"})


def body_mode(response: Response, request: Request) -> int:
    """AS_IS where the length is known, CHUNKS for a client that knows the chunked coding, else CLOSE."""
    if response.length >= 0:
        return AS_IS
    return CLOSE if request.block.http_1_0 else CHUNKS


def plain_head(response: Response) -> bytes:
    """The head for a client that knows HTTP/1.1 and keeps its connection, where no field names a service.

    It depends on the response alone, and a response that is the same again has it already.
    """
    head = response.plain
    if head is None:
        line = response.line if not response.http_1_0 else b"HTTP/1.1" + response.line[8:]
        block = _without(response, response.dropped) if response.connection or response.dropped else response.raw
        tail = b"Transfer-Encoding: chunked\r\n" if response.length == UNTIL_CLOSE else b""
        head = response.plain = b"".join((line, b"\r\n", block, tail, b"\r\n"))
    return head


def outbound_head(
    response: Response,
    request: Request,
    arm: ArmModel,
    *,
    keep_alive: bool,
    rewrite: bool,
    set_cookie: bytes | None,
) -> bytes:
    """The bytes from the status line to the empty line.

    Args:
        response: what the service sent.
        request: what the client asked.
        arm: whose response it is.
        keep_alive: whether the client's connection stays open after it.
        rewrite: whether there are fields that may name a service, and they are mapped back.
        set_cookie: value of a Set-Cookie field to add.
    """
    mode = body_mode(response, request)
    line = response.line if not response.http_1_0 else b"HTTP/1.1" + response.line[8:]
    block = response.raw
    framing_changes = mode == CLOSE or (mode == CHUNKS and response.length == UNTIL_CLOSE)
    drop = response.dropped | _CODING if request.block.http_1_0 else response.dropped
    if rewrite:
        block = _rewritten(response, request, arm, drop)
    elif response.connection or drop:
        block = _without(response, drop)
    tail = b""
    if framing_changes and mode == CHUNKS:
        tail = b"Transfer-Encoding: chunked\r\n"
    if set_cookie is not None:
        tail += b"Set-Cookie: %b\r\n" % set_cookie
    if not keep_alive:
        tail += b"Connection: close\r\n"
    elif request.block.http_1_0:
        tail += b"Connection: keep-alive\r\n"
    return b"".join((line, b"\r\n", block, tail, b"\r\n"))


def upgrade_head(response: Response) -> bytes:
    """The head of a 101 with the connection fields that make it one."""
    block = _without(response, response.dropped | _CODING)
    upgrade = response.upgrade or b""
    return b"".join((response.line, b"\r\n", block, b"Connection: Upgrade\r\nUpgrade: ", upgrade, b"\r\n\r\n"))


def interim_head(response: Response) -> bytes:
    """The head of a 1xx response, without the fields that end here."""
    block = _without(response, response.dropped | _CODING)
    return b"".join((b"HTTP/1.1", response.line[8:], b"\r\n", block, b"\r\n"))


def _without(response: Response, drop: frozenset[bytes]) -> bytes:
    """The raw block less the fields of the service's connection; cut out where it can be, written anew otherwise."""
    if len(response.connection) == 1 and not drop:
        _, value, name = response.connection[0]
        if name.lower() != b"connection" or value in {b"keep-alive", b"close"}:
            line = b"%b: %b\r\n" % (name, value)
            at = response.raw.find(line)
            if at == 0 or (at > 0 and response.raw[at - 1] == 10):  # noqa: PLR2004 - LF: a line's beginning
                return response.raw[:at] + response.raw[at + len(line) :]
    gone = _gone(response, drop)
    return b"".join([b"%b: %b\r\n" % (name, value) for lower, value, name in response.fields if lower not in gone])


def _gone(response: Response, drop: frozenset[bytes]) -> set[bytes]:
    """Names of the fields that end here: those of the connection and those that Connection names."""
    gone = {lower for lower, _, _ in response.connection}
    for lower, value, _ in response.connection:
        if lower == b"connection":
            gone.update(option.strip(b" \t") for option in value.lower().split(b","))
    return (gone - _NEVER_GONE) | drop


def _rewritten(response: Response, request: Request, arm: ArmModel, drop: frozenset[bytes]) -> bytes:
    """The block with the fields that may name a service as the client must see them."""
    gone = _gone(response, drop)
    out = []
    for lower, value, name in response.fields:
        if lower in gone:
            continue
        mapped = (
            arm.map_response(lower, value, request) if names.RESPONSE.get(lower) == names.RESPONSE_MAPPED else value
        )
        out.append(b"%b: %b\r\n" % (name, mapped))
    return b"".join(out)
