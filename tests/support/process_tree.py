"""`strangler run` seen as a tree of processes: their ids, signals to each, the events they log."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from support.poll import poll
from support.strangler_process import StranglerProcess


class ProcessTree(StranglerProcess):
    """A running proxy whose processes a test may harm."""

    def __enter__(self) -> ProcessTree:
        super().__enter__()
        self.until_event("supervisor.ready")  # the control API is ready with the first worker
        return self

    @property
    def supervisor(self) -> subprocess.Popen[bytes]:
        """The process that the test started."""
        assert self._process is not None
        return self._process

    @property
    def file(self) -> Path:
        """Its configuration file."""
        return self.folder / "config.yaml"

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the supervisor."""
        self.supervisor.send_signal(number)

    def members(self, module: str) -> list[psutil.Process]:
        """The running processes of a module, such as `proxy.worker`, oldest first."""
        found = []
        for member in self._family():
            try:
                if module in member.cmdline():
                    found.append(member)
            except psutil.Error:
                continue
        return sorted(found, key=lambda member: member.create_time())

    def status(self) -> dict[str, Any]:
        """The answer of `/api/status`."""
        code, body = self.control("/api/status")
        assert code == 200, body
        status: dict[str, Any] = json.loads(body)
        return status

    def events(self, name: str) -> list[dict[str, Any]]:
        """The events of that name, in order."""
        lines = [json.loads(line) for line in self.log.read_bytes().splitlines() if line.startswith(b"{")]
        return [line for line in lines if line.get("event") == name]

    def until_event(self, name: str, count: int = 1, timeout_s: float = 20) -> dict[str, Any]:
        """Waits for the event to have been logged so often; returns the last one."""
        what = f"{name} was not logged {count} times"
        poll(lambda: len(self.events(name)) >= count, what, timeout_s)
        return self.events(name)[-1]

    def until_status(self, condition: Callable[[dict[str, Any]], object], timeout_s: float = 20) -> dict[str, Any]:
        """Waits until `/api/status` fulfils the condition; while control is away it does not."""

        def ask() -> dict[str, Any] | None:
            try:
                status = self.status()
            except OSError:
                return None
            return status if condition(status) else None

        found = poll(ask, "the status did not become what was expected", timeout_s)
        assert found is not None
        return found

    def ended(self, timeout_s: float = 20) -> int:
        """Waits for the supervisor's end; its exit status."""
        return self.supervisor.wait(timeout_s)
