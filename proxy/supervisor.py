"""The process that binds, starts, relays, restarts and stops, and does nothing else.

```
            ┌── socketpair ── worker 0      inherits the listening sockets
supervisor ─┼── socketpair ── worker 1
            ├── socketpair ── control       reads the file, decides, measures
            ├── socketpair ── comparer      takes exchanges from workers, once a route is mirrored
            └── socketpair ── syncer        keeps stores in step, once there are syncs
```
The supervisor is the hub: control reaches workers only through it. It keeps the table in force, so that a worker that
is started again needs neither control nor a readable file, and control's memory, so that control can die as well.

| frame | from → to | meaning |
| --- | --- | --- |
| `table` version, config | control → workers | compile it and serve it |
| `ack` version | worker → supervisor | serves it |
| `refused` version, error | worker → supervisor | cannot; everybody goes back to the table before |
| `accepted` / `rejected` version | supervisor → control | what became of a table |
| `snapshot` data | worker → control | counters, every second; dropped when nobody reads |
| `table` version, config | supervisor → comparer | the table in force: how to compare, where to store |
| `ack` version | comparer → supervisor | takes exchanges |
| `snapshot` data | comparer → control, as `comparer` | what it found, every second; dropped when nobody reads |
| `table`, `ack`, `snapshot` | supervisor ↔ syncer | the same, for the syncs of the table |
| `hello` | supervisor → control | everything it needs to start: table, workers, memory |
| `workers` workers, comparer, syncer | supervisor → control | the processes, whenever they change |
| `remember` memory | control → supervisor | what control wants back in its next `hello` |
| `reload` reason | supervisor → control | read the file again |
| `drain` timeout_s, `reopen` | supervisor → worker | finish and exit; open log files anew |
| `draining` | supervisor → control | the proxy stops: not ready any more |
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from socket import socket
from typing import Any, Final

import structlog

from proxy.channel import Frame
from proxy.child import Child, ChildEvents
from proxy.companion import Companion, Role
from proxy.exchangesocket import ExchangeSocket, mirrors_anything
from proxy.ledger import TableLedger
from proxy.listening import bound_address, close_all
from proxy.notify import notify
from proxy.signals import unblock_signals
from proxy.takeover import Inheritance, start_successor

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


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a supervisor is to run.

    Attributes:
        config: the resolved configuration as JSON.
        config_path: the file it came from.
        overrides: settings of the command line that win over the file, as JSON of the same shape.
        workers: how many.
        drain_timeout_s: how long requests may finish after SIGTERM.
        sockets: configured address -> listening socket, in the order of `listen`.
        inheritance: what the supervisor before this one left.
    """

    config: dict[str, Any]
    config_path: Path
    overrides: dict[str, Any]
    workers: int
    drain_timeout_s: float
    sockets: dict[str, socket]
    inheritance: Inheritance = field(default_factory=lambda: Inheritance({}, None))


class Supervisor:
    """Runs one assignment from start to exit."""

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._sockets = assignment.sockets
        self._exchanges = ExchangeSocket()
        self._redaction_key = secrets.token_hex(32)
        self._ledger = TableLedger({"type": "table", "version": 1, "config": assignment.config})
        self._version_last = 1
        self._drain_timeout_s = assignment.drain_timeout_s
        self._memory: Any = None
        self._reload_reason: str | None = None
        self._started_at = time.time()
        self._ready = False
        self._start_failures = 0
        self._exit_status = 0
        self._stop_signals = 0
        self._stop = asyncio.Event()
        self._taking_over: asyncio.Task[None] | None = None
        self._succeeded = False
        self._from_worker = {"ack": self._on_ack, "refused": self._on_refused, "snapshot": self._on_snapshot}
        self._from_control = {"table": self._on_table, "remember": self._on_remember}
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
        roles = {
            comparer: Role(mirrors_anything, self._for_comparer, COMPARER_STOP_S),
            syncer: Role(syncs_anything, _for_syncer, SYNCER_STOP_S),
        }
        self._companions = {
            child: Companion(child, role, self._tell_workers, self._relay) for child, role in roles.items()
        }

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
        self._want_companions(self._ledger.accepted)
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
        await self._end(workers, self._workers, self._drain_timeout_s + DRAIN_GRACE_S)
        for companion in self._companions.values():
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
        loop.add_signal_handler(signal.SIGHUP, self._request_reload, "signal")
        loop.add_signal_handler(signal.SIGUSR1, self._reopen_logs)
        loop.add_signal_handler(signal.SIGUSR2, self._start_takeover)
        unblock_signals()

    def _on_stop_signal(self, number: signal.Signals) -> None:
        self._stop_signals += 1
        if self._stop_signals == 1:
            log.info("supervisor.stop.requested", signal=number.name, drain_timeout_s=self._drain_timeout_s)
            self._stop.set()
            return
        log.warning("supervisor.stop.forced", signal=number.name)
        self._exit_status = 1
        for child in (*self._workers, *self._companions, self._control):
            child.kill(signal.SIGKILL)

    def _request_reload(self, reason: str) -> None:
        """Pass it to control; where control is down, keep it for the next one."""
        if self._control.state != "ready":
            self._reload_reason = reason
        else:
            self._control.send({"type": "reload", "reason": reason})

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
            self._greet_control()
            return
        if child in self._companions:
            self._companions[child].send_table(self._ledger.accepted)
            self._tell_workers()
            return
        for frame in self._ledger.join(child.number):
            child.send(_for_workers(frame))
        if self._stop.is_set():  # it was being started when the end came
            self._drain_one(child)
        self._tell_workers()

    def _on_end(self, child: Child) -> None:
        if child is self._control:
            return
        if child in self._companions:
            self._tell_workers()
            return
        if self._ledger.leave(child.number):
            self._tell_accepted()
        self._tell_workers()
        if not self._ready and not self._stop.is_set():
            self._start_failures += 1
            if self._start_failures >= START_FAILURES_MAX:
                log.error("supervisor.start.failed", why="no worker came up; their own events say why")
                self._exit_status = 1
                self._stop.set()

    def _on_frame(self, child: Child, frame: Frame) -> None:
        handler = self._handlers_of(child).get(frame["type"])
        if handler is None:
            log.error("supervisor.frame.unknown", process=child.name, frame=frame["type"])
        else:
            handler(child, frame)

    def _handlers_of(self, child: Child) -> Mapping[str, Callable[[Child, Frame], None]]:
        if child is self._control:
            return self._from_control
        companion = self._companions.get(child)
        return self._from_worker if companion is None else companion.handlers

    def _want_companions(self, table: Frame) -> None:
        if not self._stop.is_set():
            for companion in self._companions.values():
                companion.want(table)

    async def _watch_silence(self) -> None:
        """End workers and companions whose event loop is stuck: they take connections and never answer."""
        while True:
            await asyncio.sleep(TICK_S)
            for worker in (*self._workers, *self._companions):
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

    # -- frames of workers

    def _on_ack(self, worker: Child, frame: Frame) -> None:
        worker.version = frame["version"]
        if worker.state == "starting":
            worker.state = "ready"
            log.info("worker.ready", worker=worker.number, pid=worker.pid, version=worker.version)
        accepted = self._ledger.acknowledge(worker.number, worker.version)
        self._tell_workers()
        if accepted:
            self._tell_accepted()
        if not self._ready and all(one.state == "ready" for one in self._workers):
            self._ready = True
            log.info("supervisor.ready", version=self._ledger.accepted["version"])
            notify(os.environ, f"MAINPID={os.getpid()}", "READY=1")
            self._assignment.inheritance.report_ready()

    def _on_refused(self, worker: Child, frame: Frame) -> None:
        version, error = frame["version"], frame["error"]
        log.error("worker.table.refused", worker=worker.number, version=version, error=error)
        back = self._ledger.refuse(version)
        if back is None:
            return
        for one in self._workers:
            one.send(_for_workers(back))
        self._control.send({"type": "rejected", "version": version, "worker": worker.number, "error": error})

    def _on_snapshot(self, worker: Child, frame: Frame) -> None:
        relayed = {"type": "snapshot", "worker": worker.number, "incarnation": worker.incarnation}
        self._relay({**relayed, "data": frame["data"]})

    # -- frames of control

    def _on_table(self, control: Child, frame: Frame) -> None:
        del control
        self._version_last = max(self._version_last, frame["version"])
        serving = [worker for worker in self._workers if worker.channel is not None]
        self._ledger.offer(frame, {worker.number for worker in serving})
        for worker in serving:
            worker.send(_for_workers(frame))
        if self._ledger.pending is None:  # no worker runs right now: the next ones start with it
            self._tell_accepted()

    def _on_remember(self, control: Child, frame: Frame) -> None:
        del control
        self._memory = frame["memory"]

    def _greet_control(self) -> None:
        self._control.state = "ready"
        self._control.send(
            {
                "type": "hello",
                "table": self._ledger.accepted,
                "version_last": self._version_last,
                "config_path": str(self._assignment.config_path),
                "overrides": self._assignment.overrides,
                "memory": self._memory,
                "redaction_key": self._redaction_key,
                "started_at": self._started_at,
                "pid": os.getpid(),
                "control_restarts": self._control.restarts,
                "listen": {address: bound_address(sock) for address, sock in self._sockets.items()},
                "workers": self._describe_workers(),
                **self._describe_companions(),
            }
        )
        if self._reload_reason is not None:
            self._control.send({"type": "reload", "reason": self._reload_reason})
            self._reload_reason = None

    def _tell_workers(self) -> None:
        self._control.send({"type": "workers", "workers": self._describe_workers(), **self._describe_companions()})

    def _relay(self, frame: Frame) -> None:
        if self._control.channel is not None:
            self._control.channel.offer(frame)

    def _tell_accepted(self) -> None:
        table = self._ledger.accepted
        self._drain_timeout_s = table.get("drain_timeout_s", self._drain_timeout_s)
        self._control.send({"type": "accepted", "version": table["version"]})
        self._want_companions(table)
        for companion in self._companions.values():
            companion.send_table(table)

    def _describe_workers(self) -> list[dict[str, Any]]:
        return [worker.describe() for worker in self._workers]

    def _describe_companions(self) -> dict[str, Any]:
        return {child.name: companion.describe() for child, companion in self._companions.items()}

    def _for_comparer(self, table: Frame) -> Frame:
        """The table with a key for redaction, without the control API's tokens."""
        frame = _without_tokens(table)
        frame["config"]["syncs"] = []
        state = frame["config"].get("state", {})
        frame["config"]["state"] = {**state, "redaction_key": state.get("redaction_key") or self._redaction_key}
        return frame

    # -- the end

    def _drain(self) -> None:
        for worker in self._workers:
            worker.retire()
            self._drain_one(worker)
        close_all(self._sockets)
        self._control.send({"type": "draining"})
        self._tell_workers()

    def _drain_one(self, worker: Child) -> None:
        if worker.channel is not None:
            worker.state = "draining"
            worker.send({"type": "drain", "timeout_s": self._drain_timeout_s})

    async def _end(self, tasks: list[asyncio.Task[None]], children: list[Child], timeout_s: float) -> None:
        """Wait for children that were told to end; kill those that do not."""
        _, late = await asyncio.wait(tasks, timeout=timeout_s)
        if late:
            for child in children:
                if child.pid is not None:
                    log.error("process.end.late", process=child.name, worker=child.number, pid=child.pid)
                child.kill(signal.SIGKILL)
            await asyncio.wait(late)


def syncs_anything(config: Mapping[str, Any]) -> bool:
    """Whether this configuration (as JSON) has syncs."""
    return bool(config.get("syncs"))


def _for_workers(frame: Frame) -> Frame:
    """The table without what workers need not know: tokens, the key of redaction, the stores' passwords."""
    frame = _without_tokens(frame)
    frame["config"]["syncs"] = []
    frame["config"]["state"] = {**frame["config"].get("state", {}), "redaction_key": None}
    return frame


def _for_syncer(frame: Frame) -> Frame:
    """The table without tokens and the key of redaction."""
    frame = _without_tokens(frame)
    frame["config"]["state"] = {**frame["config"].get("state", {}), "redaction_key": None}
    return frame


def _without_tokens(frame: Frame) -> Frame:
    config = dict(frame["config"])
    config["control"] = {**config.get("control", {}), "tokens": []}
    return {"type": "table", "version": frame["version"], "config": config}
