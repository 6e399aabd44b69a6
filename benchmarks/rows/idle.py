"""Thousands of clients that have been served once and keep their connection open."""

from __future__ import annotations

import resource
import select
import socket
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import ClassVar

from benchmarks.bench import Bench
from benchmarks.check import check
from benchmarks.cost import KIB, resident
from benchmarks.errors import InvalidError
from benchmarks.payloads import JSON
from benchmarks.rows.base import Column, Row

SPARE_DESCRIPTORS = 1000


class IdleConnections(Row):
    """Growth of the serving process's resident memory, by connection."""

    columns: ClassVar[Sequence[Column]] = (
        Column("connections", "connections"),
        Column("kib_each", "KiB each", 1),
    )

    @property
    def running(self) -> tuple[str, ...]:
        """None: memory is measured in a process that has done nothing else."""
        return ()

    def measure(self, bench: Bench, name: str) -> dict[str, float]:
        """Serve each connection one request, then look at the memory while all are open."""
        count = min(bench.settings.idle_connections, _descriptors() - SPARE_DESCRIPTORS)
        with bench.fresh(name) as entrant, ExitStack() as stack:
            check(entrant.port, JSON)
            before = resident(entrant.program)
            poll = select.poll()
            for _ in range(count):
                sock = stack.enter_context(socket.create_connection(("127.0.0.1", entrant.port), timeout=10))
                _serve_one(sock)
                poll.register(sock, select.POLLIN)
            time.sleep(bench.settings.settle_s)
            growth = resident(entrant.program).growth_since(before)
            if closed := poll.poll(0):
                raise InvalidError(f"{len(closed)} of {count} idle connections were closed")
        return {"connections": count, "kib_each": growth / count / KIB}


def _descriptors() -> int:
    """Raise this process's limit as far as it goes; entrants inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _serve_one(sock: socket.socket) -> None:
    sock.sendall(f"GET {JSON.path} HTTP/1.1\r\nHost: bench.example\r\n\r\n".encode())
    data = b""
    while not data.endswith(JSON.body):
        part = sock.recv(65536)
        if not part:
            raise InvalidError(f"a connection was closed: {data[:100]!r}")
        data += part
