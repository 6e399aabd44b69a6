"""`strangler sync quarantine …`: changes that could not be applied, until somebody decides."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import click
import orjson

from legacy_adapters.change import Quarantined
from legacy_adapters.engine.operations import Operations
from legacy_adapters.record import Side
from proxy.cli.screen import Field, Listing, show
from proxy.cli.sync.exits import EPILOG, EXIT_OK, EXIT_USAGE, EXIT_WRONG
from proxy.cli.sync.working import (
    chosen,
    common_options,
    finish,
    key_text,
    load,
    opened,
    operations,
    read_key,
    tell_never_ran,
    who,
)

_LISTED_MAX: Final = 1000
_FIELDS: Final = (
    Field("sync", folds=True, heads=True),
    Field("direction", heads=True),
    Field("source key", folds=True, heads=True),
    Field("reason"),
    Field("detail", folds=True),
    Field("tries", right=True),
)
DIRECTION = click.Choice(["to_new", "to_legacy"])


@click.group("quarantine", epilog=EPILOG)
def quarantine_command() -> None:
    """Show and settle what could not be applied. A later change of the same record waits behind it."""


@quarantine_command.command("list")
@click.argument("sync", required=False)
@click.option("--resolved", is_flag=True, help="Show what was settled instead.")
@common_options
def list_quarantine(sync: str | None, config: Path, *, resolved: bool, as_json: bool) -> None:
    """List the quarantine of SYNC, or of all."""
    given = load(config)
    syncs = chosen(given, sync, config)

    async def work() -> int:
        rows: list[dict[str, Any]] = []
        folder = await asyncio.to_thread(_folder, config)
        async with opened(given, syncs, folder, never_ran=tell_never_ran) as streams:
            for name, ways in streams.items():
                found = await operations(ways).listed(resolved=resolved, limit=_LISTED_MAX)
                rows += [
                    {"sync": name, "direction": way, **_plain(held)} for way, held_all in found.items()
                    for _, held in held_all
                ]  # fmt: skip
        _print(rows, as_json=as_json)
        return EXIT_OK if resolved or not rows else EXIT_WRONG

    finish(work())


@quarantine_command.command("show")
@click.argument("sync")
@click.argument("direction", type=DIRECTION)
@click.argument("key")
@common_options
def show_quarantine(sync: str, direction: str, key: str, config: Path, *, as_json: bool) -> None:
    """Show one record in quarantine, with the rows of both sides. KEY is as `list` prints it."""
    del as_json  # it is JSON already

    async def show(work: Operations) -> int:
        held = await work.shown(direction, read_key(key))
        if held is None:
            click.echo(f"{key} is not in quarantine.", err=True)
            return EXIT_USAGE
        rows = {"source_row": held.source_row, "target_row": held.target_row}
        click.echo(orjson.dumps({**_plain(held), **rows}, option=orjson.OPT_INDENT_2, default=str))
        return EXIT_OK

    _work(config, sync, show)


@quarantine_command.command("retry")
@click.argument("sync")
@click.argument("direction", type=DIRECTION)
@click.argument("keys", nargs=-1, required=True)
@common_options
def retry_quarantine(sync: str, direction: str, keys: tuple[str, ...], config: Path, *, as_json: bool) -> None:
    """Try records again with their newest state."""

    async def retry(work: Operations) -> int:
        tally = await work.retry(direction, [read_key(key) for key in keys], by=who())
        return _told(dict(tally.counts), as_json=as_json)

    _work(config, sync, retry)


@quarantine_command.command("drop")
@click.argument("sync")
@click.argument("direction", type=DIRECTION)
@click.argument("keys", nargs=-1, required=True)
@common_options
def drop_quarantine(sync: str, direction: str, keys: tuple[str, ...], config: Path, *, as_json: bool) -> None:
    """Give these changes up: both sides stay as they are."""

    async def drop(work: Operations) -> int:
        count = await work.drop(direction, [read_key(key) for key in keys], by=who())
        return _told({"dropped": count}, as_json=as_json)

    _work(config, sync, drop)


@quarantine_command.command("take")
@click.argument("sync")
@click.argument("winner", type=click.Choice([side.value for side in Side]))
@click.argument("key")
@common_options
def take_quarantine(sync: str, winner: str, key: str, config: Path, *, as_json: bool) -> None:
    """Settle a conflict: the state of the side WINNER, whose KEY this is, goes to the other side."""

    async def take(work: Operations) -> int:
        tally = await work.take(Side(winner), read_key(key), by=who())
        return _told(dict(tally.counts), as_json=as_json)

    _work(config, sync, take)


def _work(config: Path, sync: str, do: Callable[[Operations], Awaitable[int]]) -> None:
    given = load(config)
    syncs = chosen(given, sync, config)

    async def work() -> int:
        async with opened(given, syncs, await asyncio.to_thread(_folder, config)) as streams:
            return await do(operations(streams[sync]))

    finish(work())


def _folder(config: Path) -> Path:
    return config.resolve().parent


def _told(counts: dict[str, int], *, as_json: bool) -> int:
    if as_json:
        click.echo(orjson.dumps(counts))
    else:
        click.echo(", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing to do")
    return EXIT_WRONG if counts.get("quarantined") or counts.get("conflict") else EXIT_OK


def _plain(held: Quarantined) -> dict[str, Any]:
    names = ("reason", "detail", "field", "attempts", "first_at", "last_at", "resolved_at", "resolved_by", "resolution")
    keys = {"source_key": key_text(held.source_key), "target_key": key_text(held.target_key)}
    return {**keys, **{name: getattr(held, name) for name in names}}


def _print(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        click.echo(orjson.dumps({"quarantine": rows}, option=orjson.OPT_INDENT_2, default=str))
        return
    if not rows:
        click.echo("Nothing is in quarantine.")
        return
    show(Listing(_FIELDS, [_row(row) for row in rows]))


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    detail = f"{row['field']}: {row['detail']}" if row["field"] else row["detail"]
    return row["sync"], row["direction"], row["source_key"], row["reason"], detail, str(row["attempts"])
