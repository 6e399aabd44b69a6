"""What the commands of `strangler sync` share: the configuration, the syncs that are meant, open stores, exit codes."""

from __future__ import annotations

import asyncio
import functools
import getpass
import json
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, ParamSpec

import click

from legacy_adapters.engine.lookups import LedgerFinder
from legacy_adapters.engine.operations import Operations
from legacy_adapters.engine.stream import Stream, Surroundings
from legacy_adapters.errors import StoreUnavailableError, SyncError
from legacy_adapters.opening import Opened, open_sync, ordered
from legacy_adapters.record import Key
from proxy.configfile import read_config
from routes.config import Config, Sync
from routes.errors import ConfigError

EXIT_OK: Final = 0
EXIT_WRONG: Final = 1
EXIT_USAGE: Final = 2
EXIT_UNREACHABLE: Final = 3
EPILOG: Final = (
    "Exit codes: 0 fine, 1 something is wrong with a sync (see what is printed), 2 wrong usage or configuration, "
    "3 a store cannot be reached."
)

Parameters = ParamSpec("Parameters")


def common_options(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """The options of every command: `--config` and `--json`."""
    options = [
        click.option(
            "--config", type=click.Path(path_type=Path), default=Path("config.yaml"), help="The configuration file."
        ),
        click.option("as_json", "--json", is_flag=True, help="Print JSON."),
    ]
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


def load(config: Path) -> Config:
    """The configuration; ends the command where it cannot be used."""
    try:
        return read_config(config)
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_USAGE)


def chosen(config: Config, name: str | None) -> list[Sync]:
    """The sync of that name, or all; ends the command where there is none."""
    found = [sync for sync in config.syncs if name in {None, sync.name}]
    if not found:
        names = ", ".join(sync.name for sync in config.syncs) or "none"
        click.echo(f"There is no sync {name or 'in this configuration'}; it has: {names}.", err=True)
        sys.exit(EXIT_USAGE)
    return found


def finish(work: Coroutine[Any, Any, int]) -> None:
    """Do it and exit with what it returns; what goes wrong is said in words."""
    try:
        status = asyncio.run(work)
    except StoreUnavailableError as error:
        click.echo(str(error), err=True)
        status = EXIT_UNREACHABLE
    except SyncError as error:
        click.echo(str(error), err=True)
        status = EXIT_WRONG
    except KeyboardInterrupt:
        status = EXIT_OK
    sys.exit(status)


@asynccontextmanager
async def opened(config: Config, syncs: list[Sync], folder: Path) -> AsyncIterator[dict[str, list[Stream]]]:
    """The streams of these syncs over open stores, for work beside a running syncer.

    All syncs of the configuration are opened, since mappings look things up in each other's ledgers.
    """
    found: list[Opened] = []
    try:
        for sync in config.syncs:
            one = await open_sync(sync, folder)
            found.append(one)
            await one.prepare()
        models = {model.name: model for model in ordered(found)}
        around = Surroundings(finder=LedgerFinder(models))
        yield {
            sync.name: [Stream(way, models[sync.name].settings, around) for way in models[sync.name].directions()]
            for sync in syncs
        }
    finally:
        for one in found:
            await one.close()


def operations(streams: list[Stream]) -> Operations:
    """Work on single keys."""
    return Operations(streams)


def who() -> str:
    """Whose name stands beside a decision."""
    return getpass.getuser()


def key_text(key: Key | None) -> str:
    """A key as it is printed, and as `read_key` takes it."""
    return "-" if key is None else json.dumps(list(key), default=str)


def read_key(text: str) -> Key:
    """A key as it was printed, or one plain value.

    Raises:
        click.BadParameter: it is neither.
    """
    try:
        value = json.loads(text)
    except ValueError:
        return (text,)
    if isinstance(value, list) and value:
        return tuple(value)
    if isinstance(value, dict) or value is None or value == []:
        raise click.BadParameter(f'{text} is no key: write a value, or ["A", 7] for several columns')
    return (value,)
