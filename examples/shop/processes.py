"""The demo's child processes: started with a log file each, waited for, ended in order."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

READY_TIMEOUT_S = 120.0  # a machine that is busy with other things takes its time
STOP_TIMEOUT_S = 10.0  # longer than the drain_timeout of config.yaml
POLL_S = 0.1
LOG_LINES_SHOWN = 15


class StartError(Exception):
    """A process ended before it was ready, or never became ready."""


@dataclass(slots=True)
class Process:
    """One child: its command, the file that its output goes to, and the URL that answers once it is ready."""

    name: str
    command: list[str]
    log: Path
    ready_url: str
    environment: dict[str, str] = field(default_factory=dict)
    running: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            StartError: with the end of its log.
        """
        with self.log.open("wb") as log:
            # A session of its own: Ctrl-C reaches the demo alone, and the demo ends its children in order.
            self.running = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )
        try:
            async with asyncio.timeout(READY_TIMEOUT_S), aiohttp.ClientSession() as session:
                while not await self._answers(session):  # noqa: ASYNC110  (another process has no Event of ours)
                    await asyncio.sleep(POLL_S)
        except TimeoutError:
            raise StartError(f"{self.name} was not ready after {READY_TIMEOUT_S:.0f} s.\n{self.log_end()}") from None

    async def _answers(self, session: aiohttp.ClientSession) -> bool:
        if self.running is not None and self.running.returncode is not None:
            raise StartError(f"{self.name} ended with code {self.running.returncode}.\n{self.log_end()}")
        try:
            async with session.get(self.ready_url) as response:
                return response.status == 200
        except aiohttp.ClientError:
            return False

    async def ended(self) -> int:
        """Wait until it ends; its exit code."""
        return await self.running.wait() if self.running else 0

    async def stop(self) -> None:
        """SIGTERM, and SIGKILL for one that does not listen."""
        if self.running is None or self.running.returncode is not None:
            return
        self.running.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.running.wait(), STOP_TIMEOUT_S)
        except TimeoutError:
            self.running.kill()
            await self.running.wait()

    def log_end(self) -> str:
        """The last lines of its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        return "\n".join([f"The end of {self.log}:", *(f"  {line}" for line in lines)])
