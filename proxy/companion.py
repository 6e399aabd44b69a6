"""A process that works beside the data plane: the comparer, the syncer. Started when a table first asks for it.

The supervisor treats all of them alike: each gets every accepted table, acknowledges it, and sends snapshots, which
control is given. None of them holds a client's request, so they end after the workers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog

from proxy.channel import Frame
from proxy.child import Child

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Role:
    """What a companion is.

    Attributes:
        wanted: whether a configuration needs one.
        table: the table as this companion may see it.
        stop_s: what it has in hand may take so long at the end.
    """

    wanted: Callable[[dict[str, Any]], bool]
    table: Callable[[Frame], Frame]
    stop_s: float


class Companion:
    """One of them, from the first table that wants it to the end of the supervisor.

    Args:
        child: keeps its process running.
        role: what it is.
        changed: called when its state changed.
        relay: called with a frame for control, which may be lost.
    """

    def __init__(self, child: Child, role: Role, changed: Callable[[], None], relay: Callable[[Frame], None]) -> None:
        self.child = child
        self.role = role
        self._changed = changed
        self._relay = relay
        self._running: asyncio.Task[None] | None = None
        self.handlers = {"ack": self._on_ack, "snapshot": self._on_snapshot}

    def want(self, table: Frame) -> None:
        """Have one from the first table on that needs it; it stays when a later one does not."""
        if self._running is None and self.role.wanted(table["config"]):
            self._running = asyncio.create_task(self.child.run())

    def send_table(self, table: Frame) -> None:
        """Let it work by this table."""
        self.child.send(self.role.table(table))

    def describe(self) -> dict[str, Any] | None:
        """What control wants to know of it; None where none was ever wanted."""
        return None if self._running is None else self.child.describe()

    def retire(self) -> asyncio.Task[None] | None:
        """Start no further process; the task that ends with the last one, None where there never was one."""
        self.child.retire()
        return self._running

    def _on_ack(self, child: Child, frame: Frame) -> None:
        child.version = frame["version"]
        if child.state == "starting":
            child.state = "ready"
            log.info("companion.ready", process=child.name, pid=child.pid, version=child.version)
        self._changed()

    def _on_snapshot(self, child: Child, frame: Frame) -> None:
        self._relay({"type": child.name, "incarnation": child.incarnation, "data": frame["data"]})
