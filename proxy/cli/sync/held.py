"""Quarantine of several syncs as one list, page by page, and how it is shown."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import click
from rich.console import Group, RenderableType
from rich.text import Text

from legacy_adapters.change import Quarantined
from legacy_adapters.engine.stream import Stream
from legacy_adapters.errors import MappingError
from legacy_adapters.record import Key, Row, Side
from proxy.cli.figures import NOTHING, age
from proxy.cli.screen import Field, Listing, plain
from proxy.cli.sync.keys import key_text, value_text
from proxy.cli.sync.working import Room
from proxy.printable import printable

#: Records that are read at a time.
PAGE_ROWS: Final = 500
_OPEN: Final = (
    Field("sync", folds=True, heads=True),
    Field("direction", heads=True),
    Field("source key", folds=True, heads=True),
    Field("reason"),
    Field("detail", folds=True),
    Field("tries", right=True),
    Field("since", right=True),
)
_RESOLVED: Final = (*_OPEN[:5], Field("outcome"), Field("by", folds=True), Field("ago", right=True))
_MARK_PARTS: Final = 3


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a list goes on: behind the record of this number in that direction's quarantine."""

    sync: str
    direction: str
    number: int

    def __str__(self) -> str:
        """As it is printed."""
        return f"{self.sync}:{self.direction}:{self.number}"

    @classmethod
    def read(cls, text: str) -> Self:
        """As it was printed.

        Raises:
            click.BadParameter: it is none.
        """
        parts = text.split(":")
        if len(parts) != _MARK_PARTS or not parts[2].isascii() or not parts[2].isdigit():
            raise _no_place(text)
        return cls(parts[0], parts[1], int(parts[2]))


@dataclass(frozen=True, slots=True)
class Selection:
    """What of the quarantine is meant.

    Attributes:
        resolved: what was settled, not what is open.
        direction: one way; None is both.
        reason: one reason; None is all.
        after: behind which record; None is from the first.
    """

    resolved: bool = False
    direction: str | None = None
    reason: str | None = None
    after: Mark | None = None

    def require_place(self, rooms: Mapping[str, Room]) -> None:
        """See that the list has the place behind which it goes on.

        Raises:
            click.BadParameter: that is of a sync or direction which is not in it.
        """
        if self.after is not None and not any(self._is_of(name, way) for name, way in self._streams(rooms)):
            raise _no_place(str(self.after))

    async def counts(self, rooms: Mapping[str, Room]) -> Counter[str]:
        """How much there is, by reason, wherever the list begins."""
        found: Counter[str] = Counter()
        for _, stream in self._streams(rooms):
            found.update(await stream.direction.writes.quarantine_counts(resolved=self.resolved))
        return Counter({reason: count for reason, count in found.items() if self.reason in {None, reason}})

    async def rows(self, rooms: Mapping[str, Room]) -> AsyncIterator[tuple[Mark, Quarantined]]:
        """All of it, sync by sync in the order of the file."""
        begun = self.after is None
        for name, stream in self._streams(rooms):
            number, way = 0, stream.direction.name
            if self.after is not None and not begun:
                if not self._is_of(name, stream):
                    continue
                begun, number = True, self.after.number
            while page := await stream.direction.writes.quarantine(
                resolved=self.resolved, after=number, limit=PAGE_ROWS, reason=self.reason
            ):
                for number, held in page:
                    yield Mark(name, way, number), held
                if len(page) < PAGE_ROWS:
                    break

    def _is_of(self, name: str, stream: Stream) -> bool:
        """Whether the list goes on in this direction of this sync."""
        return self.after is not None and (self.after.sync, self.after.direction) == (name, stream.direction.name)

    def _streams(self, rooms: Mapping[str, Room]) -> Iterator[tuple[str, Stream]]:
        for name, room in rooms.items():
            for stream in room.streams:
                if self.direction in {None, stream.direction.name}:
                    yield name, stream


def _no_place(text: str) -> click.BadParameter:
    return click.BadParameter(f"{printable(text)} is no place in the list: copy it from the end of the last one.")


def as_data(mark: Mark, held: Quarantined) -> dict[str, Any]:
    """For JSON, without the rows."""
    names = ("reason", "detail", "field", "attempts", "first_at", "last_at", "resolved_at", "resolved_by", "resolution")
    keys = {"source_key": key_text(held.source_key), "target_key": key_text(held.target_key)}
    where = {"sync": mark.sync, "direction": mark.direction}
    return {**where, **keys, **{name: getattr(held, name) for name in names}}


def listing(rows: Sequence[tuple[Mark, Quarantined]], *, resolved: bool) -> RenderableType:
    """A list for people."""
    now = time.time()
    return Listing(_RESOLVED if resolved else _OPEN, [_cells(mark, held, now) for mark, held in rows])


def _cells(mark: Mark, held: Quarantined, now: float) -> tuple[object, ...]:
    detail = f"{held.field}: {held.detail}" if held.field else held.detail
    cells = mark.sync, mark.direction, key_text(held.source_key), held.reason, detail
    if held.resolved_at is None:
        return *cells, held.attempts, age(max(0.0, now - held.first_at))
    return *cells, held.resolution, held.resolved_by, age(max(0.0, now - held.resolved_at))


# -- one record


def record_view(room: Room, mark: Mark, held: Quarantined) -> RenderableType:
    """One record for people: what is wrong, since when, and both rows side by side."""
    stream = room.stream(mark.direction)
    now = time.time()
    tries = "tried once" if held.attempts == 1 else f"tried {held.attempts:,} times"
    head = [
        plain(f"{mark.sync} {mark.direction} {key_text(held.source_key)}: {held.reason}", "bold"),
        plain(f"  {held.field}: {held.detail}" if held.field else f"  {held.detail}"),
        plain(f"  {tries}, first {age(now - held.first_at)} ago, last {age(now - held.last_at)} ago"),
        Text(""),
    ]
    if held.source_row is None:
        head.append(plain(f"  it is not in {stream.direction.source} any more"))
    if held.target_key is not None and held.target_row is None and held.reason == "conflict":
        head.append(plain(f"  it is not in {stream.direction.source.other} any more"))
    return Group(*head, _side_by_side(room, stream, held))


def _side_by_side(room: Room, stream: Stream, held: Quarantined) -> Listing:
    source = stream.direction.source
    rows = {source: held.source_row, source.other: held.target_row}
    differing = _differing(stream, held)
    pairs = [(field.legacy_columns, field.new_columns) for field in room.sync.fields]
    fields = (
        Field(""),
        *(Field(title, folds=True) for side in Side for title in (str(side), "value")),
    )
    return Listing(fields, [_pair(legacy, new, rows, source, differing) for legacy, new in pairs])


def _pair(
    legacy: tuple[str, ...],
    new: tuple[str, ...],
    rows: Mapping[Side, Row | None],
    source: Side,
    differing: frozenset[str],
) -> list[object]:
    target = new if source is Side.LEGACY else legacy
    mark = Text("≠", style="bold red") if differing.intersection(target) else Text("")
    cells: list[object] = [mark]
    for side, columns in ((Side.LEGACY, legacy), (Side.NEW, new)):
        cells += [", ".join(columns), _values(rows[side], columns)]
    return cells


def _values(row: Row | None, columns: Sequence[str]) -> str:
    if row is None:
        return ""
    return ", ".join(_shown(row[column]) for column in columns if column in row)


def _shown(value: Any) -> str:
    if value is None:
        return NOTHING
    return str(value).lower() if isinstance(value, bool) else value_text(value)


def _differing(stream: Stream, held: Quarantined) -> frozenset[str]:
    """Columns of the target that are not what the mapping makes of the source; none where it cannot be told."""
    if held.source_row is None or held.target_row is None or stream.direction.mapper.lookups:
        return frozenset()
    try:
        mapped = stream.direction.mapper.row(held.source_row, {})
    except MappingError:
        return frozenset()
    return frozenset(stream.direction.mapper.differing(mapped, held.target_row))


async def find(stream: Stream, keys: Sequence[Key]) -> dict[Key, Quarantined]:
    """What is in quarantine of these keys."""
    async with stream.direction.writes.transaction() as transaction:
        return await transaction.held(keys)
