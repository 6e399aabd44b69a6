"""A service's response head: from one complete block of bytes to a `Response`, or a refusal."""

from __future__ import annotations

import re
from typing import Final

import httptools

from proxy.hop import names
from proxy.hop.block import CHUNKED
from proxy.hop.errors import ResponseRefused
from routes.head import Field

#: `Response.length` of a body that ends with its connection.
UNTIL_CLOSE: Final = -2
#: Most field lines in a response head.
FIELDS_MAX: Final = 256

_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] [1-9][0-9]{2}(?: [\t\x20-\x7e\x80-\xff]*)?")


_NOTHING: Final[frozenset[bytes]] = frozenset()
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})


class Response:
    """What a service answers: its head. Not changed once it is made, so that the next one with the same bytes is it.

    Attributes:
        status: 100 to 999.
        http_1_0: the service speaks HTTP/1.0.
        line: the status line without its CRLF.
        fields: (lower name, value, name) in order.
        raw: the block of field lines as received, each with its CRLF.
        length: bytes of the body, `CHUNKED` or `UNTIL_CLOSE`.
        reusable: the connection may carry another request after this response.
        connection: the raw values of Connection and of the other fields that end here.
        mapped: there is a field that may name a service.
        upgrade: the Upgrade value, or None.
        dropped: names of further fields that must not go on: framing of a response that cannot have a body.
        plain: `proxy.hop.outbound.plain_head` of it, once it was asked for.
        fields_json: its fields for a comparer (`proxy.mirroring.message`), once they were asked for.
        stream: whether its body may go on for ever, once that was asked.
    """

    __slots__ = (
        *(
            "connection",
            "dropped",
            "fields",
            "fields_json",
            "http_1_0",
            "length",
            "line",
            "mapped",
            "plain",
            "raw",
            "reusable",
            "status",
            "stream",
        ),
        "upgrade",
    )

    line: bytes
    raw: bytes
    status: int
    http_1_0: bool
    length: int
    reusable: bool

    def __init__(self) -> None:
        self.fields: list[Field] = []
        self.connection: list[Field] = []
        self.mapped = False
        self.upgrade: bytes | None = None
        self.plain: bytes | None = None
        self.fields_json: bytes | None = None
        self.stream: bool | None = None
        self.dropped = _NOTHING

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field line, from httptools."""
        self.fields.append((name.lower(), value, name))


def parse_response(head: bytes, method: bytes) -> Response:
    """Read one response head.

    Args:
        head: from the status line to the empty line, inclusive.
        method: of the request it answers: a response to HEAD has no body whatever its fields say.

    Raises:
        ResponseRefused: the head is not valid, or its body's end cannot be told for sure.
    """
    response = Response()
    line_end = head.find(b"\r\n")
    try:
        httptools.HttpResponseParser(response).feed_data(head)
    except httptools.HttpParserUpgrade:
        pass
    except httptools.HttpParserError as error:
        raise ResponseRefused(str(error)) from None
    line = head[:line_end]
    if _STATUS_LINE.fullmatch(line) is None:
        raise ResponseRefused("the status line is not valid")
    if len(response.fields) > FIELDS_MAX:
        raise ResponseRefused(f"there are more than {FIELDS_MAX} header fields")
    response.line = line
    response.status = int(line[9:12])
    response.http_1_0 = line[7] == 48  # noqa: PLR2004 - "0"
    response.raw = head[line_end + 2 : -2]
    _read_framing(response, method)
    return response


def _read_framing(response: Response, method: bytes) -> None:
    """RFC 9112 section 6.3, with every ambiguity refused."""
    length = UNTIL_CLOSE
    lengths = codings = 0
    response.reusable = not response.http_1_0
    for field in response.fields:
        code = names.RESPONSE.get(field[0])
        if code is None:
            continue
        if code == names.RESPONSE_CONTENT_LENGTH:
            lengths += 1
            length = _read_length(field[1])
        elif code == names.RESPONSE_MAPPED:
            response.mapped = True
        elif code == names.RESPONSE_TRANSFER_ENCODING:
            codings += 1
            if field[1].strip(b" \t").lower() != b"chunked":
                raise ResponseRefused("the transfer coding is not exactly 'chunked'")
        elif code == names.RESPONSE_UPGRADE:
            response.upgrade = field[1]
            response.connection.append(field)
        else:
            response.connection.append(field)
            if code == names.RESPONSE_CONNECTION:
                _read_connection(response, field[1])
    if codings:
        if lengths or codings > 1 or response.http_1_0:
            raise ResponseRefused("the response has more than one framing")
        length = CHUNKED
    elif lengths > 1:
        raise ResponseRefused("Content-Length is there more than once")
    status = response.status
    if method == b"HEAD" or status == 304 or status == 204 or status < 200:  # noqa: PLR1714, PLR2004
        length = 0
    elif length == UNTIL_CLOSE:
        response.reusable = False
    if (codings or lengths) and (status == 204 or status < 200):  # noqa: PLR2004 - RFC 9112 sections 6.1 and 6.2
        response.dropped = _FRAMING
    response.length = length


def _read_length(value: bytes) -> int:
    value = value.strip(b" \t")
    if not value.isdigit() or len(value) > 18:  # noqa: PLR2004 - below 2^60
        raise ResponseRefused("Content-Length is not one decimal number")
    return int(value)


def _read_connection(response: Response, value: bytes) -> None:
    if value == b"keep-alive" and not response.http_1_0:
        return  # by far the most common, and it says nothing new
    options = {option.strip(b" \t") for option in value.lower().split(b",")}
    if b"close" in options:
        response.reusable = False
    elif b"keep-alive" in options and response.http_1_0:
        response.reusable = True
