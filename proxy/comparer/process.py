"""The comparer process: takes tables from the supervisor and exchanges from workers, until it is told to end.

It can die at any moment: the store has what was acknowledged, workers send again what was not. While the store cannot
be opened it stays and tries again; workers wait for its welcome, and shed what they cannot hold.
"""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import gc
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import click
import structlog
import uvloop

from proxy.backoff import Backoff
from proxy.channel import Channel, Frame, open_channel
from proxy.comparer.figures import Figures
from proxy.comparer.intake import Intake
from proxy.comparer.work import Work
from proxy.heap import keep_freed_memory
from proxy.logging import configure_logging
from proxy.parts import Parts
from proxy.signals import heed_signals
from routes.config import Config
from routes.shadowing import CompareModel
from routes.table import compile_table
from shadow.engine import CLUSTERS_MAX, Engine
from shadow.errors import StoreError
from shadow.keeping.retention import Limits
from shadow.keeping.store import ShadowStore

#: Between two snapshots, and between two looks at the live rules.
SNAPSHOT_S: Final = 1.0
RULES_S: Final = 1.0
#: While the store fails, between two looks whether it still does.
PROBE_S: Final = 2.0
#: Between two rounds of retention.
RETAIN_S: Final = 60.0
#: What was learned and is not written yet may take so long at the end.
FINISH_S: Final = 5.0
#: Exit status when the state moves to another database: the supervisor starts the next one with it.
EXIT_MOVED: Final = 0
EXIT_FAILED: Final = 1

T = TypeVar("T")

log = structlog.get_logger()


class Comparer:
    """Runs until the supervisor says so or is gone."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self._ended = asyncio.Event()
        self._exit_status = 0
        self._frames: asyncio.Queue[Frame] = asyncio.Queue()
        self._channel: Channel | None = None
        self._config: Config | None = None
        self._models: dict[str, CompareModel] = {}
        self._engine: Engine | None = None
        self._store: ShadowStore | None = None
        self._work: Work | None = None
        self._rules_version = -1
        self._figures = Figures()
        self._intakes: set[Intake] = set()
        self._parts = Parts(self._on_broken)

    async def run(self, channel: socket.socket) -> int:
        """Compare; returns the exit status.

        Args:
            channel: this end of the socket pair that leads to the supervisor.
        """
        heed_signals(self._ended.set)
        self._channel = await open_channel(channel, self._frames.put_nowait, self._on_supervisor_gone)
        self._parts.start(self._handle_frames())
        await self._ended.wait()
        await self._close()
        return self._exit_status

    # -- tables

    async def _handle_frames(self) -> None:
        while True:
            frame = await self._frames.get()
            if frame["type"] == "table":
                await self._take_table(frame)

    async def _take_table(self, frame: Frame) -> None:
        # In a thread: thousands of routes take a while, and batches go on meanwhile.
        config, models = await asyncio.to_thread(_compile, frame["config"], frame["version"])
        configure_logging(config.log.level, config.log.format, sys.stderr)
        before, self._config = self._config, config
        if before is not None and (before.state.url, before.state.redaction_key) != (
            config.state.url,
            config.state.redaction_key,
        ):
            log.info("comparer.state.moved")
            self._end(EXIT_MOVED)
            return
        self._models = models
        self._figures.keep_only(set(models))
        if self._store is None:
            await self._begin(config)
        await self._install()
        self._send({"type": "ack", "version": frame["version"]})

    async def _begin(self, config: Config) -> None:
        """Open the store, take up what was learned, and let workers in."""
        store = self._store = await _patiently(lambda: ShadowStore.open(config.state.url, node=socket.gethostname()))
        engine = self._engine = Engine((config.state.redaction_key or "").encode())
        engine.remember(await _patiently(store.noise), await _patiently(lambda: store.clusters(CLUSTERS_MAX)))
        self._work = Work(store, engine, self._figures)
        await self._install()
        gc.collect()
        gc.freeze()
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(self._make_intake, sock=self._listening)
        self._parts.start(self._work.run())
        self._parts.start(_serve(server))
        self._parts.start(self._watch_rules())
        self._parts.start(self._retain())
        self._parts.start(self._watch_store(self._work))
        self._parts.start(self._send_snapshots())

    async def _install(self) -> None:
        """Compare by the table in force and the live rules."""
        store, engine = self._store, self._engine
        if store is not None and engine is not None:
            self._rules_version, live = await _patiently(store.rules)
            engine.install(self._models, live, await _patiently(store.retests))

    async def _watch_rules(self) -> None:
        """Notice live rules that were made or withdrawn, and tests that were begun anew."""
        while True:
            await asyncio.sleep(RULES_S)
            with contextlib.suppress(StoreError):  # whoever writes says so
                if self._store is not None and await self._store.rules_version() != self._rules_version:
                    await self._install()
                    log.info("comparer.rules.installed", version=self._rules_version)

    async def _watch_store(self, work: Work) -> None:
        while True:
            await asyncio.sleep(PROBE_S)
            await work.probe()

    async def _retain(self) -> None:
        while True:
            store, config = self._store, self._config
            if store is not None and config is not None:
                try:
                    removed = await store.retain(Limits(config.state.keep_exchanges, config.state.keep_bytes))
                    self._figures.removed(removed)
                    self._figures.store = await store.sizes()
                except StoreError as error:
                    log.warning("comparer.retention.failed", reason=error.reason, error=str(error))
            await asyncio.sleep(RETAIN_S)

    # -- workers

    def _make_intake(self) -> Intake:
        return Intake(self._on_hello, self._on_batch)

    def _on_hello(self, intake: Intake) -> None:
        self._intakes = {one for one in self._intakes if not one.closed} | {intake}
        intake.welcome()

    def _on_batch(self, intake: Intake, batch: Any) -> None:
        if self._work is not None:
            self._work.put(intake, batch)

    # -- the supervisor

    def _on_supervisor_gone(self) -> None:
        log.warning("comparer.supervisor.gone")
        self._ended.set()

    async def _send_snapshots(self) -> None:
        while True:
            if self._channel is not None:
                self._channel.offer({"type": "snapshot", "data": self._figures.snapshot()})
            await asyncio.sleep(SNAPSHOT_S)

    def _send(self, frame: Frame) -> None:
        if self._channel is not None:
            self._channel.send(frame)

    # -- the end

    def _end(self, status: int) -> None:
        self._exit_status = status
        self._ended.set()

    async def _close(self) -> None:
        """Finish the batch in hand, answer it, write what was learned."""
        await self._parts.end()
        if self._work is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._work.finish(), FINISH_S)
        if self._store is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._store.close(), FINISH_S)
        if self._channel is not None:
            self._channel.close()
            await asyncio.sleep(0)

    def _on_broken(self, error: BaseException) -> None:
        log.error("comparer.failed", exc_info=error)
        self._end(EXIT_FAILED)


async def _serve(server: asyncio.Server) -> None:
    """Let workers in until cancelled. The connections end with the process, after their answers."""
    try:
        await server.serve_forever()
    finally:
        server.close()


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """What the store answers, however long it takes until it can be had."""
    backoff = Backoff()
    while True:
        try:
            return await ask()
        except StoreError as error:
            delay_s = max(0.2, backoff.next_delay_s(0.0))
            log.error("comparer.store.failed", reason=error.reason, error=str(error), again_in_s=delay_s)  # noqa: TRY400
            await asyncio.sleep(delay_s)


def _compile(given: Any, version: int) -> tuple[Config, dict[str, CompareModel]]:
    config = Config.model_validate(given)
    table = compile_table(config, version)
    return config, {route.name: route.shadow.compare for route in table.routes if route.shadow is not None}


@click.command()
@click.option("--listen", type=int, required=True, help="Descriptor of the listening socket.")
@click.option("--channel", type=int, required=True, help="Descriptor of the channel to the supervisor.")
def main(listen: int, channel: int) -> None:
    """Started by the supervisor only."""
    keep_freed_memory()
    configure_logging("info", "json", sys.stderr)
    faulthandler.enable()  # the supervisor aborts a comparer that hangs: this tells where
    for fd in (listen, channel):
        os.set_inheritable(fd, False)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        comparer = Comparer(socket.socket(fileno=os.dup(listen)))
        sys.exit(runner.run(comparer.run(socket.socket(fileno=channel))))
