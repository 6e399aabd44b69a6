"""One process of the data plane: serves clients with the table it was given, and outlives everything else.

It starts with nothing but numbers: its own, that of its channel, those of the listening sockets. The configuration
comes as a frame, is compiled here, and is acknowledged once it serves. Frames are handled one after the other, so a
table is never installed into a data plane that is still starting or already draining. The end of the channel means that
the supervisor is gone: finish what is under way and exit.
"""

from __future__ import annotations

import asyncio
import faulthandler
import gc
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import click
import structlog
import uvloop

from proxy.channel import Channel, Frame, open_channel
from proxy.heap import keep_freed_memory
from proxy.hop.accesslog import AccessLog
from proxy.hop.plane import DataPlane
from proxy.logging import configure_logging
from proxy.signals import heed_signals
from routes.config import Config
from routes.table import Table, compile_table

#: Between two snapshots.
SNAPSHOT_INTERVAL_S: Final = 1.0
#: The access log may take so long to reach its file at the end.
LOG_CLOSE_S: Final = 2.0
#: Objects allocated before the youngest generation is collected: requests leave next to no cycles behind.
GC_THRESHOLD: Final = 50_000
#: Exit status when the first table cannot be served.
EXIT_REFUSED: Final = 3

log = structlog.get_logger()


class Worker:
    """Serves until it is told to drain."""

    def __init__(self, number: int, listen_fds: Sequence[int], comparer: str | None = None) -> None:
        self._number = number
        self._comparer = comparer
        self._listen_fds = listen_fds
        self._frames: asyncio.Queue[Frame] = asyncio.Queue()
        self._channel: Channel | None = None
        self._config: Config | None = None
        self._plane: DataPlane | None = None
        self._access_log: AccessLog | None = None

    async def run(self, channel: socket.socket) -> int:
        """Serve; returns the exit status.

        Args:
            channel: this end of the socket pair that leads to the supervisor.
        """
        heed_signals(partial(self._frames.put_nowait, {"type": "drain"}))
        self._channel = await open_channel(channel, self._frames.put_nowait, self._on_supervisor_gone)
        snapshots = asyncio.create_task(self._send_snapshots())
        try:
            return await self._handle_frames()
        finally:
            snapshots.cancel()
            await self._close()

    def _on_supervisor_gone(self) -> None:
        log.warning("worker.supervisor.gone", worker=self._number)
        self._frames.put_nowait({"type": "drain"})

    async def _handle_frames(self) -> int:
        while True:
            frame = await self._frames.get()
            match frame["type"]:
                case "table":
                    await self._take_table(frame)
                    if self._plane is None:
                        return EXIT_REFUSED
                case "reopen" if self._access_log is not None:
                    self._access_log.reopen()
                case "drain":
                    await self._drain(frame.get("timeout_s"))
                    return 0

    async def _take_table(self, frame: Frame) -> None:
        """Serve another configuration, or say why not and stay with the one before."""
        version = frame["version"]
        try:
            # In a thread: thousands of routes take a while, and requests go on meanwhile.
            config, table = await asyncio.to_thread(_compile, frame["config"], version)
            await self._serve(config, table)
        except Exception as error:  # whatever is wrong with a table, the one before serves on
            log.exception("worker.table.failed", worker=self._number, version=version)
            self._send({"type": "refused", "version": version, "error": f"{type(error).__name__}: {error}"})
        else:
            self._config = config
            self._send({"type": "ack", "version": version})
            self._offer_snapshot()

    async def _serve(self, config: Config, table: Table) -> None:
        if self._plane is not None:
            await self._plane.install(config, table)
            configure_logging(config.log.level, config.log.format, sys.stderr)
            return
        configure_logging(config.log.level, config.log.format, sys.stderr)
        self._access_log = AccessLog(config.log.access, config.log.format, worker=self._number)
        plane = DataPlane(config, table, worker=self._number, access_log=self._access_log, comparer=self._comparer)
        await plane.start()
        for listen, fd in zip(config.listen, self._listen_fds, strict=True):
            with socket.socket(fileno=fd) as sock:
                await plane.listen(sock, listen)
        self._plane = plane
        gc.collect()
        gc.freeze()
        gc.set_threshold(GC_THRESHOLD, 20, 20)

    async def _drain(self, timeout_s: float | None) -> None:
        if self._plane is None or self._config is None:
            return
        timeout_s = self._config.shutdown.drain_timeout if timeout_s is None else timeout_s
        log.info("worker.drain.started", worker=self._number, timeout_s=timeout_s)
        cut = await self._plane.drain(timeout_s)
        self._send(self._snapshot(self._plane))
        log.info("worker.drain.ended", worker=self._number, cut=cut)

    async def _send_snapshots(self) -> None:
        while True:
            await asyncio.sleep(SNAPSHOT_INTERVAL_S)
            self._offer_snapshot()

    def _offer_snapshot(self) -> None:
        if self._plane is not None and self._channel is not None:
            self._channel.offer(self._snapshot(self._plane))

    def _snapshot(self, plane: DataPlane) -> Frame:
        data = plane.snapshot()
        data["snapshots_dropped"] = 0 if self._channel is None else self._channel.dropped
        return {"type": "snapshot", "data": data}

    def _send(self, frame: Frame) -> None:
        if self._channel is not None:
            self._channel.send(frame)

    async def _close(self) -> None:
        if self._plane is not None:
            await self._plane.close()
        if self._access_log is not None:
            self._access_log.close(LOG_CLOSE_S)
        if self._channel is not None:
            self._channel.close()
            await asyncio.sleep(0)


def _compile(given: Mapping[str, Any], version: int) -> tuple[Config, Table]:
    config = Config.model_validate(given)
    return config, compile_table(config, version)


@click.command()
@click.option("--number", type=int, required=True)
@click.option("--listen", required=True, help="Descriptors of the listening sockets, in the order of `listen`.")
@click.option("--channel", type=int, required=True, help="Descriptor of the channel to the supervisor.")
@click.option("--comparer", default=None, help="Path of the socket that takes exchanges.")
def main(number: int, listen: str, channel: int, comparer: str | None) -> None:
    """Started by the supervisor only."""
    keep_freed_memory()
    configure_logging("info", "json", sys.stderr)
    faulthandler.enable()  # the supervisor aborts a worker that hangs: this tells where
    fds = [int(fd) for fd in listen.split(",")]
    for fd in (channel, *fds):
        os.set_inheritable(fd, False)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(Worker(number, fds, comparer).run(socket.socket(fileno=channel))))


if __name__ == "__main__":
    main()
