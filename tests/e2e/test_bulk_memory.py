"""A gibibyte up and a gibibyte down through one worker whose memory stays flat, hashed end to end."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from support import bulk_server
from support.bulk_server import blocks, digest
from support.poll import poll
from support.strangler_process import StranglerProcess

pytestmark = pytest.mark.slow

MIB = 1 << 20
GIB = 1 << 30
GROWTH_MAX = 16 * MIB


@pytest.fixture(scope="module")
def bulk_port() -> Iterator[int]:
    """A process that makes and swallows bytes."""
    script = bulk_server.__file__
    with subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.communicate(timeout=10)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, bulk_port: int) -> Iterator[StranglerProcess]:
    config = {
        "services": {"bulk": {"urls": [f"http://127.0.0.1:{bulk_port}"]}},
        "routes": [{"name": "bulk", "match": {"path": "/{rest...}"}, "legacy": "bulk", "mode": "legacy"}],
    }
    with StranglerProcess(tmp_path_factory.mktemp("bulk"), config) as running:
        for chunked in (False, True):
            assert upload(running, 32 * MIB, chunked=chunked)["bytes"] == 32 * MIB
            assert download(running, 32 * MIB, "?chunked" if chunked else "") == digest(32 * MIB)
        yield running


def download(gateway: StranglerProcess, size: int, query: str = "", timeout_s: float = 60) -> str:
    """The hash of what came."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=timeout_s)) as connection:
        connection.request("GET", f"/bytes/{size}{query}")
        response = connection.getresponse()
        whole = hashlib.sha256()
        while piece := response.read(MIB):
            whole.update(piece)
        return whole.hexdigest()


def upload(gateway: StranglerProcess, size: int, *, chunked: bool) -> dict[str, object]:
    """What the service saw."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)) as connection:
        headers = {} if chunked else {"Content-Length": str(size)}
        connection.request("PUT", "/upload", body=blocks(size), headers=headers, encode_chunked=chunked)
        seen: dict[str, object] = json.loads(connection.getresponse().read())
        return seen


class MemoryWatch:
    """The greatest growth of the worker's resident memory while the block runs."""

    def __init__(self, gateway: StranglerProcess) -> None:
        self._status = Path(f"/proc/{gateway.worker().pid}/status")
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.before = self.most = self._resident()

    @property
    def growth(self) -> int:
        """In bytes."""
        return self.most - self.before

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            self.most = max(self.most, self._resident())

    def _resident(self) -> int:
        line = next(line for line in self._status.read_text().splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024


@pytest.mark.parametrize("query", ["", "?chunked"], ids=["length", "chunked"])
def test_gibibyte_comes_down_with_flat_memory(gateway: StranglerProcess, query: str) -> None:
    with MemoryWatch(gateway) as memory:
        assert download(gateway, GIB, query) == digest(GIB)
    assert memory.growth <= GROWTH_MAX


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_gibibyte_goes_up_with_flat_memory(gateway: StranglerProcess, chunked: bool) -> None:
    with MemoryWatch(gateway) as memory:
        assert upload(gateway, GIB, chunked=chunked) == {"bytes": GIB, "sha256": digest(GIB)}
    assert memory.growth <= GROWTH_MAX


def test_readers_that_do_not_read_cost_little_memory(gateway: StranglerProcess) -> None:
    size = 32 * MIB
    with MemoryWatch(gateway) as memory, contextlib.ExitStack() as stack:
        readers = [stack.enter_context(socket.create_connection(gateway.address)) for _ in range(16)]
        for reader in readers:
            reader.sendall(b"GET /bytes/%d HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n" % size)
        wait_until_quiet(gateway)
        for reader in readers:
            with reader.makefile("rb") as stream:
                while stream.readline() != b"\r\n":
                    pass
                whole = hashlib.sha256()
                while piece := stream.read(MIB):
                    whole.update(piece)
            assert whole.hexdigest() == digest(size)
    assert memory.growth <= GROWTH_MAX


def test_slow_readers_leave_connections_fit_for_the_next_request(gateway: StranglerProcess) -> None:
    """A body whose end is written while the service is not being read must not leave that connection unread."""
    size = 4 * MIB
    for _ in range(10):
        with socket.socket() as reader:
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            reader.settimeout(5)
            reader.connect(gateway.address)
            reader.sendall(b"GET /bytes/%d HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n" % size)
            received = 0
            while piece := reader.recv(16_384):
                received += len(piece)
            assert received > size
        assert download(gateway, 1000, timeout_s=5) == digest(1000)


def test_client_that_asks_ahead_and_does_not_read_costs_little_memory(gateway: StranglerProcess) -> None:
    """Pipelined requests wait while the answers to those before them cannot be sent."""
    with MemoryWatch(gateway) as memory, socket.create_connection(gateway.address) as client:
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            for _ in range(5000):
                client.send(b"GET /bytes/60000 HTTP/1.1\r\nHost: shop.example\r\n\r\n")
        wait_until_quiet(gateway)
    assert memory.growth <= GROWTH_MAX


def wait_until_quiet(gateway: StranglerProcess) -> None:
    """Returns once the worker has had nothing to do for twenty looks in a row: everybody waits for the readers."""
    worker = gateway.worker()
    last, quiet = sum(worker.cpu_times()[:2]), 0

    def idle() -> bool:
        nonlocal last, quiet
        now = sum(worker.cpu_times()[:2])
        last, quiet = now, quiet + 1 if now == last else 0
        return quiet >= 20

    poll(idle, "the worker never rests")
