"""What the proxy sent upstream, taken apart without losing a byte that matters."""

from __future__ import annotations

from dataclasses import dataclass

import h11

#: Fields that the proxy adds or replaces on every request.
OURS = frozenset(
    {
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-host",
        b"x-forwarded-port",
        b"forwarded",
        b"via",
        b"x-request-id",
        b"traceparent",
    }
)


@dataclass(frozen=True)
class Sent:
    """One request as the upstream saw it.

    Attributes:
        line: the request line without CRLF.
        fields: (name as sent, value) in order, without the fields in `OURS`.
        ours: (lower-case name, value) of those.
        body: decoded from its transfer coding.
        trailers: (name as sent, value).
    """

    line: bytes
    fields: tuple[tuple[bytes, bytes], ...]
    ours: tuple[tuple[bytes, bytes], ...]
    body: bytes
    trailers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def own(self) -> tuple[object, ...]:
        """All that is the client's: what must be the same however its bytes were cut."""
        return (self.line, self.fields, self.body, self.trailers)

    def all(self, name: bytes) -> list[bytes]:
        """Every value of that field, ours or not, in any case."""
        return [value for other, value in (*self.fields, *self.ours) if other.lower() == name.lower()]

    def get(self, name: bytes) -> bytes | None:
        """The value of the one field of that name, None where there is none."""
        values = self.all(name)
        assert len(values) < 2, f"{name!r} came {len(values)} times: {values}"
        return values[0] if values else None


def parse_sent(raw: bytes) -> Sent:
    """Take the exact bytes of one request apart.

    Raises:
        h11.RemoteProtocolError: they are no valid request.
    """
    head, found, rest = raw.partition(b"\r\n\r\n")
    assert found, raw
    line, *lines = head.split(b"\r\n")
    pairs = []
    for one in lines:
        name, colon, value = one.partition(b":")
        assert colon, one
        pairs.append((name, value.strip(b" \t")))
    body, trailers = _decode(raw)
    assert rest or not body
    return Sent(
        line,
        tuple(pair for pair in pairs if pair[0].lower() not in OURS),
        tuple((name.lower(), value) for name, value in pairs if name.lower() in OURS),
        body,
        trailers,
    )


def _decode(raw: bytes) -> tuple[bytes, tuple[tuple[bytes, bytes], ...]]:
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    parser.receive_data(raw)
    body = bytearray()
    while True:
        event = parser.next_event()
        if isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            return bytes(body), tuple(event.headers.raw_items())
        else:
            assert isinstance(event, h11.Request), event
