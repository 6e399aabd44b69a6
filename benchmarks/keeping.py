"""How many pairs one comparer process takes a second, from the socket to the committed store.

    python -m benchmarks.keeping [--seconds S] [--streams N] [--url postgresql://…]

A comparer of its own gets batches of 2 KB JSON pairs from as many streams as a proxy has workers, each of which sends
the next batch when the last one is answered, as workers do. Everything is on: compare, noise, self-proof, clusters,
redaction, sums, kept exchanges, one transaction per group. The bars: 5,000 equal and 2,000 differing pairs a second.
`flood` are pairs that differ at one of 500 places each, so that far more of them are kept.
"""

from __future__ import annotations

import argparse
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import orjson
import psutil

from shadow.exchange import COMPLETE, Answer, AskedRequest, Exchange, encode
from shadow.stream import Ack, FrameReader, Hello, encode_batch
from shadow.stream import encode as encode_frame

BARS = {"equal": 5_000.0, "differing": 2_000.0, "flood": 0.0}
BATCH = 256
#: Batches that are made before the clock runs, for each stream in turn.
BATCHES = 40
WARM_S = 2.0
FIELDS = (
    ("content-type", "application/json"),
    ("cache-control", "no-store"),
    ("set-cookie", "session=0123456789abcdef; Path=/; HttpOnly"),
    ("date", "Tue, 24 Nov 2026 20:00:00 GMT"),
)
REQUEST_FIELDS = (("authorization", "Bearer 0123456789abcdef"), ("accept", "application/json"), ("user-agent", "bench"))


def document(number: int) -> dict[str, object]:
    """About 2 KB: an order with its lines."""
    lines = [
        {
            "id": f"{number:05}-{line}",
            "name": f"Product number {line * 7 % 100}",
            "price": line * 3.5,
            "quantity": line,
            "updated_at": f"2026-11-24T20:{line:02}:00Z",
            "tags": ["a", "b"],
        }
        for line in range(14)
    ]
    return {"id": number, "customer": {"name": "Ann", "mail": "ann@example.org"}, "lines": lines, "extra": {}}


def pair(kind: str, number: int, rng: random.Random) -> tuple[bytes, bytes]:
    """The bodies of one pair."""
    legacy = document(number)
    new = document(number)
    if kind == "differing":
        new["lines"][rng.randrange(14)]["price"] += 1.0  # type: ignore[index]
    if kind == "flood":
        new["extra"] = {f"place {number % 500} of many": rng.random()}
    return orjson.dumps(legacy), orjson.dumps(new)


def batch(kind: str, start: int, rng: random.Random) -> list[list[bytes]]:
    """The messages of one batch."""
    messages = []
    for number in range(start, start + BATCH):
        legacy, new = pair(kind, number, rng)
        sides = (Answer(COMPLETE, 200, FIELDS, body, len(body), "", 0.01, 0.02) for body in (legacy, new))
        request = AskedRequest("GET", f"/orders/{number}?token=abcdef{number}", "shop.example", "http", REQUEST_FIELDS)
        messages.append(encode(Exchange(f"id-{number}", time.time(), "orders", "legacy", request, *sides)))
    return messages


class Comparer:
    """One comparer process on a socket of its own."""

    def __init__(self, folder: Path, url: str) -> None:
        self.path = folder / "exchanges"
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.path))
        self._listening.listen(64)
        self._channel, theirs = socket.socketpair()
        fds = (self._listening.fileno(), theirs.fileno())
        command = [sys.executable, "-P", "-m", "proxy.comparer", "--listen", str(fds[0]), "--channel", str(fds[1])]
        self.process = subprocess.Popen(command, pass_fds=fds)
        theirs.close()
        route = {"name": "orders", "match": {"path": "/**"}, "legacy": "a", "new": "b", "mode": "shadow"}
        services = {name: {"urls": ["http://127.0.0.1:1"]} for name in "ab"}
        config = {
            "listen": [{"address": "127.0.0.1:0"}],
            "state": {"url": url, "redaction_key": "a key of the benchmark"},
            "services": services,
            "routes": [route],
        }
        data = orjson.dumps({"type": "table", "version": 1, "config": config})
        self._channel.sendall(len(data).to_bytes(4, "big") + data)
        threading.Thread(target=self._drain, daemon=True).start()

    def _drain(self) -> None:
        try:
            while self._channel.recv(1 << 16):
                pass
        except OSError:
            return

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(30)
        self._channel.close()
        self._listening.close()


def drive(path: Path, name: str, batches: Sequence[Sequence[Sequence[bytes]]], until: float) -> int:
    """Send batches one after the other until then; exchanges that were acknowledged."""
    frames, taken, seq = FrameReader(), 0, 0
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        sock.sendall(encode_frame(Hello(name)))
        frames.feed(sock.recv(1 << 16))
        while time.monotonic() < until:
            seq += 1
            sock.sendall(b"".join(encode_batch(seq, batches[seq % len(batches)])))
            answers: list[object] = []
            while not answers:
                answers += frames.feed(sock.recv(1 << 16))
            if not isinstance(answers[0], Ack):
                raise SystemExit(f"the comparer answers {answers[0]}")
            taken += BATCH
    return taken


def measure(kind: str, url: str | None, streams: int, seconds: float) -> tuple[float, float]:
    """Pairs a second, and microseconds of the comparer's CPU time for each."""
    rng = random.Random(1)
    batches = [batch(kind, number * BATCH, rng) for number in range(BATCHES)]
    with tempfile.TemporaryDirectory() as folder:
        comparer = Comparer(Path(folder), url or f"sqlite:///{folder}/state.db")
        try:
            drive(comparer.path, "warm", batches, time.monotonic() + WARM_S)
            before = sum(psutil.Process(comparer.process.pid).cpu_times()[:2])
            began = time.monotonic()
            taken: list[int] = []

            def work(number: int) -> None:
                taken.append(drive(comparer.path, f"{number}:bench-{kind}-{began}", batches, began + seconds))

            threads = [threading.Thread(target=work, args=(number,)) for number in range(streams)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            took = time.monotonic() - began
            cpu = sum(psutil.Process(comparer.process.pid).cpu_times()[:2]) - before
        finally:
            comparer.close()
    return sum(taken) / took, cpu / sum(taken) * 1e6


def main() -> None:
    """Measure every kind and hold it to its bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--streams", type=int, default=2)
    parser.add_argument("--url", help="of an empty database; SQLite in a temporary folder where none is named")
    given = parser.parse_args()
    size = len(orjson.dumps(document(1)))
    print(f"one comparer, {given.streams} streams, bodies of {size} bytes\n")
    print("| pairs | a second | CPU µs a pair | bar |\n| --- | ---: | ---: | ---: |")
    missed = False
    for kind, bar in BARS.items():
        rate, cpu = measure(kind, given.url, given.streams, given.seconds)
        missed |= rate < bar
        print(f"| {kind} | {rate:,.0f} | {cpu:.0f} | {f'{bar:,.0f}' if bar else '-'} |", flush=True)
    sys.exit(missed)


if __name__ == "__main__":
    main()
