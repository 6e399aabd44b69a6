"""Field names that the hop must look at, as lower-case bytes with what each means to it.

Every other field passes as it came: name, case, order and value.
"""

from __future__ import annotations

from itertools import product
from typing import Final

# What a request's field asks of us. The ones from STRIP on mean that the raw block of fields cannot be sent as it is.
HOST: Final = 1
CONTENT_LENGTH: Final = 2
TRANSFER_ENCODING: Final = 3
EXPECT: Final = 4
VIA: Final = 5
REQUEST_ID: Final = 6
STRIP: Final = 10
CONNECTION: Final = 11
UPGRADE: Final = 12
TE: Final = 13
TRACEPARENT: Final = 14
FORWARDED_FOR: Final = 15
FORWARDED_PROTO: Final = 16
FORWARDED_HOST: Final = 17
FORWARDED_PORT: Final = 18
FORWARDED: Final = 19
MAX_FORWARDS: Final = 20
BELIEVED: Final = 21
LOOKALIKE: Final = 22
TRACESTATE: Final = 23
FORWARDED_OTHER: Final = 24
MIRROR: Final = 25

#: Fields that the proxy makes or believes: nobody else may smuggle one in under a name that a service reads alike.
OURS: Final = (
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-forwarded-host",
    b"x-forwarded-port",
    b"x-request-id",
    b"x-strangler-mirror",
    b"x-real-ip",
)
#: Fields that other proxies set and services believe: kept from a trusted peer, and from nobody else.
TOLD_BY_PROXIES: Final = (
    b"x-real-ip",
    b"x-client-ip",
    b"true-client-ip",
    b"x-original-url",
    b"x-rewrite-url",
)
#: Beginnings of names that services read as `X-Forwarded-`.
FORWARDED_PREFIXES: Final = tuple(b"x%bforwarded%b" % (a, b) for a in (b"-", b"_", b".") for b in (b"-", b"_", b"."))
#: Fields that frame a body: a service that reads `Content_Length` alike would find another end than the proxy did.
_FRAMING: Final = (b"content-length", b"transfer-encoding")


def lookalikes(name: bytes) -> frozenset[bytes]:
    """Names that CGI, WSGI and their kind read as `name`: any hyphen may be `_` or `.` (CVE-2026-88011)."""
    parts = name.split(b"-")
    variants = product(*([b"-", b"_", b"."] for _ in parts[1:]))
    made = (b"".join(a + b for a, b in zip(parts, (*seps, b""), strict=True)) for seps in variants)
    return frozenset(made) - {name}


#: Lower-case name -> code above, for requests.
REQUEST: Final[dict[bytes, int]] = {
    b"host": HOST,
    b"content-length": CONTENT_LENGTH,
    b"transfer-encoding": TRANSFER_ENCODING,
    b"expect": EXPECT,
    b"via": VIA,
    b"x-request-id": REQUEST_ID,
    b"x-strangler-mirror": MIRROR,
    b"connection": CONNECTION,
    b"keep-alive": STRIP,
    b"proxy-connection": STRIP,
    b"http2-settings": STRIP,
    b"upgrade": UPGRADE,
    b"te": TE,
    b"traceparent": TRACEPARENT,
    b"tracestate": TRACESTATE,
    b"x-forwarded-for": FORWARDED_FOR,
    b"x-forwarded-proto": FORWARDED_PROTO,
    b"x-forwarded-host": FORWARDED_HOST,
    b"x-forwarded-port": FORWARDED_PORT,
    b"forwarded": FORWARDED,
    b"max-forwards": MAX_FORWARDS,
    b"proxy": STRIP,  # CGI makes HTTP_PROXY of it, which clients of other services then obey (CVE-2016-5385)
    **dict.fromkeys(TOLD_BY_PROXIES, BELIEVED),
    **{variant: LOOKALIKE for name in (*OURS, *_FRAMING) for variant in lookalikes(name)},
}

#: Connection must not name these: a service would lose what routing, safety or identity rest on (CVE-2024-45410).
NOT_HOP_BY_HOP: Final = frozenset(
    {
        b"host",
        b"authorization",
        b"cookie",
        b"content-length",
        b"transfer-encoding",
        b"forwarded",
        b"via",
        b"x-real-ip",
        b"x-request-id",
        b"traceparent",
        b"tracestate",
        b"x-strangler-mirror",
    }
)

# What a response's field asks of us.
RESPONSE_CONTENT_LENGTH: Final = 1
RESPONSE_TRANSFER_ENCODING: Final = 2
RESPONSE_UPGRADE: Final = 3
RESPONSE_CONNECTION: Final = 4
RESPONSE_STRIP: Final = 5
RESPONSE_MAPPED: Final = 6

#: Lower-case name -> code above, for responses.
RESPONSE: Final[dict[bytes, int]] = {
    b"content-length": RESPONSE_CONTENT_LENGTH,
    b"transfer-encoding": RESPONSE_TRANSFER_ENCODING,
    b"upgrade": RESPONSE_UPGRADE,
    b"connection": RESPONSE_CONNECTION,
    b"keep-alive": RESPONSE_STRIP,
    b"proxy-connection": RESPONSE_STRIP,
    b"location": RESPONSE_MAPPED,
    b"content-location": RESPONSE_MAPPED,
    b"refresh": RESPONSE_MAPPED,
    b"link": RESPONSE_MAPPED,
    b"set-cookie": RESPONSE_MAPPED,
}

#: Fields that may not come as trailers (RFC 9110 section 6.5.1): framing, routing, authentication, cookies.
NOT_IN_TRAILERS: Final = (
    frozenset(REQUEST)
    | frozenset(RESPONSE)
    | NOT_HOP_BY_HOP
    | {b"trailer", b"content-type", b"content-encoding", b"content-range", b"cache-control"}
)


def fit_trailers(lines: bytes) -> bytes:
    """The trailer lines, each with its CRLF, that may be passed on."""
    if not lines:
        return b""
    return b"".join(line for line in lines.splitlines(keepends=True) if _is_fit(line.partition(b":")[0].lower()))


def _is_fit(name: bytes) -> bool:
    return name not in NOT_IN_TRAILERS and not name.startswith(FORWARDED_PREFIXES)
