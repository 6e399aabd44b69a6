"""The commands of `strangler sync quarantine`: see what could not be applied, and decide what becomes of it."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import orjson

from legacy_adapters.change import Quarantined
from legacy_adapters.record import Key, Side
from proxy.cli.exits import EXIT_OK, EXIT_WRONG, SYNCING, told
from proxy.cli.meter import Meter
from proxy.cli.screen import show
from proxy.cli.sync.held import Mark, Selection, as_data, find, listing, record_view
from proxy.cli.sync.keys import key_text, value_text
from proxy.cli.sync.working import Room, chosen, common_options, finish, load, opened, tell_never_ran, who

#: Records that a list shows unless it is told otherwise.
_SHOWN: Final = 100
#: Records that are tried again or given up in one transaction.
_AT_ONCE: Final = 200
#: What became of a record, for people.
_WORDS: Final = {
    "skipped": "in step already",
    "echo": "in step already",
    "conflict": "still in conflict",
    "quarantined": "still in quarantine",
    "settled": "settled by authority",
}
DIRECTION: Final = click.Choice(["to_new", "to_legacy"])


@click.command("list", epilog=told(SYNCING))
@click.argument("sync", required=False)
@click.option("--resolved", is_flag=True, help="Show what was settled, how and by whom.")
@click.option("--reason", help="Show only what is there for this reason.")
@click.option("--direction", type=DIRECTION, help="Show only this direction.")
@click.option("--limit", type=click.IntRange(min=1), help=f"Show so many. Default: {_SHOWN}, with --json all.")
@click.option("--after", metavar="PLACE", help="Go on behind a place, as the end of the last list names it.")
@common_options
def list_command(
    sync: str | None,
    config: Path,
    *,
    resolved: bool,
    reason: str | None,
    direction: str | None,
    limit: int | None,
    after: str | None,
    as_json: bool,
) -> None:
    """List the quarantine of SYNC, or of all. Exit code 1 where something is in it."""
    given = load(config)
    syncs, folder = chosen(given, sync, config), config.resolve().parent
    selection = Selection(resolved, direction, reason, None if after is None else Mark.read(after))

    async def work() -> int:
        async with opened(given, syncs, folder, never_ran=tell_never_ran) as rooms:
            selection.require_place(rooms)
            counts = await selection.counts(rooms)
            printing = _Printing(selection, rooms, counts)
            await (printing.json(limit) if as_json else printing.people(limit or _SHOWN))
        return EXIT_WRONG if counts and not resolved else EXIT_OK

    finish(work())


@dataclass(frozen=True, slots=True)
class _Printing:
    """A list on its way out."""

    selection: Selection
    rooms: dict[str, Room]
    counts: Counter[str]

    async def json(self, limit: int | None) -> None:
        """One object, written as it is read: of a long list nothing is kept."""
        click.echo('{"quarantine": [', nl=False)
        count, last = 0, None
        async for mark, held in self.selection.rows(self.rooms):
            if count == limit:
                break
            text = orjson.dumps(as_data(mark, held), default=value_text).decode()
            click.echo(f"{',' if count else ''}\n{text}", nl=False)
            count, last = count + 1, mark
        else:
            last = None
        tail = {"total": self.counts.total(), "reasons": self.counts, "next": None if last is None else str(last)}
        click.echo(f"\n], {orjson.dumps(tail).decode()[1:]}")

    async def people(self, limit: int) -> None:
        """A table; below, on standard error, how much more there is and how to see it."""
        rows: list[tuple[Mark, Quarantined]] = []
        more = False
        async for one in self.selection.rows(self.rooms):
            more = len(rows) == limit
            if more:
                break
            rows.append(one)
        if rows:
            show(listing(rows, resolved=self.selection.resolved))
        elif not self.counts:
            reason = "" if self.selection.reason is None else f" for the reason {self.selection.reason}"
            click.echo(f"Nothing {'was settled' if self.selection.resolved else 'is in quarantine'}{reason}.")
        if more or self.selection.after is not None:
            click.echo(f"\n{len(rows):,} of {self._told()}.", err=True)
        if more:
            click.echo(f"The next ones: the same with --after {rows[-1][0]}", err=True)

    def _told(self) -> str:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in self.counts.most_common())
        what = "settled" if self.selection.resolved else "in quarantine"
        return f"{self.counts.total():,} {what} ({reasons})"


@click.command("show", epilog=told(SYNCING))
@click.argument("sync")
@click.argument("direction", type=DIRECTION)
@click.argument("key")
@common_options
def show_command(sync: str, direction: str, key: str, config: Path, *, as_json: bool) -> None:
    """Show one record in quarantine, with the rows of both sides. KEY is as `list` prints it."""

    async def show_it(room: Room) -> int:
        (held,) = (await _held(room, direction, [key])).values()
        mark = Mark(sync, direction, 0)
        if not as_json:
            show(record_view(room, mark, held))
            return EXIT_OK
        rows = {"source_row": held.source_row, "target_row": held.target_row}
        data = {**as_data(mark, held), **rows}
        click.echo(orjson.dumps(data, option=orjson.OPT_INDENT_2, default=value_text))
        return EXIT_OK

    _work(config, sync, show_it)


#: How records are named, in the order of the command line.
_NAMING: Final = (
    click.argument("sync"),
    click.argument("direction", type=DIRECTION),
    click.argument("keys", nargs=-1),
    click.option("--all", "everything", is_flag=True, help="All of this direction, instead of KEYS."),
    click.option("--reason", help="With --all: only what is there for this reason."),
)


def _settling(do: Callable[[Room, _Meant], Awaitable[Counter[str]]]) -> Callable[..., None]:
    """Makes of what is done to some records the body of a command, with the arguments that name them."""

    @common_options
    @functools.wraps(do)
    def settle(
        sync: str,
        direction: str,
        keys: tuple[str, ...],
        config: Path,
        *,
        everything: bool,
        reason: str | None,
        as_json: bool,
    ) -> None:
        meant = _Meant(direction, keys, everything=everything, reason=reason)

        async def work(room: Room) -> int:
            return _told(await do(room, meant), as_json=as_json)

        _work(config, sync, work)

    return functools.reduce(lambda wrapped, one: one(wrapped), reversed(_NAMING), settle)


@click.command("retry", epilog=told(SYNCING))
@_settling
async def retry_command(room: Room, meant: _Meant) -> Counter[str]:
    """Try records again with their newest state. KEYS are as `list` prints them."""
    tally: Counter[str] = Counter()
    async for some in meant.batches(room):
        tally.update((await room.operations.retry(meant.direction, some, by=who())).counts)
    return tally


@click.command("drop", epilog=told(SYNCING))
@_settling
async def drop_command(room: Room, meant: _Meant) -> Counter[str]:
    """Give these changes up: both sides stay as they are. KEYS are as `list` prints them."""
    dropped = 0
    async for some in meant.batches(room):
        dropped += await room.operations.drop(meant.direction, some, by=who())
    return Counter(dropped=dropped)


@click.command("take", epilog=told(SYNCING))
@click.argument("sync")
@click.argument("winner", type=click.Choice([side.value for side in Side]))
@click.argument("key")
@common_options
def take_command(sync: str, winner: str, key: str, config: Path, *, as_json: bool) -> None:
    """Settle a conflict: the state of the side WINNER, whose KEY this is, goes to the other side."""

    async def take(room: Room) -> int:
        tally = await room.operations.take(Side(winner), room.key(Side(winner), key), by=who())
        return _told(Counter(tally.counts), as_json=as_json)

    _work(config, sync, take)


@dataclass(frozen=True, slots=True)
class _Meant:
    """The records that a command is to work on."""

    direction: str
    texts: tuple[str, ...]
    everything: bool
    reason: str | None

    def __post_init__(self) -> None:
        """Refuse what does not fit together.

        Raises:
            click.UsageError: there are keys and --all, or neither, or --reason without --all.
        """
        if self.everything == bool(self.texts):
            raise click.UsageError("Name the records by their KEYS, as `list` prints them, or all of them by --all.")
        if self.reason is not None and not self.everything:
            raise click.UsageError("--reason goes with --all: records that are named need none.")

    async def batches(self, room: Room) -> AsyncIterator[Sequence[Key]]:
        """Their keys, some at a time; those that were quarantined meanwhile are not among them."""
        if self.everything:
            selection = Selection(direction=room.stream(self.direction).direction.name, reason=self.reason)
            keys = [held.source_key async for _, held in selection.rows({room.sync.name: room})]
        else:
            keys = list(await _held(room, self.direction, self.texts))
        with Meter() as meter:
            for start in range(0, len(keys), _AT_ONCE):
                meter.tell(f"{room.sync.name} {self.direction}", start, len(keys), "records")
                yield keys[start : start + _AT_ONCE]


async def _held(room: Room, direction: str, texts: Sequence[str]) -> dict[Key, Quarantined]:
    """What is in quarantine of the keys that somebody wrote.

    Raises:
        click.UsageError: of one nothing is; nothing is done to the others then.
    """
    stream = room.stream(direction)
    keys = [room.key(stream.direction.source, text) for text in texts]
    held = await find(stream, keys)
    lacking = [key_text(key) for key in keys if key not in held]
    if lacking:
        are = "is" if len(lacking) == 1 else "are"
        raise click.UsageError(f"{', '.join(lacking)} {are} not in quarantine of {room.sync.name} {direction}.")
    return held


def _work(config: Path, sync: str, do: Callable[[Room], Awaitable[int]]) -> None:
    given = load(config)
    syncs, folder = chosen(given, sync, config), config.resolve().parent

    async def work() -> int:
        async with opened(given, syncs, folder) as rooms:
            return await do(rooms[sync])

    finish(work())


def _told(counts: Counter[str], *, as_json: bool) -> int:
    if as_json:
        click.echo(orjson.dumps(dict(+counts)))
    else:
        said = ", ".join(f"{count:,} {_WORDS.get(what, what)}" for what, count in counts.items() if count)
        click.echo(said or "Nothing to do.")
    return EXIT_WRONG if counts["quarantined"] or counts["conflict"] else EXIT_OK
