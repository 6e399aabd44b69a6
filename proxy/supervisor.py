"""The process that binds, starts, relays, restarts and stops, and does nothing else.

```
            ┌── socketpair ── worker 0      inherits the listening sockets
supervisor ─┼── socketpair ── worker 1
            ├── socketpair ── control       reads the file, decides, measures
            ├── socketpair ── comparer      takes exchanges from workers, once a route is mirrored
            └── socketpair ── syncer        keeps stores in step, once there are syncs
```
What they say to each other passes through `proxy.hub`, which has the table of frames.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from functools import partial
from typing import Final

import structlog

from proxy.assignment import Assignment
from proxy.channel import Frame
from proxy.child import Child, ChildEvents
from proxy.companion import Role
from proxy.exchangesocket import ExchangeSocket, mirrors_anything
from proxy.hub import Hub
from proxy.listening import bound_address, close_all
from proxy.notify import notify
from proxy.signals import unblock_signals
from proxy.tableframe import for_comparer, for_syncer, syncs_anything
from proxy.takeover import start_successor

#: A worker that has not ended this long after its drain timeout is killed.
DRAIN_GRACE_S: Final = 5.0
#: Control has nothing to finish.
CONTROL_STOP_S: Final = 5.0
#: The comparer finishes the batch it has.
COMPARER_STOP_S: Final = 10.0
#: The syncer rolls back the transaction that it has.
SYNCER_STOP_S: Final = 10.0
#: Workers that die before any of them ever served: with so many the start has failed.
START_FAILURES_MAX: Final = 3

#: Between two looks at who is silent.
TICK_S: Final = 5.0
#: A worker that serves says something every second. After so many silent looks its event loop is stuck. Looks and not
#: seconds, so that a supervisor which was itself suspended does not blame its workers.
SILENT_TICKS_MAX: Final = 12

log = structlog.get_logger()


class Supervisor:
    """Runs one assignment from start to exit."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._sockets = assignment.sockets
        self._exchanges = ExchangeSocket()
        self._start_failures = 0
        self._exit_status = 0
        self._stop_signals = 0
        self._stop = asyncio.Event()
        self._taking_over: asyncio.Task[None] | None = None
        self._succeeded = False
        events = ChildEvents(self._on_start, self._on_frame, self._on_end)
        fds = [sock.fileno() for sock in self._sockets.values()]
        listen = ",".join(map(str, fds))
        self._workers = [
            Child("worker", number, self._worker_command(number, listen), fds, events)
            for number in range(assignment.workers)
        ]
        self._control = Child("control", -1, ("proxy.control",), (), events)
        exchanges = self._exchanges.fileno()
        comparer = Child("comparer", -1, ("proxy.comparer", "--listen", str(exchanges)), (exchanges,), events)
        folder = str(assignment.config_path.resolve().parent)
        syncer = Child("syncer", -1, ("proxy.syncer", "--folder", folder), (), events)
        redaction_key = secrets.token_hex(32)
        companions = {
            comparer: Role(mirrors_anything, partial(for_comparer, redaction_key), COMPARER_STOP_S),
            syncer: Role(syncs_anything, for_syncer, SYNCER_STOP_S),
        }
        self._hub = Hub(
            assignment,
            self._workers,
            self._control,
            companions,
            redaction_key=redaction_key,
            stop=self._stop,
            on_ready=self._on_ready,
        )

    def _worker_command(self, number: int, listen: str) -> tuple[str, ...]:
        comparer = str(self._exchanges.path)
        return "proxy.worker", "--number", str(number), "--listen", listen, "--comparer", comparer

    async def run(self) -> int:
        """Serve until told to stop; returns the exit status."""
        try:
            return await self._run()
        finally:
            self._exchanges.close()

    async def _run(self) -> int:
        self._handle_signals()
        workers = [asyncio.create_task(worker.run()) for worker in self._workers]
        control = asyncio.create_task(self._control.run())
        self._hub.want_companions()
        watch = asyncio.create_task(self._watch_silence())
        addresses = [bound_address(sock) for sock in self._sockets.values()]
        log.info("supervisor.started", pid=os.getpid(), listen=addresses, workers=len(workers))
        await self._stop.wait()
        watch.cancel()
        if self._taking_over is not None:
            self._taking_over.cancel()  # does nothing to one that has succeeded
        if not self._succeeded:
            notify(os.environ, "STOPPING=1")
        self._drain()
        await self._end(workers, self._workers, self._hub.drain_timeout_s + DRAIN_GRACE_S)
        for companion in self._hub.companions.values():
            ending = companion.retire()
            if ending is not None:
                companion.child.kill(signal.SIGTERM)
                await self._end([ending], [companion.child], companion.role.stop_s)
        self._control.retire()
        self._control.kill(signal.SIGTERM)
        await self._end([control], [self._control], CONTROL_STOP_S)
        log.info("supervisor.stopped", exit_status=self._exit_status)
        return self._exit_status

    # -- signals

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, partial(self._on_stop_signal, number))
        loop.add_signal_handler(signal.SIGHUP, self._hub.request_reload, "signal")
        loop.add_signal_handler(signal.SIGUSR1, self._reopen_logs)
        loop.add_signal_handler(signal.SIGUSR2, self._start_takeover)
        unblock_signals()

    def _on_stop_signal(self, number: signal.Signals) -> None:
        self._stop_signals += 1
        if self._stop_signals == 1:
            log.info("supervisor.stop.requested", signal=number.name, drain_timeout_s=self._hub.drain_timeout_s)
            self._stop.set()
            return
        log.warning("supervisor.stop.forced", signal=number.name)
        self._exit_status = 1
        for child in (*self._workers, *self._hub.companions, self._control):
            child.kill(signal.SIGKILL)

    def _reopen_logs(self) -> None:
        for worker in self._workers:
            worker.send({"type": "reopen"})

    def _start_takeover(self) -> None:
        if self._stop.is_set() or (self._taking_over is not None and not self._taking_over.done()):
            log.warning("takeover.ignored", why="one is under way, or the proxy stops")
            return
        self._taking_over = asyncio.create_task(self._take_over())

    async def _take_over(self) -> None:
        pid = await start_successor(self._sockets)
        if pid is None:
            return
        log.info("takeover.completed", pid=pid)
        self._succeeded = True
        # The successor's control waits for this address.
        self._control.retire()
        self._control.kill(signal.SIGTERM)
        self._stop.set()

    # -- processes

    def _on_start(self, child: Child) -> None:
        if child is self._control:
            self._hub.greet_control()
            return
        if child in self._hub.companions:
            self._hub.greet_companion(child)
            return
        self._hub.greet_worker(child)
        if self._stop.is_set():  # it was being started when the end came
            self._drain_one(child)
        self._hub.tell_processes()

    def _on_frame(self, child: Child, frame: Frame) -> None:
        self._hub.on_frame(child, frame)

    def _on_end(self, child: Child) -> None:
        if child is self._control:
            return
        if child in self._hub.companions:
            self._hub.tell_processes()
            return
        self._hub.lose_worker(child)
        if not self._hub.ready and not self._stop.is_set():
            self._start_failures += 1
            if self._start_failures >= START_FAILURES_MAX:
                log.error("supervisor.start.failed", why="no worker came up; their own events say why")
                self._exit_status = 1
                self._stop.set()

    def _on_ready(self) -> None:
        log.info("supervisor.ready", version=self._hub.ledger.accepted["version"])
        notify(os.environ, f"MAINPID={os.getpid()}", "READY=1")
        self._assignment.inheritance.report_ready()

    async def _watch_silence(self) -> None:
        """End workers and companions whose event loop is stuck: they take connections and never answer."""
        while True:
            await asyncio.sleep(TICK_S)
            for worker in (*self._workers, *self._hub.companions):
                if worker.state != "ready":
                    continue
                worker.silent_ticks += 1
                if worker.silent_ticks == SILENT_TICKS_MAX:
                    silent_s = TICK_S * SILENT_TICKS_MAX
                    facts = {"process": worker.name, "worker": worker.number, "pid": worker.pid, "silent_s": silent_s}
                    log.error("worker.stuck", **facts)
                    worker.kill(signal.SIGABRT)  # prints where it hangs
                elif worker.silent_ticks > SILENT_TICKS_MAX:
                    worker.kill(signal.SIGKILL)

    # -- the end

    def _drain(self) -> None:
        for worker in self._workers:
            worker.retire()
            self._drain_one(worker)
        close_all(self._sockets)
        self._control.send({"type": "draining"})
        self._hub.tell_processes()

    def _drain_one(self, worker: Child) -> None:
        if worker.channel is not None:
            worker.state = "draining"
            worker.send({"type": "drain", "timeout_s": self._hub.drain_timeout_s})

    async def _end(self, tasks: list[asyncio.Task[None]], children: list[Child], timeout_s: float) -> None:
        """Wait for children that were told to end; kill those that do not."""
        _, late = await asyncio.wait(tasks, timeout=timeout_s)
        if late:
            for child in children:
                if child.pid is not None:
                    log.error("process.end.late", process=child.name, worker=child.number, pid=child.pid)
                child.kill(signal.SIGKILL)
            await asyncio.wait(late)
