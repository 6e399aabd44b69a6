"""`strangler sync run` and `backfill`: the syncs alone, without a proxy, next to a database."""

from __future__ import annotations

import asyncio
import contextlib
import io
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TextIO, cast

import click
import orjson
from rich.console import Console
from rich.live import Live

from legacy_adapters.engine.phases import Phase
from legacy_adapters.host import SyncHost
from proxy.cli.exits import EXIT_INTERRUPTED, EXIT_OK, EXIT_UNREACHABLE, EXIT_WRONG, SYNCING, told
from proxy.cli.screen import console, on_terminal, plain, show
from proxy.cli.sync.overview import overview, progress_lines
from proxy.cli.sync.working import chosen, common_options, finish, load, opened
from proxy.logging import configure_logging
from proxy.printable import printable
from routes.config import Config, Sync

#: Between two looks at how far it is, and between two lines where there is no terminal.
_LOOK_S: Final = 0.5
_LINES_S: Final = 5.0


@click.command("run", epilog=told(SYNCING))
@click.argument("sync", required=False)
@common_options
def run_command(sync: str | None, config: Path, *, as_json: bool) -> None:
    """Run SYNC, or all, until Ctrl-C: copy what is to be copied, then follow. Not beside `strangler run`.

    In a terminal it shows how far it is; elsewhere it logs as the configuration says, and with --json prints its status
    every five seconds.
    """
    given = load(config)
    running = _Running(given, chosen(given, sync, config), config.resolve().parent, as_json=as_json)
    finish(running.follow())


@click.command("backfill", epilog=told(SYNCING))
@click.argument("sync", required=False)
@click.option("--again", is_flag=True, help="Copy every row anew, after capture was interrupted or a store went back.")
@common_options
def backfill_command(sync: str | None, config: Path, *, again: bool, as_json: bool) -> None:
    """Run SYNC, or all, until the first copy of each is done, then end. Goes on where it was interrupted.

    How far it is stands in the terminal, or every five seconds in a line on standard error. A store that goes away
    meanwhile is waited for; one that cannot be reached at the start ends it with 3.
    """
    given = load(config)
    syncs, folder = chosen(given, sync, config), config.resolve().parent

    async def copy() -> int:
        if again:
            await _begin_anew(given, syncs, folder)
        return await _Running(given, syncs, folder, as_json=as_json).copy()

    finish(copy())


async def _begin_anew(config: Config, syncs: list[Sync], folder: Path) -> None:
    """Have every row of these copied again; one that never ran begins anyway."""
    async with opened(config, syncs, folder, never_ran=lambda _: None) as found:
        for room in found.values():
            for stream in room.streams:
                await room.operations.copy_again(stream.direction.name)


class _Running:
    """Syncs that run in this process, and what is shown of them."""

    def __init__(self, config: Config, syncs: list[Sync], folder: Path, *, as_json: bool) -> None:
        self._log = config.log
        self._as_json = as_json
        self._shown = on_terminal() and not as_json
        self._host = SyncHost(folder)
        self._host.want(syncs)
        self._interrupted = False

    async def follow(self) -> int:
        """Run until somebody ends it."""
        if not self._shown:
            configure_logging(self._log.level, self._log.format, sys.stderr)
        status = await self._run(until_copied=False)
        return EXIT_WRONG if any(one["error"] for one in status) else EXIT_OK

    async def copy(self) -> int:
        """Run until every first copy is done, or one cannot be."""
        if not self._shown:
            configure_logging("warning", "console", sys.stderr)
        status = await self._run(until_copied=True)
        if self._interrupted:
            click.echo("Interrupted. The same command goes on where it was.", err=True)
            return EXIT_INTERRUPTED
        if any(_never_reached(one) for one in status):
            return EXIT_UNREACHABLE
        return EXIT_WRONG if any(one["error"] for one in status) else EXIT_OK

    async def _run(self, *, until_copied: bool) -> list[dict[str, Any]]:
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._interrupt, ended)
        running = asyncio.create_task(self._host.run())
        running.add_done_callback(lambda _: ended.set())
        try:
            with self._screen() as live:
                await self._watch(ended, live, until_copied=until_copied)
        finally:
            status = self._host.status()
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
        if self._as_json:
            click.echo(orjson.dumps({"syncs": status}))
        elif not self._shown:
            show(overview(status))
        return status

    def _interrupt(self, ended: asyncio.Event) -> None:
        self._interrupted = True
        ended.set()

    @contextlib.contextmanager
    def _screen(self) -> Iterator[Live | None]:
        """The terminal, where there is one; what is logged meanwhile goes above."""
        if not self._shown:
            yield None
            return
        with Live(console=console(), auto_refresh=False) as live:
            configure_logging("error", "console", cast("TextIO", _Above(live.console)))
            yield live

    async def _watch(self, ended: asyncio.Event, live: Live | None, *, until_copied: bool) -> None:
        """Show how it goes until it is over."""
        told_at = time.monotonic()
        while not ended.is_set():
            status = self._host.status()
            if live is not None:
                live.update(overview(status), refresh=True)
            elif time.monotonic() - told_at >= _LINES_S:
                told_at = time.monotonic()
                self._tell(status, until_copied=until_copied)
            if until_copied and _is_over(status):
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), _LOOK_S)

    def _tell(self, status: list[dict[str, Any]], *, until_copied: bool) -> None:
        """Say how far it is where there is no terminal."""
        if until_copied:
            for line in [line for one in status for line in progress_lines(one)]:
                click.echo(printable(line), err=True)
        elif self._as_json:
            click.echo(orjson.dumps({"syncs": status}))


class _Above(io.TextIOBase):
    """A stream whose lines go above what is shown live; without a buffer, so that nothing is written past it."""

    def __init__(self, screen: Console) -> None:
        super().__init__()
        self._screen = screen

    def write(self, text: str, /) -> int:
        """Put a line there."""
        self._screen.print(plain(text.rstrip()))
        return len(text)


def _is_over(status: list[dict[str, Any]]) -> bool:
    """Whether every first copy is done, or one needs somebody."""
    return all(one["phase"] == Phase.LIVE for one in status) or any(
        one["phase"] in {Phase.STOPPED, Phase.PAUSED} or _never_reached(one) for one in status
    )


def _never_reached(one: dict[str, Any]) -> bool:
    """Whether a store of it could not be reached when it was opened."""
    return one["phase"] == Phase.WAITING and not one["directions"]
