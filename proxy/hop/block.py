"""The block of field lines of a request: parsed, checked, and remembered for as long as a client repeats it.

httptools (llhttp in strict mode) knows the grammar of fields; this module adds what a gateway must know beyond it:
exactly one Host, exactly one framing, no transfer coding but chunked, no fields that only look like ours.

A client that keeps its connection mostly sends the same block with every request (HPACK was invented for that), and
what a block means depends on nothing but its bytes. So a `Block` does not change once it is made, and a connection
keeps its last one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import httptools

from proxy.hop import errors, names
from proxy.hop.errors import RequestRefused
from routes.head import Field

if TYPE_CHECKING:
    from proxy.hop.forwarded import Forwarding

#: `Block.length` of a chunked body.
CHUNKED: Final = -1
#: Longest Host value: a DNS name of 255 bytes, a colon, a port.
AUTHORITY_BYTES_MAX: Final = 262
#: Different Host values whose normal form is remembered.
_HOSTS_MAX: Final = 4096

_AUTHORITY: Final = re.compile(rb"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?")
_hosts: dict[bytes, bytes] = {}


class Block:
    """What the fields of a request say.

    Attributes:
        raw: the field lines as received, each with its CRLF.
        fields: (lower name, value, name) in order.
        special: (code of `names.REQUEST`, value) for each field that means something to the hop.
        http_1_0: the client speaks HTTP/1.0.
        authority: the Host value, `b""` on HTTP/1.0 without Host.
        host: `authority` in lower case, without port and trailing dot.
        length: bytes of the body, 0 for none, `CHUNKED`.
        has_length: there is a Content-Length or a Transfer-Encoding.
        keep_alive: the client will reuse its connection.
        expects_continue: the client waits for 100 before it sends its body.
        upgrade: the Upgrade value where the connection is to be switched, else None.
        te_trailers: the client takes trailers.
        max_forwards: the number in Max-Forwards, or None.
        verbatim: `raw` may be sent as it is: it has no field that must be taken out or replaced.
        strip: further names that Connection asks us to take out.
        forwarding: who the client is where the fields or a trusted peer say so; set by the connection.
        request_id: the client's, where it is kept, else None.
        trace_id: likewise.
        ids: the lines with the kept ids to send; complete only where both are kept.
        is_copy: the request is a mirror's, of this proxy or another: it is not mirrored again.
        fields_json: its fields for a comparer (`proxy.mirroring.message`), once they were asked for.
    """

    __slots__ = (
        *("authority", "expects_continue", "fields", "fields_json", "forwarding", "has_length", "host", "http_1_0"),
        *("ids", "is_copy"),
        *("keep_alive", "length", "max_forwards", "raw", "request_id", "special", "strip", "te_trailers", "trace_id"),
        *("upgrade", "verbatim"),
    )

    def __init__(self, raw: bytes, *, http_1_0: bool) -> None:
        self.raw = raw
        self.fields: list[Field] = []
        self.special: list[tuple[int, bytes]] = []
        self.http_1_0 = http_1_0
        self.authority = b""
        self.host = b""
        self.length = 0
        self.has_length = False
        self.keep_alive = not http_1_0
        self.expects_continue = False
        self.upgrade: bytes | None = None
        self.te_trailers = False
        self.max_forwards: int | None = None
        self.verbatim = True
        self.strip: frozenset[bytes] = frozenset()
        self.forwarding: Forwarding | None = None
        self.request_id: bytes | None = None
        self.trace_id: bytes | None = None
        self.ids = b""
        self.is_copy = False
        self.fields_json: bytes | None = None

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field line, from httptools."""
        lower = name.lower()
        value = value.rstrip(b" \t")  # white space after a value is not part of it, RFC 9110 section 5.5
        self.fields.append((lower, value, name))
        code = names.REQUEST.get(lower)
        if code is None and lower.startswith(names.FORWARDED_PREFIXES):
            code = names.FORWARDED_OTHER  # -Prefix, -Ssl, -Scheme …: frameworks believe more of them than we write
        if code is not None:
            self.special.append((code, value))

    def values(self, code: int) -> list[bytes]:
        """The values of the fields with this code, in order."""
        return [value for c, value in self.special if c == code]


def parse_block(raw: bytes, *, http_1_0: bool, fields_max: int) -> Block:
    """Read the field lines of one request.

    Args:
        raw: every field line with its CRLF, without the empty line.
        http_1_0: the version on the request line.
        fields_max: most field lines.

    Raises:
        RequestRefused: with the status that RFC 9112 or RFC 9110 asks for.
    """
    block = Block(raw, http_1_0=http_1_0)
    try:
        httptools.HttpRequestParser(block).feed_data(b"GET / HTTP/1.1\r\n%b\r\n" % raw)
    except httptools.HttpParserUpgrade:
        pass  # decided below
    except httptools.HttpParserError as error:
        raise RequestRefused(errors.BAD_REQUEST, str(error)) from None
    if len(block.fields) > fields_max:
        raise RequestRefused(errors.HEAD_TOO_LARGE, f"there are more than {fields_max} header fields")
    _read_special(block)
    return block


def _read_special(block: Block) -> None:
    """Framing, connection options and the rest of what the fields ask of this hop."""
    hosts = lengths = codings = 0
    connection: list[bytes] = []
    for code, value in block.special:
        if code == names.HOST:
            hosts += 1
            block.authority = value.strip(b" \t")
        elif code == names.CONTENT_LENGTH:
            lengths += 1
            block.length = _read_length(value)
        elif code == names.TRANSFER_ENCODING:
            codings += 1
            _check_coding(block, value)
        elif code == names.EXPECT:
            _read_expect(block, value)
        elif code == names.CONNECTION:
            connection.append(value)
        elif code == names.UPGRADE:
            block.upgrade = value.strip(b" \t")
        elif code == names.MAX_FORWARDS:
            block.max_forwards = _read_max_forwards(value)
        elif code == names.MIRROR:
            block.is_copy = True
        if code >= names.STRIP or code == names.VIA:
            block.verbatim = False  # a Via that is there already becomes one list with ours
    if hosts != 1 and not (hosts == 0 and block.http_1_0):
        raise RequestRefused(errors.BAD_REQUEST, "a request has exactly one Host field")
    if codings and lengths:
        raise RequestRefused(errors.BAD_REQUEST, "Content-Length and Transfer-Encoding exclude each other")
    if codings > 1 or lengths > 1:
        raise RequestRefused(errors.BAD_REQUEST, "Content-Length or Transfer-Encoding may be there only once")
    if codings:
        block.length = CHUNKED
    block.has_length = codings + lengths > 0
    if connection:
        _read_connection(block, connection)
    else:
        block.upgrade = None
    if block.upgrade is not None and block.length:
        raise RequestRefused(errors.BAD_REQUEST, "a request that asks for an upgrade cannot have a body")
    if hosts:
        block.host = normal_host(block.authority)


def _read_length(value: bytes) -> int:
    value = value.strip(b" \t")
    if not value.isdigit() or len(value) > 18:  # noqa: PLR2004 - below 2^60
        raise RequestRefused(errors.BAD_REQUEST, "Content-Length is not one decimal number")
    return int(value)


def _check_coding(block: Block, value: bytes) -> None:
    if block.http_1_0:
        raise RequestRefused(errors.BAD_REQUEST, "HTTP/1.0 has no Transfer-Encoding")
    coding = value.strip(b" \t").lower()
    if coding == b"chunked":
        return
    if coding.endswith(b"chunked") or not coding.strip(b", \t"):
        raise RequestRefused(errors.BAD_REQUEST, "Transfer-Encoding must be exactly 'chunked'")
    raise RequestRefused(errors.UNKNOWN_CODING, "the only transfer coding known here is 'chunked'")


def _read_expect(block: Block, value: bytes) -> None:
    if value.strip(b" \t").lower() != b"100-continue":
        raise RequestRefused(errors.EXPECTATION_FAILED, "the only expectation known here is '100-continue'")
    block.expects_continue = not block.http_1_0


def _read_max_forwards(value: bytes) -> int:
    text = value.strip(b" \t")
    if not text.isdigit() or len(text) > 9:  # noqa: PLR2004
        raise RequestRefused(errors.BAD_REQUEST, "Max-Forwards is not a number")
    return int(text)


def _read_connection(block: Block, values: list[bytes]) -> None:
    """Connection options (RFC 9110 section 7.6.1): ours to obey, never to pass on."""
    options = {option.strip(b" \t").lower() for value in values for option in value.split(b",")}
    options.discard(b"")
    for option in options:
        if option in names.NOT_HOP_BY_HOP or option.startswith(b"x-forwarded-"):
            raise RequestRefused(errors.BAD_REQUEST, f"Connection may not name {option.decode('latin-1')}")
    if b"close" in options:
        block.keep_alive = False
    elif b"keep-alive" in options:
        block.keep_alive = True
    if b"te" in options:
        tokens = [token for value in block.values(names.TE) for token in value.lower().split(b",")]
        block.te_trailers = any(token.strip(b" \t") == b"trailers" for token in tokens)
    upgrade = block.upgrade
    if b"upgrade" not in options or upgrade is None or block.http_1_0:
        block.upgrade = None
    elif any(token.strip(b" \t").lower().startswith((b"h2c", b"http/")) for token in upgrade.split(b",")):
        block.upgrade = None  # another HTTP inside a tunnel would pass every rule unseen
    block.strip = frozenset(options - {b"close", b"keep-alive", b"te", b"upgrade"})


def normal_host(authority: bytes) -> bytes:
    """The host of a Host value in lower case, without port and trailing dot.

    Raises:
        RequestRefused: it is not a host and port.
    """
    host = _hosts.get(authority)
    if host is None:
        if len(authority) > AUTHORITY_BYTES_MAX:
            raise RequestRefused(errors.BAD_REQUEST, "the Host is longer than a host name can be")
        match = _AUTHORITY.fullmatch(authority)
        if match is None or (match[2] is not None and not 0 < int(match[2]) <= 65535):  # noqa: PLR2004
            raise RequestRefused(errors.BAD_REQUEST, "the Host is not a valid host and port")
        host = match[1].lower().rstrip(b".")
        if len(_hosts) >= _HOSTS_MAX:
            _hosts.clear()
        _hosts[authority] = host
    return host
