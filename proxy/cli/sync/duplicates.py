"""`strangler sync duplicates`: records of the new store that agree with others, for somebody to look at."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import click
import orjson

from legacy_adapters.change import Duplicate
from legacy_adapters.connector import Store
from legacy_adapters.record import Key, Side
from proxy.cli.exits import EXIT_OK, EXIT_USAGE, EXIT_WRONG, SYNCING, told
from proxy.cli.figures import age
from proxy.cli.screen import Field, Listing, show
from proxy.cli.sync.keys import key_text, value_text
from proxy.cli.sync.working import Room, chosen, common_options, finish, load, opened, tell_never_ran

#: Groups that a list shows unless it is told otherwise, and records of one that it names.
_SHOWN: Final = 50
_NAMED: Final = 5
#: Records that are read at a time, and of one group at most.
_PAGE_ROWS: Final = 1_000
_FIELDS: Final = (
    Field("sync", folds=True, heads=True),
    Field("records", right=True),
    Field("since", right=True),
    Field("keys", folds=True),
)


@dataclass(frozen=True, slots=True)
class Group:
    """Records that agree with each other.

    Attributes:
        sync: name of the sync.
        records: at most `_PAGE_ROWS` of them.
    """

    sync: str
    records: Sequence[Duplicate]

    @property
    def since(self) -> float:
        """Unix time in seconds."""
        return min(one.flagged_at for one in self.records)

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {"sync": self.sync, "since": self.since, "keys": [key_text(one.key) for one in self.records]}


@click.command("duplicates", epilog=told(SYNCING))
@click.argument("sync", required=False)
@click.argument("key", required=False)
@click.option("--limit", type=click.IntRange(min=1), help=f"Show so many groups. Default: {_SHOWN}, with --json all.")
@common_options
def duplicates_command(sync: str | None, key: str | None, limit: int | None, config: Path, *, as_json: bool) -> None:
    """List records of the new store that agree on the columns of `duplicates.on`: they may be the same record.

    Of SYNC, or of all. With KEY, as the list prints it, the rows of that record and of those that agree with it. Exit
    code 1 where there are any. Nothing is ever merged: change or delete a record where it belongs, and its flag goes.
    """
    given = load(config)
    syncs, folder = chosen(given, sync, config), config.resolve().parent

    async def work() -> int:
        async with opened(given, syncs, folder, never_ran=tell_never_ran) as rooms:
            if sync is not None and key is not None and sync in rooms:
                return await _show_record(rooms[sync], key, as_json=as_json)
            return await _list(rooms, limit, as_json=as_json)

    finish(work())


async def _list(rooms: Mapping[str, Room], limit: int | None, *, as_json: bool) -> int:
    counts = [await store.count_duplicates() or 0 for _, store in _stores(rooms)]
    total = sum(counts)
    shown = limit if as_json else limit or _SHOWN
    groups: list[Group] = []
    if as_json:
        click.echo('{"duplicates": [', nl=False)
    count, more = 0, False
    async for group in _groups(rooms):
        more = count == shown
        if more:
            break
        if as_json:
            click.echo(f"{',' if count else ''}\n{orjson.dumps(group.as_data()).decode()}", nl=False)
        else:
            groups.append(group)
        count += 1
    if as_json:
        click.echo(f'\n], "total": {total}}}')
    elif groups:
        show(Listing(_FIELDS, [_cells(group) for group in groups]))
        if more:
            click.echo(f"\nThe first {count:,} groups; {total:,} records are flagged. More with --limit.", err=True)
    else:
        click.echo("No records agree with each other.")
    return EXIT_WRONG if total else EXIT_OK


def _stores(rooms: Mapping[str, Room]) -> Iterator[tuple[str, Store]]:
    """The new store of each sync that writes it."""
    for name, room in rooms.items():
        for stream in room.streams:
            if stream.direction.source is Side.LEGACY:
                yield name, stream.direction.writes


async def _groups(rooms: Mapping[str, Room]) -> AsyncIterator[Group]:
    """All groups, sync by sync; of one that is larger than a page only its first records."""
    for name, store in _stores(rooms):
        after: int | None = None
        while page := await store.list_duplicates(after=after, limit=_PAGE_ROWS):
            found = [list(own) for _, own in groupby(page, key=lambda one: one.group)]
            if len(page) == _PAGE_ROWS and len(found) > 1:
                found.pop()  # the next page has the whole of it
            for records in found:
                yield Group(name, records)
            after = found[-1][-1].group


def _cells(group: Group) -> tuple[object, ...]:
    records = len(group.records)
    named = " ".join(key_text(one.key) for one in group.records[:_NAMED])
    left = f" … {records - _NAMED:,} more" if records > _NAMED else ""
    count = f"{records:,}+" if records == _PAGE_ROWS else f"{records:,}"
    return group.sync, count, age(max(0.0, time.time() - group.since)), f"{named}{left}"


async def _show_record(room: Room, text: str, *, as_json: bool) -> int:
    """The rows of one group, with the columns on which they agree first."""
    key = room.key(Side.NEW, text)
    for _, store in _stores({room.sync.name: room}):
        found = await store.duplicates_of(key, _PAGE_ROWS)
        if not found:
            break
        async with store.snapshot() as snapshot:
            rows = await snapshot.rows([one.key for one in found])
        _print_rows(room, {key: stored.row for key, stored in rows.items()}, as_json=as_json)
        return EXIT_WRONG
    click.echo(f"{key_text(key)} agrees with no other record.", err=True)
    return EXIT_USAGE


def _print_rows(room: Room, rows: Mapping[Key, Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        data = [{"key": key_text(key), "row": dict(row)} for key, row in rows.items()]
        click.echo(orjson.dumps({"records": data}, option=orjson.OPT_INDENT_2, default=value_text))
        return
    same = () if room.sync.duplicates is None else tuple(room.sync.duplicates.on)
    columns = [*same, *(name for name in next(iter(rows.values()), {}) if name not in same)]
    fields = (Field("key", heads=True), *(Field(name, folds=True) for name in columns))
    shown = [[key_text(key), *(_shown(row[name]) for name in columns)] for key, row in rows.items()]
    show(Listing(fields, shown))


def _shown(value: Any) -> str:
    return "-" if value is None else value if isinstance(value, str) else value_text(value)
