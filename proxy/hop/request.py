"""A client's request: its line, read here, and its block of fields (`proxy.hop.block`).

Heads are taken one at a time and complete, so that no parser ever sees bytes of a body or of a pipelined request.
"""

from __future__ import annotations

import re
from typing import Final

from proxy.hop import errors
from proxy.hop.block import Block, normal_host, parse_block
from proxy.hop.errors import RequestRefused
from routes.head import Head

#: Methods are case-sensitive and all known ones are in upper case; nginx takes the same letters and no others.
_TOKEN: Final = rb"[A-Z][A-Z_-]{0,31}"
#: method, target, path, query, minor version of a request line in origin-form (RFC 9112 section 3.2.1).
ORIGIN_LINE: Final = re.compile(
    rb"(" + _TOKEN + rb") ((/[\x21\x22\x24-\x3e\x40-\x7e]*)(?:\?([\x21\x22\x24-\x7e]*))?) HTTP/1\.([01])"
)
_ANY_LINE: Final = re.compile(rb"(" + _TOKEN + rb") ([\x21-\x7e]+) HTTP/([0-9])\.([0-9])")
_ABSOLUTE: Final = re.compile(
    rb"[Hh][Tt][Tt][Pp][Ss]?://([^/?#@]*)(/[\x21\x22\x24-\x3e\x40-\x7e]*)?(?:\?([\x21\x22\x24-\x7e]*))?"
)
_WITH_BODY: Final = frozenset({b"POST", b"PUT", b"PATCH"})
_REFUSED_METHODS: Final = frozenset({b"TRACE", b"CONNECT"})

#: What a request line says: method, target without an authority, path, query, authority of an absolute-form or None,
#: whether the version is 1.0.
Line = tuple[bytes, bytes, bytes, bytes | None, bytes | None, bool]


class Request(Head):
    """What a client asks for: the head as routing sees it, and what the hop needs beside it.

    Attributes:
        target: origin-form or `*`, raw; of an absolute-form target the part from its path on.
        block: what its fields say.
        sent_authority: what goes into Host: its value, or the authority of an absolute-form target.
        absolute: the target had an authority, which replaces Host.
    """

    __slots__ = ("absolute", "block", "sent_authority", "target")

    def __init__(self, method: bytes, target: bytes, path: bytes, query: bytes | None, block: Block) -> None:
        self.method = method
        self.target = target
        self.path = path
        self.query = query
        self.block = block
        self.fields = block.fields
        self.host = block.host
        self.sent_authority = self.authority = block.authority
        self.absolute = False
        self._cookies = None

    def name_host(self, authority: bytes) -> None:
        """Take the authority of an absolute-form target for Host (RFC 9112 section 3.2.2).

        Raises:
            RequestRefused: it is not a host and port.
        """
        self.host = normal_host(authority)
        self.sent_authority = self.authority = authority
        self.absolute = True


def parse_line(line: bytes, target_bytes_max: int) -> Line:
    """Read a request line that is not the common `METHOD /path HTTP/1.x`, or say what is wrong with it.

    Raises:
        RequestRefused: with the status that RFC 9112 or RFC 9110 asks for.
    """
    match = _ANY_LINE.fullmatch(line)
    if match is None:
        raise RequestRefused(errors.BAD_REQUEST, "the request line is not 'METHOD TARGET VERSION'")
    method, target, major, minor = match.groups()
    if major != b"1" or minor not in {b"0", b"1"}:
        raise RequestRefused(errors.VERSION_UNKNOWN, "only HTTP/1.1 and HTTP/1.0 are spoken here")
    if len(target) > target_bytes_max:
        raise RequestRefused(errors.TARGET_TOO_LONG, f"the target has more than {target_bytes_max} bytes")
    http_1_0 = minor == b"0"
    if method in _REFUSED_METHODS:
        raise RequestRefused(errors.METHOD_REFUSED, f"{method.decode('ascii')} is not passed on")
    if target == b"*" and method == b"OPTIONS":
        return method, target, target, None, None, http_1_0
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise RequestRefused(errors.BAD_REQUEST, "the target is neither a path nor an http URL")
    authority, path, query = absolute[1], absolute[2] or b"/", absolute[3]
    sent = path if query is None else b"%b?%b" % (path, query)
    return method, sent, path, query, authority, http_1_0


def parse_request(head: bytes, *, fields_max: int, target_bytes_max: int, last: Block | None = None) -> Request:
    """Read one request head.

    Args:
        head: from the request line to the empty line, inclusive.
        fields_max: most field lines.
        target_bytes_max: longest request target.
        last: the block of an earlier request, used again where the bytes are the same.

    Raises:
        RequestRefused: with the status that RFC 9112 or RFC 9110 asks for.
    """
    line_end = head.find(b"\r\n")
    match = ORIGIN_LINE.fullmatch(head, 0, line_end)
    authority = None
    if match is not None:
        method, target, path, query, minor = match.groups()
        http_1_0 = minor == b"0"
        if len(target) > target_bytes_max:
            raise RequestRefused(errors.TARGET_TOO_LONG, f"the target has more than {target_bytes_max} bytes")
    else:
        method, target, path, query, authority, http_1_0 = parse_line(head[:line_end], target_bytes_max)
    raw = head[line_end + 2 : -2]
    block = last
    if block is None or block.raw != raw or block.http_1_0 is not http_1_0:
        block = parse_block(raw, http_1_0=http_1_0, fields_max=fields_max)
    request = Request(method, target, path, query, block)
    if authority is not None:
        request.name_host(authority)
    if method in _REFUSED_METHODS:
        raise RequestRefused(errors.METHOD_REFUSED, f"{method.decode('ascii')} is not passed on")
    if http_1_0 and not block.has_length and method in _WITH_BODY:
        raise RequestRefused(errors.LENGTH_REQUIRED, "an HTTP/1.0 request with a body needs Content-Length")
    return request
