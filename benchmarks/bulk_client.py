"""Sends and fetches a gibibyte through a proxy, with a pause in the middle that a proxy must not fill its memory in."""

from __future__ import annotations

import socket
import time

from benchmarks.errors import InvalidError

CHUNK = bytes(1024 * 1024)
STALL_AFTER_BYTES = 64 * 1024 * 1024
STALL_S = 1.0
TIMEOUT_S = 60.0


def upload(port: int, size: int) -> None:
    """POST `size` bytes; the server stops reading for a second on the way."""
    with _connect(port) as sock:
        sock.sendall(b"POST /bulk/stall HTTP/1.1\r\nHost: bench.example\r\nContent-Length: %d\r\n\r\n" % size)
        left = size
        while left:
            part = CHUNK[:left]
            sock.sendall(part)
            left -= len(part)
        _, rest = _read_head(sock)
        if not rest.startswith(b"stored"):
            raise InvalidError(f"the upload was answered with {rest[:80]!r}")


def download(port: int, size: int) -> None:
    """GET `size` bytes; this client stops reading for a second on the way."""
    with _connect(port) as sock:
        sock.sendall(b"GET /bulk/%d HTTP/1.1\r\nHost: bench.example\r\n\r\n" % size)
        _, rest = _read_head(sock)
        seen, stalled = len(rest), False
        buffer = bytearray(len(CHUNK))
        while seen < size:
            count = sock.recv_into(buffer)
            if not count:
                raise InvalidError(f"the download ended after {seen} of {size} bytes")
            seen += count
            if not stalled and seen >= STALL_AFTER_BYTES:
                stalled = True
                time.sleep(STALL_S)


def _connect(port: int) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def _read_head(sock: socket.socket) -> tuple[bytes, bytes]:
    data = b""
    while b"\r\n\r\n" not in data:
        part = sock.recv(65536)
        if not part:
            raise InvalidError(f"the connection ended inside the answer's head: {data[:80]!r}")
        data += part
    head, _, rest = data.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise InvalidError(f"answered {head[:80]!r}")
    return head, rest
