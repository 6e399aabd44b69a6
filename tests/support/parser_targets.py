"""What must hold of the data plane's parsers for any bytes: shared by the suite (random bytes) and the fuzz job (atheris).

Inputs are sequences of letters and words: a byte below 128 stands for itself, one above for a word that matters to a
parser, so that blind mutation gets past the request line.
"""

from __future__ import annotations

from collections.abc import Callable

import h11

from proxy.hop.block import CHUNKED
from proxy.hop.errors import RequestRefused, ResponseRefused
from proxy.hop.framing import ChunkedDecoder, ChunkError
from proxy.hop.request import parse_request
from proxy.hop.response import UNTIL_CLOSE, parse_response

WORDS = [
    *(b"GET / HTTP/1.1\r\n", b"POST /p HTTP/1.1\r\n", b"GET http://y/p?q HTTP/1.1\r\n", b"OPTIONS * HTTP/1.1\r\n"),
    *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 404 No\r\n", b"HTTP/1.1 304 \r\n", b"HTTP/1.1 101 S\r\n"),
    *(b"Host: x\r\n", b"Host: y:80\r\n", b"\r\n", b"\r\n\r\n", b"\r", b"\n", b"\n\n", b"\x00", b"\x0b", b"\x0c", b"\x1c"),
    *(b"Content-Length: 5\r\n", b"Content-Length:", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding:"),
    *(b"Connection: close\r\n", b"Connection: keep-alive, x\r\n", b"Connection:", b"Upgrade: h2c\r\n", b"TE: trailers\r\n"),
    *(b"chunked", b" ", b"\t", b",", b":", b";", b"=", b'"', b"0", b"5", b"a", b"f", b"+", b"-", b"_", b"0x"),
    *(b"5\r\nhello\r\n", b"0\r\n\r\n", b"0\r\n", b"1;a=b\r\n", b"ffffffffffffffff\r\n", b"A: b\r\n", b"A:\r\n", b"A : b\r\n"),
    *(b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b" HTTP/1.1\r\n", b"GET ", b"/", b"?", b"#", b"\\", b"%2f", b"..", b"//"),
    *(b"\x80", b"\x85", b"\xa0", b"\xff", b"\x7f", b"PRI * HTTP/2.0\r\n", b"CONNECT x:1 HTTP/1.1\r\n", b"Expect: 100-continue\r\n"),
]  # fmt: skip


def expand(data: bytes) -> bytes:
    """The bytes that `data` stands for."""
    return b"".join(WORDS[(byte - 128) % len(WORDS)] if byte > 127 else bytes((byte,)) for byte in data)


def _head(data: bytes) -> bytes:
    """A head as the hop cuts it out of the stream: up to the first empty line, without any inside."""
    raw = expand(data) + b"\r\n\r\n"
    return raw[: raw.index(b"\r\n\r\n") + 4]


def check_request(data: bytes) -> bool:
    """An accepted head is one that h11 accepts too, with the same method, target and framing.

    Returns:
        Whether it was accepted.
    """
    head = _head(data)
    try:
        request = parse_request(head, fields_max=100, target_bytes_max=8192)
    except RequestRefused:
        return False
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    parser.receive_data(head)
    event = parser.next_event()
    assert isinstance(event, h11.Request), (event, head)
    assert event.method == request.method, head
    if not event.target.lower().startswith(b"http"):
        assert event.target == request.target, head
    lengths = [value for name, value in event.headers if name == b"content-length"]
    codings = [value for name, value in event.headers if name == b"transfer-encoding"]
    if request.block.length == CHUNKED:
        assert (lengths, codings) == ([], [b"chunked"]), head
    else:
        assert codings == [], head
        assert [int(value) for value in lengths] == ([request.block.length] if lengths else []), head
        assert lengths or request.block.length == 0, head
    assert request.block.raw == head[head.index(b"\r\n") + 2 : -2], head
    assert [(lower, value.strip(b" \t")) for lower, value, _ in request.fields] == list(event.headers), head
    return True


def check_response(data: bytes) -> bool:
    """An accepted head has lines that end in CRLF, one framing, and nothing that ends a line early."""
    head = _head(data)
    try:
        response = parse_response(head, b"GET")
    except ResponseRefused:
        return False
    assert 100 <= response.status <= 999, head
    bare = response.raw.replace(b"\r\n", b"")
    assert not set(bare) & {0, 10, 13}, head
    names = [lower for lower, _, _ in response.fields]
    assert names.count(b"content-length") + names.count(b"transfer-encoding") <= 1 or response.length == 0, head
    assert response.length >= UNTIL_CLOSE, head
    parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    parser.send(h11.Request(method=b"GET", target=b"/", headers=[(b"host", b"x"), (b"upgrade", b"h2c")]))
    parser.send(h11.EndOfMessage())
    parser.receive_data(head)
    if response.status < 600:
        event = parser.next_event()
        assert isinstance(event, h11.Response | h11.InformationalResponse), (event, head)
        assert event.status_code == response.status, head
    return True


def check_chunks(data: bytes) -> bool:
    """What becomes of a chunked body does not depend on how its bytes were cut."""
    raw = expand(data)
    whole = _decode([raw])
    for step in (1, 2, 3, 7, 16):
        assert _decode([raw[at : at + step] for at in range(0, len(raw), step)]) == whole, raw
    return whole is not None and whole[2]


def _decode(pieces: list[bytes]) -> tuple[bytes, bytes, bool, bytes] | None:
    """(payload, trailers, done, bytes after the end) of a body, or None where it is refused."""
    decoder = ChunkedDecoder()
    payload, rest = b"", b""
    try:
        for piece in pieces:
            if decoder.done:
                rest += piece
            else:
                payload += b"".join(decoder.feed(piece))
                rest = decoder.rest
    except ChunkError:
        return None
    return payload, decoder.trailers, decoder.done, rest


TARGETS: dict[str, Callable[[bytes], bool]] = {
    "request": check_request,
    "response": check_response,
    "chunks": check_chunks,
}


def written(*words: bytes) -> bytes:
    """The input that stands for these words."""
    return bytes(128 + WORDS.index(word) for word in words)


#: Where mutation starts.
SEEDS: dict[str, list[bytes]] = {
    "request": [
        written(b"GET / HTTP/1.1\r\n", b"Host: x\r\n", b"A: b\r\n", b"\r\n"),
        written(b"POST /p HTTP/1.1\r\n", b"Host: x\r\n", b"Content-Length: 5\r\n", b"\r\n"),
        written(b"POST /p HTTP/1.1\r\n", b"Host: x\r\n", b"Transfer-Encoding: chunked\r\n", b"\r\n"),
    ],
    "response": [
        written(b"HTTP/1.1 200 OK\r\n", b"Content-Length: 5\r\n", b"A: b\r\n", b"\r\n"),
        written(b"HTTP/1.1 200 OK\r\n", b"Transfer-Encoding: chunked\r\n", b"\r\n"),
        written(b"HTTP/1.0 404 No\r\n", b"Connection: close\r\n", b"\r\n"),
    ],
    "chunks": [
        written(b"5\r\nhello\r\n", b"0\r\n\r\n"),
        written(b"5\r\nhello\r\n", b"5\r\nhello\r\n", b"0\r\n", b"A: b\r\n", b"\r\n"),
    ],
}
