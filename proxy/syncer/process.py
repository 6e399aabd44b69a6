"""The syncer as a process of the supervisor: takes tables, runs their syncs, says how they are every second.

It can die at any moment: what was applied is in the stores together with how far it was applied.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any, Final

import click
import structlog
import uvloop

from legacy_adapters.host import SyncHost
from proxy.channel import Channel, Frame, open_channel
from proxy.child import unblock_signals
from proxy.heap import collect_rarely, keep_freed_memory
from proxy.logging import configure_logging
from routes.config import Config

#: Between two snapshots.
SNAPSHOT_S: Final = 1.0
#: A transaction under way may take so long to roll back at the end.
CLOSE_S: Final = 5.0
EXIT_FAILED: Final = 1

log = structlog.get_logger()


class SyncerProcess:
    """Runs until the supervisor says so or is gone."""

    def __init__(self, folder: Path) -> None:
        self._host = SyncHost(folder)
        self._ended = asyncio.Event()
        self._exit_status = 0
        self._frames: asyncio.Queue[Frame] = asyncio.Queue()

    async def run(self, channel: socket.socket) -> int:
        """Sync; returns the exit status.

        Args:
            channel: this end of the socket pair that leads to the supervisor.
        """
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._ended.set)
        for ignored in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(ignored, signal.SIG_IGN)  # the supervisor coordinates
        unblock_signals()
        to_supervisor = await open_channel(channel, self._frames.put_nowait, self._on_supervisor_gone)
        works = self._host.run(), self._handle_frames(to_supervisor), self._send_snapshots(to_supervisor)
        tasks = [asyncio.create_task(work) for work in works]
        for task in tasks:
            task.add_done_callback(self._on_task_done)
        await self._ended.wait()
        for task in tasks:
            task.cancel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), CLOSE_S)
        to_supervisor.close()
        await asyncio.sleep(0)
        return self._exit_status

    async def _handle_frames(self, to_supervisor: Channel) -> None:
        while True:
            frame = await self._frames.get()
            if frame["type"] == "table":
                config = Config.model_validate(frame["config"])
                configure_logging(config.log.level, config.log.format, sys.stderr)
                self._host.want(config.syncs)
                to_supervisor.send({"type": "ack", "version": frame["version"]})

    def _on_supervisor_gone(self) -> None:
        log.warning("syncer.supervisor.gone")
        self._ended.set()

    async def _send_snapshots(self, to_supervisor: Channel) -> None:
        while True:
            to_supervisor.offer({"type": "snapshot", "data": {"syncs": self._host.status()}})
            await asyncio.sleep(SNAPSHOT_S)

    def _on_task_done(self, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and task.exception() is not None:
            # A part that is broken is worse than none: the supervisor starts another one.
            log.error("syncer.failed", exc_info=task.exception())
            self._exit_status = EXIT_FAILED
            self._ended.set()


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), required=True, help="The configuration file's folder.")
@click.option("--channel", type=int, required=True, help="Descriptor of the channel to the supervisor.")
def main(folder: Path, channel: int) -> None:
    """Started by the supervisor only."""
    keep_freed_memory()
    collect_rarely()
    configure_logging("info", "json", sys.stderr)
    faulthandler.enable()  # the supervisor aborts a syncer that hangs: this tells where
    os.set_inheritable(channel, False)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(SyncerProcess(folder).run(socket.socket(fileno=channel))))
