"""Programs under measurement: started on one core, known by pid, stopped with all their children."""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from benchmarks.cores import pinned
from benchmarks.errors import MissingError, StartError

READY_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
OUTPUT_TAIL_CHARS = 2000


def find_program(name: str, hint: str) -> str:
    """Path of a program: beside this Python first, then on PATH and in the sbin folders.

    Raises:
        MissingError: it is nowhere; the text holds `hint`, which says how to get it.
    """
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"]
    path = shutil.which(name, path=os.pathsep.join(folders))
    if path is None:
        raise MissingError(f"{name} is not installed: {hint}")
    return path


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


class Program:
    """One started program and the processes that it started in turn.

    Each has a process group of its own, out of the terminal's reach, and all share one session: between sessions Linux
    shares a core evenly (sched_autogroup, sched(7)), and no priority of a process would mean anything.
    """

    def __init__(
        self, command: Sequence[str], *, core: int, folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.output = folder / "output.log"
        with pinned(core), self.output.open("wb") as output:
            self._popen = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=folder,
                env={**os.environ, **(environment or {})}, process_group=0,
            )  # fmt: skip
        self._root = psutil.Process(self._popen.pid)

    def tree(self) -> list[psutil.Process]:
        """The program's own process and all below it, as they are now."""
        try:
            return [self._root, *self._root.children(recursive=True)]
        except psutil.NoSuchProcess as error:
            raise StartError(f"process {self._popen.pid} has ended; it printed:\n{self.tail()}") from error

    def tail(self) -> str:
        """The end of what the program printed."""
        return self.output.read_text(errors="replace")[-OUTPUT_TAIL_CHARS:]

    def wait_ready(self, port: int, path: str) -> None:
        """Ask for `path` until the answer is 200.

        Raises:
            StartError: the program ended, or did not answer in time.
        """
        deadline = time.monotonic() + READY_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._popen.poll() is not None:
                raise StartError(f"ended with status {self._popen.returncode}; it printed:\n{self.tail()}")
            if _answers(port, path):
                return
            time.sleep(0.05)
        raise StartError(f"did not answer within {READY_TIMEOUT_S:.0f} s; it printed:\n{self.tail()}")

    def stop(self) -> None:
        """Terminate the whole tree, kill what is left after a while, and reap it."""
        with contextlib.suppress(psutil.NoSuchProcess):
            processes = [self._root, *self._root.children(recursive=True)]
            with contextlib.suppress(psutil.NoSuchProcess):
                self._root.terminate()
            _, alive = psutil.wait_procs(processes, timeout=STOP_TIMEOUT_S)
            for process in alive:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
        self._popen.wait()


def _answers(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
    except (OSError, http.client.HTTPException):
        return False
    else:
        return response.status == http.HTTPStatus.OK
    finally:
        connection.close()
