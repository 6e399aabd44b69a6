"""The control process: watches the file, decides what is in force, measures, and answers the control API.

It can die at any moment. What it needs to go on is in the supervisor's `hello`: the table in force, the workers, and
`memory`, the counters of workers that are gone. While its address is taken, it goes on without the API and tries again.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from pathlib import Path
from typing import Final

import click
import structlog
from aiohttp import web

from proxy.backoff import Backoff
from proxy.channel import Channel, Frame, open_channel
from proxy.control.app import make_app
from proxy.control.evidence import Evidence
from proxy.control.rates import SAMPLE_S
from proxy.control.reload import Reloader
from proxy.control.state import ControlState
from proxy.control.watch import watch_file
from proxy.logging import configure_logging
from proxy.parts import Parts
from proxy.signals import heed_signals
from routes.config import Config
from routes.shadowing import CompareModel
from shadow.comparing.comparer import RouteComparer

#: Requests to the API may take so long to finish at the end.
API_CLOSE_S: Final = 1.0

log = structlog.get_logger()


class ControlProcess:
    """Runs until the supervisor says so or is gone."""

    def __init__(self) -> None:
        self._ended = asyncio.Event()
        self._hello: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._early: list[Frame] = []  # what comes while the state is being made
        self._channel: Channel | None = None
        self._state: ControlState | None = None
        self._parts = Parts(self._on_broken)

    async def run(self, channel: socket.socket) -> None:
        """Serve; the socket leads to the supervisor."""
        heed_signals(self._ended.set)
        self._channel = await open_channel(channel, self._on_frame, self._on_supervisor_gone)
        self._parts.start(self._serve())
        await self._ended.wait()
        await self._parts.end()
        self._channel.close()

    async def _serve(self) -> None:
        hello = await self._hello
        config = Config.model_validate(hello["table"]["config"])
        configure_logging(config.log.level, config.log.format, sys.stderr)
        path, version = Path(hello["config_path"]), hello["table"]["version"]
        reloader = Reloader(
            path,
            hello["overrides"],
            config,
            version=version,
            version_last=hello["version_last"],
            send=self._send,
            on_apply=self._on_apply,
        )
        state = self._state = ControlState(hello, reloader)
        if state.take_processes(hello):
            self._remember(state)
        for frame in self._early:
            self._handle(state, frame)
        self._early.clear()
        self._parts.start(self._sample(state))
        self._parts.start(self._watch(path))
        # The file may have changed while no control process was there to see it.
        self._parts.start(self._reload("start"))
        await self._serve_api(state)

    async def _serve_api(self, state: ControlState) -> None:
        """Answer the API; while the address cannot be had, say so and try again."""
        evidence = Evidence(state.reloader.config.state.url)
        runner = web.AppRunner(make_app(state, evidence, _make_comparer), access_log=None, shutdown_timeout=API_CLOSE_S)
        await runner.setup()
        control, backoff = state.reloader.config.control, Backoff()
        try:
            while True:
                try:
                    await web.TCPSite(runner, control.host, control.port, reuse_address=True).start()
                except OSError as error:
                    delay_s = max(0.2, backoff.next_delay_s(0.0))
                    log.error(  # noqa: TRY400 - the reason is all there is to know
                        "control.listen.failed", address=control.address, error=str(error), again_in_s=delay_s
                    )
                    await asyncio.sleep(delay_s)
                else:
                    break
            log.info("control.listening", address=control.address, bound=[str(one) for one in runner.addresses])
            await self._ended.wait()
        finally:
            await runner.cleanup()
            await evidence.close()

    async def _watch(self, path: Path) -> None:
        async for _ in watch_file(path):
            await self._reload("file")

    async def _reload(self, reason: str) -> None:
        if self._state is not None and not self._state.draining:
            await self._state.reloader.reload(reason)

    def _on_apply(self) -> None:
        if self._state is not None:
            self._state.take_table()
            log_settings = self._state.reloader.config.log
            configure_logging(log_settings.level, log_settings.format, sys.stderr)

    async def _sample(self, state: ControlState) -> None:
        while True:
            if state.complete:
                state.sample()
            await asyncio.sleep(SAMPLE_S)

    # -- the supervisor

    def _on_frame(self, frame: Frame) -> None:
        if frame["type"] == "hello":
            if not self._hello.done():
                self._hello.set_result(frame)
            return
        if self._state is None:
            self._early.append(frame)
        else:
            self._handle(self._state, frame)

    def _handle(self, state: ControlState, frame: Frame) -> None:
        match frame["type"]:
            case "workers":
                if state.take_processes(frame):
                    self._remember(state)
            case "snapshot":
                if state.take_snapshot(frame):
                    self._remember(state)
            case "comparer":
                if state.take_comparer(frame):
                    self._remember(state)
            case "syncer":
                state.syncs = frame["data"]["syncs"]
            case "accepted":
                state.reloader.settle(frame["version"], None)
            case "rejected":
                state.reloader.settle(frame["version"], f"worker {frame['worker']}: {frame['error']}")
            case "reload":
                self._parts.start(self._reload(frame["reason"]))
            case "draining":
                state.draining = True

    def _on_supervisor_gone(self) -> None:
        log.warning("control.supervisor.gone")
        self._ended.set()

    def _remember(self, state: ControlState) -> None:
        self._send({"type": "remember", "memory": state.memory()})

    def _send(self, frame: Frame) -> None:
        if self._channel is not None:
            self._channel.send(frame)

    def _on_broken(self, error: BaseException) -> None:
        log.error("control.failed", exc_info=error)
        self._ended.set()


def _make_comparer(model: CompareModel) -> RouteComparer:
    return RouteComparer(model, now=time.time)


async def _run(channel: int) -> None:
    await ControlProcess().run(socket.socket(fileno=channel))


@click.command()
@click.option("--channel", type=int, required=True, help="Descriptor of the channel to the supervisor.")
def main(channel: int) -> None:
    """Started by the supervisor only."""
    configure_logging("info", "json", sys.stderr)
    os.set_inheritable(channel, False)
    asyncio.run(_run(channel))
