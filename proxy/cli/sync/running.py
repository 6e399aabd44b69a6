"""`strangler sync run` and `backfill`: the syncs alone, without a proxy, next to a database."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from pathlib import Path
from typing import Final

import click
import orjson
from rich.console import Console
from rich.live import Live

from legacy_adapters.host import SyncHost
from proxy.cli.sync.status import status_table
from proxy.cli.sync.working import (
    EPILOG,
    EXIT_OK,
    EXIT_WRONG,
    chosen,
    common_options,
    finish,
    load,
    opened,
    operations,
)
from proxy.logging import configure_logging
from routes.config import Config, Sync

_SHOW_S: Final = 0.5
_JSON_S: Final = 5.0


@click.command("run", epilog=EPILOG)
@click.argument("sync", required=False)
@common_options
def run_command(sync: str | None, config: Path, *, as_json: bool) -> None:
    """Run SYNC, or all, until Ctrl-C: copy what is to be copied, then follow. Not beside `strangler run`."""
    given = load(config)
    finish(_run(given, chosen(given, sync), config.resolve().parent, as_json=as_json, until_copied=False))


@click.command("backfill", epilog=EPILOG)
@click.argument("sync", required=False)
@click.option("--again", is_flag=True, help="Copy every row anew, after capture was interrupted or a store went back.")
@common_options
def backfill_command(sync: str | None, config: Path, *, again: bool, as_json: bool) -> None:
    """Run SYNC, or all, until the first copy of each is done, then end. Goes on where it was interrupted."""
    given = load(config)
    finish(_backfill(given, chosen(given, sync), config.resolve().parent, again=again, as_json=as_json))


async def _backfill(config: Config, syncs: list[Sync], folder: Path, *, again: bool, as_json: bool) -> int:
    if again:
        async with opened(config, syncs, folder) as found:
            for streams in found.values():
                for stream in streams:
                    await operations(streams).copy_again(stream.direction.name)
    return await _run(config, syncs, folder, as_json=as_json, until_copied=True)


async def _run(config: Config, syncs: list[Sync], folder: Path, *, as_json: bool, until_copied: bool) -> int:
    shown = sys.stdout.isatty() and not as_json
    configure_logging("error" if shown else config.log.level, config.log.format, sys.stderr)
    host = SyncHost(folder)
    host.want(syncs)
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    running = asyncio.create_task(host.run())
    running.add_done_callback(lambda _: ended.set())
    try:
        await _watch(host, ended, as_json=as_json, shown=shown, until_copied=until_copied)
    finally:
        status = host.status()
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    if as_json:
        click.echo(orjson.dumps({"syncs": status}))
    elif not shown:
        Console(highlight=False).print(status_table(status))
    return EXIT_WRONG if any(one["error"] for one in status) else EXIT_OK


async def _watch(host: SyncHost, ended: asyncio.Event, *, as_json: bool, shown: bool, until_copied: bool) -> None:
    """Show how it goes until it is over."""
    with Live(auto_refresh=False) if shown else contextlib.nullcontext() as live:
        while not ended.is_set() and not (until_copied and _over(host)):
            if live is not None:
                live.update(status_table(host.status()), refresh=True)
            elif as_json and not until_copied:
                click.echo(orjson.dumps({"syncs": host.status()}))
            pause_s = _JSON_S if as_json and not until_copied else _SHOW_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), pause_s)


def _over(host: SyncHost) -> bool:
    """Whether every first copy is done, or one cannot be."""
    return host.copied or any(one["phase"] == "stopped" for one in host.status())
