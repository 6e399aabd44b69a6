"""One process of the supervisor: started afresh, joined by a channel, started again when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog

from proxy.backoff import Backoff
from proxy.channel import Channel, Frame, open_channel
from proxy.signals import blocked_signals

#: How long a process that has ended may still be heard.
_LAST_WORDS_S: Final = 1.0

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ChildEvents:
    """Whom a child tells what; all are called on the loop.

    Attributes:
        started: a new process runs and its channel is open.
        frame: it sent a frame.
        ended: it is gone; not called for the end of a child that was retired before it ran.
    """

    started: Callable[[Child], None]
    frame: Callable[[Child, Frame], None]
    ended: Callable[[Child], None]


class Child:
    """A process that is kept running.

    Attributes:
        name: for the log, such as `worker`.
        number: worker number; -1 for control.
        state: `starting`, `ready`, `draining` or `down`.
        incarnation: counts the processes there were, from 1.
        pid: of the process that runs, None while none does.
        started_at: when that process was started, seconds since 1970.
        version: of the table that it serves, 0 before its first.
        channel: to that process.
        lasted_s: how long the last process that ended had run.
        silent_ticks: looks of the supervisor since its last frame.
    """

    def __init__(
        self, name: str, number: int, arguments: Sequence[str], fds: Sequence[int], events: ChildEvents
    ) -> None:
        self.name = name
        self.number = number
        self.state = "down"
        self.incarnation = 0
        self.pid: int | None = None
        self.started_at = 0.0
        self.version = 0
        self.channel: Channel | None = None
        self.lasted_s = 0.0
        self.silent_ticks = 0
        self._arguments = tuple(arguments)
        self._fds = tuple(fds)
        self._events = events
        self._backoff = Backoff()
        self._retired = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        return max(0, self.incarnation - 1)

    def send(self, frame: Frame) -> None:
        """Send a control frame, if there is a process to read it."""
        if self.channel is not None:
            self.channel.send(frame)

    def retire(self) -> None:
        """Start no further process; the one that runs is left alone."""
        self._retired.set()

    def kill(self, number: signal.Signals) -> None:
        """Send a signal to the process, if there is one."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def describe(self) -> dict[str, Any]:
        """What control wants to know of it."""
        return {
            "number": self.number,
            "pid": self.pid,
            "state": self.state,
            "incarnation": self.incarnation,
            "restarts": self.restarts,
            "started_at": self.started_at,
            "version": self.version,
        }

    async def run(self) -> None:
        """Keep a process running until `retire`; returns when the last one is gone."""
        while not self._retired.is_set():
            started = time.monotonic()
            try:
                code = await self._run_once()
            except OSError as error:  # no process, descriptor or memory left: perhaps there is one later
                code, self.state = -1, "down"
                log.error("process.start.failed", process=self.name, worker=self.number, error=str(error))  # noqa: TRY400
            self.lasted_s = time.monotonic() - started
            if self.pid is not None:
                self._report_end(code)
            self._events.ended(self)
            if not self._retired.is_set():
                await self._pause(self._backoff.next_delay_s(self.lasted_s))

    async def _run_once(self) -> int:
        """One process from start to end; returns its exit status, negative for a signal."""
        ours, theirs = socket.socketpair()
        self.incarnation += 1
        self.state = "starting"
        self.version = 0
        try:
            process = await self._spawn(theirs)
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._process, self.pid, self.started_at = process, process.pid, time.time()
        silent = asyncio.Event()
        self.silent_ticks = 0
        self.channel = await open_channel(ours, self._on_frame, silent.set)
        log.info("process.started", process=self.name, worker=self.number, pid=self.pid, incarnation=self.incarnation)
        self._events.started(self)
        code = await process.wait()
        with contextlib.suppress(TimeoutError):  # what it sent last is read before its end is told
            await asyncio.wait_for(silent.wait(), _LAST_WORDS_S)
        self.channel.close()
        return code

    async def _spawn(self, theirs: socket.socket) -> asyncio.subprocess.Process:
        # -P: the working directory may have a folder called `routes` or `proxy` that is not ours.
        argv = (sys.executable, "-P", "-m", *self._arguments, "--channel", str(theirs.fileno()))
        with blocked_signals():
            return await asyncio.create_subprocess_exec(
                *argv, stdin=asyncio.subprocess.DEVNULL, pass_fds=(theirs.fileno(), *self._fds)
            )

    def _on_frame(self, frame: Frame) -> None:
        self.silent_ticks = 0
        self._events.frame(self, frame)

    def _report_end(self, code: int) -> None:
        pid, self.pid, self._process, self.channel, self.state = self.pid, None, None, None, "down"
        facts = {"process": self.name, "worker": self.number, "pid": pid, "ran_s": round(self.lasted_s, 3)}
        if self._retired.is_set() and code == 0:
            log.info("process.ended", **facts)
        else:
            log.error("process.died", **facts, **_explain_exit(code))

    async def _pause(self, delay_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._retired.wait(), delay_s)


def _explain_exit(code: int) -> dict[str, Any]:
    if code >= 0:
        return {"exit_status": code}
    try:
        return {"signal": signal.Signals(-code).name}
    except ValueError:
        return {"signal": str(-code)}
