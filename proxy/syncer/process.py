"""The syncer as a process of the supervisor: takes tables, runs their syncs, says how they are every second.

It can die at any moment: what was applied is in the stores together with how far it was applied.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import os
import socket
import sys
from pathlib import Path
from typing import Final

import click
import structlog
import uvloop

from legacy_adapters.host import SyncHost
from proxy.channel import Channel, Frame, open_channel
from proxy.heap import collect_rarely, keep_freed_memory
from proxy.logging import configure_logging
from proxy.parts import Parts
from proxy.signals import heed_signals
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
        heed_signals(self._ended.set)
        to_supervisor = await open_channel(channel, self._frames.put_nowait, self._on_supervisor_gone)
        parts = Parts(self._on_broken)
        for work in (self._host.run(), self._handle_frames(to_supervisor), self._send_snapshots(to_supervisor)):
            parts.start(work)
        await self._ended.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(parts.end(), CLOSE_S)
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

    def _on_broken(self, error: BaseException) -> None:
        log.error("syncer.failed", exc_info=error)
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
