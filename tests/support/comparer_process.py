"""A comparer process of its own, and a worker's end of its stream, for tests of what it stores and what it survives."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from shadow.exchange import Exchange
from shadow.exchange import encode as encode_exchange
from shadow.stream import Ack, Frame, FrameReader, Hello, Nack, Welcome, encode, encode_batch

#: Longest that any single answer is waited for.
ANSWER_S = 20.0


class ComparerProcess:
    """Starts, kills and starts again one comparer on one listening socket, as the supervisor does."""

    def __init__(self, state_url: str, *, routes: Sequence[dict[str, Any]] = (), **state: Any) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="comparer-"))
        self.path = self.folder / "exchanges"
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.path))
        self._listening.listen(16)
        self.table = {
            "type": "table",
            "version": 1,
            "config": {
                "listen": [{"address": "127.0.0.1:0"}],
                "state": {"url": state_url, "redaction_key": "a key of the tests", **state},
                "services": {"legacy": {"urls": ["http://127.0.0.1:1"]}, "orders": {"urls": ["http://127.0.0.1:2"]}},
                "routes": list(routes) or [route()],
            },
        }
        self.log = (self.folder / "log").open("w+b")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> ComparerProcess:
        self.channel, theirs = socket.socketpair()
        self.channel.settimeout(ANSWER_S)
        fds = (self._listening.fileno(), theirs.fileno())
        command = [sys.executable, "-P", "-m", "proxy.comparer", "--listen", str(fds[0]), "--channel", str(fds[1])]
        self.process = subprocess.Popen(command, pass_fds=fds, stderr=self.log, stdout=self.log)
        theirs.close()
        self.send(self.table)
        return self

    def send(self, frame: dict[str, Any]) -> None:
        data = orjson.dumps(frame)
        self.channel.sendall(len(data).to_bytes(4, "big") + data)

    def frame(self, kind: str) -> dict[str, Any]:
        """The next frame of a kind that it sends to the supervisor."""
        while True:
            size = int.from_bytes(self._read(4), "big")
            frame = orjson.loads(self._read(size))
            if frame["type"] == kind:
                return frame

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.channel.recv(size - len(data))
            assert more, f"the comparer is gone:\n{self.said()}"
            data += more
        return data

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(ANSWER_S)
        self.channel.close()
        return code

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self.channel.close()
        self.log.close()
        self._listening.close()
        shutil.rmtree(self.folder)

    def said(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")


class Stream:
    """A worker's end: sends batches, and again after the comparer was killed."""

    def __init__(self, path: Path, name: str = "0:one") -> None:
        self._path = path
        self._name = name
        self._socket: socket.socket | None = None
        self.seq = 0

    def connect(self) -> None:
        self.close()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(ANSWER_S)
        self._socket.connect(str(self._path))
        self._reader = FrameReader()
        self._socket.sendall(encode(Hello(self._name)))
        try:
            welcome = self.answer()
        except OSError:
            self.close()
            raise
        assert welcome == Welcome()

    def send(self, exchanges: Sequence[Exchange], seq: int) -> None:
        if self._socket is None:
            self.connect()
        self._socket.sendall(b"".join(encode_batch(seq, [encode_exchange(one) for one in exchanges])))

    def answer(self) -> Frame:
        while True:
            data = self._socket.recv(1 << 16)
            if not data:
                raise ConnectionError("the comparer closed the connection")
            frames = self._reader.feed(data)
            if frames:
                (frame,) = frames
                return frame

    def batch(self, exchanges: Sequence[Exchange]) -> Ack | Nack:
        """Send one batch until it is answered, over as many comparers as that takes."""
        self.seq += 1
        deadline = time.monotonic() + 2 * ANSWER_S
        while True:
            try:
                self.send(exchanges, self.seq)
                return self.answer()
            except OSError:
                self.close()
                assert time.monotonic() < deadline, "no comparer answers"

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def route(name: str = "orders", **shadow: Any) -> dict[str, Any]:
    return {
        "name": name,
        "match": {"path": f"/{name}/**"},
        "legacy": "legacy",
        "new": "orders",
        "mode": "shadow",
        "shadow": shadow,
    }


def limit_file_size(process: subprocess.Popen[bytes], size: int) -> None:
    """Let every file that a process writes be at most so long; -1 lifts that."""
    import resource

    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
