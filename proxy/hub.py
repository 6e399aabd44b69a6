"""The middle of the star: every frame of one process for another passes here.

Control reaches workers only through the hub. It keeps the table in force, so that a worker that is started again needs
neither control nor a readable file, and control's memory, so that control can die as well.

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
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from proxy.assignment import Assignment
from proxy.channel import Frame
from proxy.child import Child
from proxy.companion import Companion, Role
from proxy.ledger import TableLedger
from proxy.listening import bound_address
from proxy.tableframe import for_workers

log = structlog.get_logger()


class Hub:
    """Passes frames on, and keeps what a process that is started again has to be told.

    Args:
        assignment: what is run.
        workers: the processes of the data plane.
        control: the one that decides.
        companions: the others, and what each of them is.
        redaction_key: where the configuration names none.
        stop: set once the proxy is to end; no companion is started from then on.
        on_ready: called once, when every worker serves for the first time.

    Attributes:
        ledger: of tables.
        companions: by their child.
        drain_timeout_s: by the table in force.
        ready: every worker has served at one time.
    """

    def __init__(
        self,
        assignment: Assignment,
        workers: Sequence[Child],
        control: Child,
        companions: Mapping[Child, Role],
        *,
        redaction_key: str,
        stop: asyncio.Event,
        on_ready: Callable[[], None],
    ) -> None:
        self.ledger = TableLedger({"type": "table", "version": 1, "config": assignment.config})
        self.drain_timeout_s = assignment.drain_timeout_s
        self.ready = False
        self.companions = {
            child: Companion(child, role, self.tell_processes, self._relay) for child, role in companions.items()
        }
        self._assignment = assignment
        self._workers = workers
        self._control = control
        self._redaction_key = redaction_key
        self._stop = stop
        self._on_ready = on_ready
        self._version_last = 1
        self._memory: Any = None
        self._reload_reason: str | None = None
        self._started_at = time.time()
        self._from_worker = {"ack": self._on_ack, "refused": self._on_refused, "snapshot": self._on_snapshot}
        self._from_control = {"table": self._on_table, "remember": self._on_remember}

    def on_frame(self, child: Child, frame: Frame) -> None:
        """A process has sent a frame."""
        handler = self._handlers_of(child).get(frame["type"])
        if handler is None:
            log.error("supervisor.frame.unknown", process=child.name, frame=frame["type"])
        else:
            handler(child, frame)

    def _handlers_of(self, child: Child) -> Mapping[str, Callable[[Child, Frame], None]]:
        if child is self._control:
            return self._from_control
        companion = self.companions.get(child)
        return self._from_worker if companion is None else companion.handlers

    # -- frames of workers

    def _on_ack(self, worker: Child, frame: Frame) -> None:
        worker.version = frame["version"]
        if worker.state == "starting":
            worker.state = "ready"
            log.info("worker.ready", worker=worker.number, pid=worker.pid, version=worker.version)
        accepted = self.ledger.acknowledge(worker.number, worker.version)
        self.tell_processes()
        if accepted:
            self._tell_accepted()
        if not self.ready and all(one.state == "ready" for one in self._workers):
            self.ready = True
            self._on_ready()

    def _on_refused(self, worker: Child, frame: Frame) -> None:
        version, error = frame["version"], frame["error"]
        log.error("worker.table.refused", worker=worker.number, version=version, error=error)
        back = self.ledger.refuse(version)
        if back is None:
            return
        for one in self._workers:
            one.send(for_workers(back))
        self._control.send({"type": "rejected", "version": version, "worker": worker.number, "error": error})

    def _on_snapshot(self, worker: Child, frame: Frame) -> None:
        relayed = {"type": "snapshot", "worker": worker.number, "incarnation": worker.incarnation}
        self._relay({**relayed, "data": frame["data"]})

    # -- frames of control

    def _on_table(self, control: Child, frame: Frame) -> None:
        del control
        self._version_last = max(self._version_last, frame["version"])
        serving = [worker for worker in self._workers if worker.channel is not None]
        self.ledger.offer(frame, {worker.number for worker in serving})
        for worker in serving:
            worker.send(for_workers(frame))
        if self.ledger.pending is None:  # no worker runs right now: the next ones start with it
            self._tell_accepted()

    def _on_remember(self, control: Child, frame: Frame) -> None:
        del control
        self._memory = frame["memory"]

    # -- processes that come and go

    def greet_control(self) -> None:
        """Control runs: tell it everything that it needs."""
        self._control.state = "ready"
        self._control.send(
            {
                "type": "hello",
                "table": self.ledger.accepted,
                "version_last": self._version_last,
                "config_path": str(self._assignment.config_path),
                "overrides": self._assignment.overrides,
                "memory": self._memory,
                "redaction_key": self._redaction_key,
                "started_at": self._started_at,
                "pid": os.getpid(),
                "control_restarts": self._control.restarts,
                "listen": {address: bound_address(sock) for address, sock in self._assignment.sockets.items()},
                "workers": self._describe_workers(),
                **self._describe_companions(),
            }
        )
        if self._reload_reason is not None:
            self._control.send({"type": "reload", "reason": self._reload_reason})
            self._reload_reason = None

    def greet_worker(self, worker: Child) -> None:
        """A worker runs: give it the table in force, and the one that is on its way."""
        for frame in self.ledger.join(worker.number):
            worker.send(for_workers(frame))

    def greet_companion(self, child: Child) -> None:
        """A companion runs: give it the table in force."""
        self.companions[child].send_table(self.ledger.accepted)
        self.tell_processes()

    def lose_worker(self, worker: Child) -> None:
        """A worker is gone: a table that waited only for its word is in force now."""
        if self.ledger.leave(worker.number):
            self._tell_accepted()
        self.tell_processes()

    def want_companions(self) -> None:
        """Have those companions run that the table in force needs."""
        if not self._stop.is_set():
            for companion in self.companions.values():
                companion.want(self.ledger.accepted)

    # -- what control is told

    def request_reload(self, reason: str) -> None:
        """Have control read the file again; where it is down, the next one will."""
        if self._control.state != "ready":
            self._reload_reason = reason
        else:
            self._control.send({"type": "reload", "reason": reason})

    def tell_processes(self) -> None:
        """Tell control how the processes are."""
        self._control.send({"type": "workers", "workers": self._describe_workers(), **self._describe_companions()})

    def _relay(self, frame: Frame) -> None:
        if self._control.channel is not None:
            self._control.channel.offer(frame)

    def _tell_accepted(self) -> None:
        table = self.ledger.accepted
        self.drain_timeout_s = table.get("drain_timeout_s", self.drain_timeout_s)
        self._control.send({"type": "accepted", "version": table["version"]})
        self.want_companions()
        for companion in self.companions.values():
            companion.send_table(table)

    def _describe_workers(self) -> list[dict[str, Any]]:
        return [worker.describe() for worker in self._workers]

    def _describe_companions(self) -> dict[str, Any]:
        return {child.name: companion.describe() for child, companion in self.companions.items()}
