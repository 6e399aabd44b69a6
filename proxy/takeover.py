"""A new supervisor, usually a new release, takes the listening sockets over from the one that runs.

```
old: SIGUSR2 ─▶ starts the same command with the sockets and a pipe ─▶ waits
new: binds nothing that it was given ─▶ starts its workers ─▶ all serve: "ready" into the pipe
old: drains and exits            (the pipe ends without "ready": it stops the new one and serves on)
```
The sockets are never closed in between, so no connection is refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, MutableMapping
from typing import Final

import structlog

from proxy.signals import blocked_signals

#: Carries the inherited sockets from the old supervisor to the new one.
VARIABLE: Final = "STRANGLER_TAKEOVER"
#: How long the new supervisor may need until all of its workers serve.
READY_TIMEOUT_S: Final = 60.0
_READY: Final = b"ready"
_END_TIMEOUT_S: Final = 10.0

log = structlog.get_logger()


class TakeoverError(Exception):
    """What the supervisor before this one left cannot be used."""


class Inheritance:
    """What a supervisor was given by the one before it; empty for the first.

    Attributes:
        sockets: configured address -> listening socket.
    """

    def __init__(self, sockets: dict[str, socket.socket], ready_fd: int | None) -> None:
        self.sockets = sockets
        self._ready_fd = ready_fd

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str]) -> Inheritance:
        """Read and remove the variable, so that no process started from here sees it.

        Raises:
            TakeoverError: the variable is set and is not what `start_successor` writes.
        """
        text = environ.pop(VARIABLE, None)
        if text is None:
            return cls({}, None)
        try:
            given = json.loads(text)
            sockets = {address: socket.socket(fileno=fd) for address, fd in given["sockets"].items()}
            ready_fd = int(given["ready_fd"])
            os.set_inheritable(ready_fd, False)
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise TakeoverError(
                f"{VARIABLE} is set by strangler alone, and its value is not usable: {error}"
            ) from error
        for sock in sockets.values():
            sock.set_inheritable(False)
            sock.setblocking(False)
        return cls(sockets, ready_fd)

    def report_ready(self) -> None:
        """Tell the old supervisor, if there is one, that it can go."""
        if self._ready_fd is not None:
            with contextlib.suppress(OSError):  # it died meanwhile: all the better that we are here
                os.write(self._ready_fd, _READY)
            os.close(self._ready_fd)
            self._ready_fd = None


async def start_successor(sockets: Mapping[str, socket.socket], timeout_s: float = READY_TIMEOUT_S) -> int | None:
    """Start the same command again with our listening sockets, and wait until it serves.

    Returns:
        The new supervisor's process id; None when it failed, and then nothing of it is left. When cancelled, it is
        told to stop.
    """
    ours, theirs = os.pipe()
    try:
        process = _spawn(sockets, theirs)
    except OSError as error:
        os.close(ours)
        log.error("takeover.start.failed", error=str(error))  # noqa: TRY400 - the reason is all there is to know
        return None
    finally:
        os.close(theirs)
    log.info("takeover.started", pid=process.pid)
    try:
        said = await _read(ours, timeout_s)
    except asyncio.CancelledError:  # the proxy is told to stop: the successor as well
        process.terminate()
        raise
    finally:
        os.close(ours)
    if said == _READY:
        return process.pid
    log.error("takeover.failed", pid=process.pid, why="it ended" if said == b"" else f"not ready in {timeout_s} s")
    await asyncio.to_thread(_end, process)
    return None


def _spawn(sockets: Mapping[str, socket.socket], ready_fd: int) -> subprocess.Popen[bytes]:
    fds = {address: sock.fileno() for address, sock in sockets.items()}
    environ = {**os.environ, VARIABLE: json.dumps({"sockets": fds, "ready_fd": ready_fd})}
    argv = [sys.executable, *sys.orig_argv[1:]]
    with blocked_signals():
        # Not an asyncio process: that one would be killed when our loop closes, and it must outlive us.
        return subprocess.Popen(argv, env=environ, pass_fds=(ready_fd, *fds.values()))  # noqa: S603


async def _read(fd: int, timeout_s: float) -> bytes | None:
    """What comes out of the pipe first: b"" for its end, None for nothing in time."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(fd, readable.set)
    try:
        await asyncio.wait_for(readable.wait(), timeout_s)
    except TimeoutError:
        return None
    finally:
        loop.remove_reader(fd)
    return os.read(fd, len(_READY))


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
