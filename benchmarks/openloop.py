"""A constant-rate load: `python -m benchmarks.openloop --port P --path /json --rate 5000 --seconds 5`.

Requests are due at fixed moments whether or not earlier ones were answered, and latency counts from that moment: a
proxy that stalls is charged for every request that should have been sent meanwhile (no coordinated omission). wrk
cannot do that. It is one epoll loop with a kernel timer: event loops round their timers to a millisecond, which would
be most of what is measured here. `lag_p99_us` is how late the generator itself was, which is never the proxy's doing.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import re
import select
import socket
import time
from collections import deque
from dataclasses import dataclass, field

from benchmarks.priority import PRIORITIES

CONNECTIONS = 64
READ_BYTES = 256 * 1024
WARM_SHARE = 0.1
TICK_NS_MIN = 50_000  # more ticks than this would cost the load core more than they make exact
DRAIN_NS = 5_000_000_000
CLOCK_MONOTONIC = 1
OK = b"HTTP/1.1 200"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Timer:
    """A periodic kernel timer as a file descriptor (timerfd_create(2); Python has it from 3.13 on only)."""

    def __init__(self, interval_ns: int) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.timerfd_create(CLOCK_MONOTONIC, os.O_NONBLOCK)
        seconds, nanoseconds = divmod(interval_ns, 1_000_000_000)
        times = (ctypes.c_long * 4)(seconds, nanoseconds, seconds, nanoseconds)
        if self.fd < 0 or libc.timerfd_settime(self.fd, 0, ctypes.byref(times), None):
            raise OSError(ctypes.get_errno(), "timerfd")

    def acknowledge(self) -> None:
        """Read the count of expirations, so that the descriptor is quiet until the next."""
        os.read(self.fd, 8)


@dataclass(slots=True)
class Connection:
    """One keep-alive connection with at most one request under way."""

    sock: socket.socket
    due_ns: int = 0
    received: bytes = b""


@dataclass(slots=True)
class Measured:
    """Latencies from the intended moment, and how late the generator looked at its clock, both in nanoseconds."""

    latencies: list[int] = field(default_factory=list)
    lags: list[int] = field(default_factory=list)


class Generator:
    """Sends one fixed request at a constant rate over a fixed set of connections."""

    def __init__(self, port: int, path: str, rate: float, seconds: float) -> None:
        self._request = f"GET {path} HTTP/1.1\r\nHost: bench.example\r\n\r\n".encode()
        self._interval_ns = round(1e9 / rate)
        self._total = round(rate * seconds)
        self._idle = [self._connect(port) for _ in range(CONNECTIONS)]
        self._by_fd = {connection.sock.fileno(): connection for connection in self._idle}
        self._waiting: deque[int] = deque()
        self._usual_bytes = 0  # length of the last answer: another of that length needs no parsing
        self.measured = Measured()

    def _connect(self, port: int) -> Connection:
        sock = socket.create_connection(("127.0.0.1", port), timeout=5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setblocking(False)
        return Connection(sock)

    def run(self) -> float:
        """Send everything and wait for the answers; the seconds it took.

        Raises:
            RuntimeError: a connection ended, an answer was not 200, or answers stayed out.
        """
        poll = select.epoll()
        for fd in self._by_fd:
            poll.register(fd, select.EPOLLIN)
        timer = Timer(max(self._interval_ns, TICK_NS_MIN))
        poll.register(timer.fd, select.EPOLLIN)
        begun = due = time.monotonic_ns()
        end = begun + self._interval_ns * self._total
        latencies, sent = self.measured.latencies, 0
        while len(latencies) < self._total:
            for fd, _ in poll.poll(1):
                if fd == timer.fd:
                    timer.acknowledge()
                else:
                    self._receive(self._by_fd[fd])
            now = time.monotonic_ns()
            while due <= now and sent < self._total:
                self._waiting.append(due)
                self.measured.lags.append(now - due)
                due += self._interval_ns
                sent += 1
            self._send_waiting()
            if now > end + DRAIN_NS:
                raise RuntimeError(f"{self._total - len(latencies)} requests were not answered")
        return (time.monotonic_ns() - begun) / 1e9

    def _send_waiting(self) -> None:
        waiting, idle = self._waiting, self._idle
        while waiting and idle:
            connection = idle.pop()
            connection.due_ns = waiting.popleft()
            connection.sock.send(self._request)

    def _receive(self, connection: Connection) -> None:
        data = connection.sock.recv(READ_BYTES)
        if not data:
            raise RuntimeError("the proxy closed a connection")
        if connection.received:
            data = connection.received + data
        if len(data) != self._usual_bytes or not data.startswith(OK):
            expected = _expected_bytes(data)
            if not expected or len(data) < expected:
                connection.received = data
                return
            self._usual_bytes = expected
        self.measured.latencies.append(time.monotonic_ns() - connection.due_ns)
        connection.received = b""
        self._idle.append(connection)


def _expected_bytes(data: bytes) -> int:
    """Length of the whole answer; 0 while its head is not complete."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return 0
    length = LENGTH.search(data, 0, end)
    if not data.startswith(OK) or length is None:
        raise RuntimeError(f"answered {data[:100]!r}")
    return end + 4 + int(length[1])


def percentile_us(values: list[int], share: float) -> float:
    """The value below which `share` of the sorted values lie, in microseconds."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1000


def main() -> None:
    """Run once and print the figures as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--path", required=True)
    parser.add_argument("--rate", type=float, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--priority", choices=PRIORITIES, default="ordinary", help="Of this process on its core.")
    given = parser.parse_args()
    ahead = PRIORITIES[given.priority]()
    generator = Generator(given.port, given.path, given.rate, given.seconds)
    gc.disable()
    took_s = generator.run()
    measured = generator.measured
    warm = int(len(measured.latencies) * WARM_SHARE)
    latencies = measured.latencies[warm:]
    result = {
        "requests": len(measured.latencies),
        "rate": len(measured.latencies) / took_s,
        "p50_us": percentile_us(latencies, 0.5),
        "p99_us": percentile_us(latencies, 0.99),
        "max_us": max(latencies) / 1000,
        "lag_p99_us": percentile_us(measured.lags[warm:], 0.99),
        "ahead": int(ahead),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
