"""What the commands of `strangler sync` share: the configuration, the syncs that are meant, open stores, exit codes."""

from __future__ import annotations

import asyncio
import functools
import getpass
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, ParamSpec

import click

from legacy_adapters.engine.lookups import LedgerFinder
from legacy_adapters.engine.model import SyncModel
from legacy_adapters.engine.operations import Operations
from legacy_adapters.engine.stream import Stream, Surroundings
from legacy_adapters.errors import MappingError, PlanError, StoreUnavailableError, SyncError, trace_of
from legacy_adapters.opening import Opened, open_sync, ordered
from legacy_adapters.record import Key, Side
from legacy_adapters.values.kinds import ColumnKind
from proxy.cli.exits import EXIT_FAULT, EXIT_INTERRUPTED, EXIT_UNREACHABLE, EXIT_USAGE, EXIT_WRONG
from proxy.cli.sync.keys import read_key
from proxy.configfile import read_config
from proxy.printable import printable
from routes.config import Config, Sync
from routes.errors import ConfigError
from routes.faults import did_you_mean

#: Variable that has a fault of strangler say where it was raised.
TRACE: Final = "STRANGLER_TRACE"

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


def chosen(config: Config, name: str | None, file: Path) -> list[Sync]:
    """The sync of that name, or all; ends the command where there is none."""
    found = [sync for sync in config.syncs if name in {None, sync.name}]
    if found:
        return found
    if name is None or not config.syncs:
        click.echo(f"{printable(str(file))} has no syncs.", err=True)
    else:
        there = [sync.name for sync in config.syncs]
        near = did_you_mean(name, there)
        hint = f"{near[0].upper()}{near[1:]} " if near else ""
        click.echo(f"There is no sync {printable(name)}. {hint}There are: {', '.join(there)}.", err=True)
    sys.exit(EXIT_USAGE)


def finish(work: Coroutine[Any, Any, int]) -> None:
    """Do it and exit with what it returns; what goes wrong is said in words, with what to do."""
    try:
        status = asyncio.run(work)
    except SyncError as error:
        status = _explain(error)
    except (click.ClickException, BrokenPipeError):
        raise
    except KeyboardInterrupt:
        click.echo("Interrupted.", err=True)
        status = EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - whatever it is, nobody is shown a trace
        click.echo(_fault(error), err=True)
        status = EXIT_FAULT
    sys.exit(status)


def _explain(error: SyncError) -> int:
    """Say what is wrong and what to do; the exit status."""
    click.echo(f"{printable(str(error))}.", err=True)
    match error:
        case StoreUnavailableError():
            click.echo("Is the database running, and reachable from here? Its address is the store's `url`.", err=True)
            return EXIT_UNREACHABLE
        case PlanError() | MappingError():
            click.echo("Mend the configuration or the table; `strangler sync plan` shows what it reads.", err=True)
            return EXIT_USAGE
    return EXIT_WRONG


def _fault(error: Exception) -> str:
    """What nobody foresaw, without its text: that may hold a password, or values of a record."""
    frames = trace_of(error) if os.environ.get(TRACE) else f"{TRACE}=1 in the environment shows where."
    return f"A fault of strangler ({type(error).__name__}): please report it. {frames}"


class NeverRanError(SyncError):
    """Of a sync that is to be worked on nothing is in its stores yet."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"The sync {name} has never run as it is configured: start the proxy, or run "
            f"`strangler sync backfill {name}`"
        )


@dataclass(frozen=True, slots=True)
class Room:
    """A sync to work on, with open stores.

    Attributes:
        sync: as configured.
        streams: of its directions.
        key_columns: what the key of each side holds.
    """

    sync: Sync
    streams: tuple[Stream, ...]
    key_columns: Mapping[Side, Sequence[ColumnKind]]

    @property
    def operations(self) -> Operations:
        """Work on single keys."""
        return Operations(self.streams)

    def stream(self, direction: str) -> Stream:
        """One of its directions.

        Raises:
            click.UsageError: it does not go that way.
        """
        for stream in self.streams:
            if stream.direction.name == direction:
                return stream
        there = ", ".join(stream.direction.name for stream in self.streams)
        raise click.UsageError(f"The sync {self.sync.name} has no direction {direction}; it goes {there}.")

    def key(self, side: Side, text: str) -> Key:
        """A key of that side, as somebody wrote it.

        Raises:
            click.BadParameter: it is none.
        """
        return read_key(text, self.key_columns[side])


def tell_never_ran(name: str) -> None:
    """Say it of a sync, where that is no obstacle."""
    click.echo(f"{NeverRanError(name)}.", err=True)


@asynccontextmanager
async def opened(
    config: Config, syncs: list[Sync], folder: Path, *, never_ran: Callable[[str], None] | None = None
) -> AsyncIterator[dict[str, Room]]:
    """These syncs by name, with open stores, for work beside a running syncer; makes nothing in the stores.

    Others are opened as far as these look things up in their ledgers.

    Args:
        config: all syncs.
        syncs: those that are meant.
        folder: of the configuration file.
        never_ran: told of a meant sync that has never run, which is left out.

    Raises:
        NeverRanError: one has never run, and there is no `never_ran`.
        SyncError: a sync cannot be opened.
    """
    found: list[Opened] = []
    begun: list[str] = []
    try:
        for sync in _with_lookups(config, syncs):
            one = await open_sync(sync, folder)
            found.append(one)
            if await one.adopt():
                begun.append(sync.name)
            elif sync in syncs and never_ran is None:
                raise NeverRanError(sync.name)
            elif sync in syncs and never_ran is not None:
                never_ran(sync.name)
        models = {model.name: model for model in ordered(found)}
        around = Surroundings(finder=LedgerFinder(models))
        yield {
            one.sync.name: _room(one, models[one.sync.name], around)
            for one in found
            if one.sync in syncs and one.sync.name in begun
        }
    finally:
        for one in found:
            await one.close()


def _room(one: Opened, model: SyncModel, around: Surroundings) -> Room:
    streams = tuple(Stream(way, model.settings, around) for way in model.directions())
    return Room(one.sync, streams, {side: one.stores[side].key_kinds for side in Side})


def _with_lookups(config: Config, syncs: list[Sync]) -> list[Sync]:
    """These, and whatever their mappings look up, in the order of the file."""
    wanted = {sync.name for sync in syncs}
    while True:
        more = {field.lookup for sync in config.syncs if sync.name in wanted for field in sync.fields if field.lookup}
        if more <= wanted:
            return [sync for sync in config.syncs if sync.name in wanted]
        wanted |= more


def who() -> str:
    """Whose name stands beside a decision."""
    return getpass.getuser()
