"""The head of a request, as the matcher sees it: raw bytes, never decoded, never re-encoded."""

from __future__ import annotations

#: One header field: lower-case name, value, name as it was received.
Field = tuple[bytes, bytes, bytes]


class Head:
    """One request's head. Made once per request by the data plane and read by routing, rewriting and logging.

    A plain class with slots, not a dataclass: it is built on the request path.

    Attributes:
        method: `b"GET"`, as received (methods are case-sensitive, RFC 9110 section 9.1).
        path: the raw path, from the first `/` up to `?`. `b"*"` for `OPTIONS *`.
        query: the raw query after `?`, or None where the target has no `?`.
        scheme: `b"http"` or `b"https"` as the client used it (X-Forwarded-Proto where the peer is trusted).
        authority: the Host value as received (or X-Forwarded-Host of a trusted peer), `b""` on HTTP/1.0 without Host.
        host: `authority` in lower case without its port and without a trailing dot.
        fields: the header fields in order, each (lower name, value, name as received).
        client_ip: the client's address as text, after trusted proxies have been peeled off.
    """

    __slots__ = ("_cookies", "authority", "client_ip", "fields", "host", "method", "path", "query", "scheme")

    def __init__(
        self,
        method: bytes,
        path: bytes,
        query: bytes | None = None,
        *,
        scheme: bytes = b"http",
        authority: bytes = b"",
        host: bytes = b"",
        fields: list[Field] | None = None,
        client_ip: str = "",
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.scheme = scheme
        self.authority = authority
        self.host = host
        self.fields: list[Field] = [] if fields is None else fields
        self.client_ip = client_ip
        self._cookies: dict[bytes, bytes] | None = None

    def header(self, name: bytes) -> bytes | None:
        """The first value of the field `name` (lower case), or None."""
        for lower, value, _ in self.fields:
            if lower == name:
                return value
        return None

    def cookie(self, name: bytes) -> bytes | None:
        """The value of the first cookie called `name` (RFC 6265 section 4.2.1), quotes kept, or None."""
        cookies = self._cookies
        if cookies is None:
            cookies = self._cookies = parse_cookies(self.fields)
        return cookies.get(name)


def parse_cookies(fields: list[Field]) -> dict[bytes, bytes]:
    """All cookies of the Cookie fields; the first of a name wins, as browsers send the most specific path first."""
    cookies: dict[bytes, bytes] = {}
    for lower, value, _ in fields:
        if lower != b"cookie":
            continue
        for pair in value.split(b";"):
            name, equals, text = pair.partition(b"=")
            if equals:
                cookies.setdefault(name.strip(), text.strip())
    return cookies
