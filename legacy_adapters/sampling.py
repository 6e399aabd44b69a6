"""How many of a sync's first rows agree with each other on the columns of `duplicates.on`: a look before it runs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from legacy_adapters.opening import Opened
from legacy_adapters.record import Chunk, Key, Side
from legacy_adapters.values.canonical import fingerprint

#: Rows of each store that are looked at, read so many at a time, for so long.
SAMPLE_ROWS: Final = 20_000
PART_ROWS: Final = 500
SAMPLE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What the first rows of a store show.

    Attributes:
        side: of the store.
        rows: that were looked at.
        whole: there are no others.
        agreeing: rows of them that agree with another one of them, after the mapping.
    """

    side: Side
    rows: int
    whole: bool
    agreeing: int


async def sample_duplicates(opened: Opened, side: Side) -> Sample | None:
    """Look at the first rows of a side, as they are, or would be, in the new store; None where that cannot be told.

    Raises:
        StoreUnavailableError: the store went away.
    """
    query, forth = opened.mapping.duplicates, opened.mapping.to_new
    if query is None or forth is None or (side is Side.LEGACY and not set(query.columns) <= set(forth.columns)):
        return None
    counts: Counter[int] = Counter()
    rows, whole, end = 0, False, time.monotonic() + SAMPLE_S
    after: Key | None = None
    while not whole and rows < SAMPLE_ROWS and time.monotonic() < end:
        async with opened.stores[side].snapshot() as snapshot:
            chunk = await snapshot.chunk(after, PART_ROWS)
        counts.update(map(fingerprint, _filled(_columns(opened, side, chunk, query.columns))))
        rows, whole = rows + len(chunk), len(chunk) < PART_ROWS
        after = chunk.key(-1) if len(chunk) else after
    return Sample(side, rows, whole, sum(count for count in counts.values() if count > 1))


def _columns(opened: Opened, side: Side, chunk: Chunk, wanted: Sequence[str]) -> list[Sequence[Any]]:
    """The wanted columns of the new store; rows that the mapping refuses are left out."""
    forth = opened.mapping.to_new
    if not len(chunk) or forth is None:
        return []
    names, values = chunk.columns, chunk.values
    if side is Side.LEGACY:
        mapped = forth.chunk(chunk, {})
        names, values = mapped.columns, mapped.values
    return [values[names.index(name)] for name in wanted]


def _filled(columns: Sequence[Sequence[Any]]) -> Iterator[tuple[Any, ...]]:
    """Rows in which every value is there, and not blank."""
    for row in zip(*columns, strict=True):
        if not any(value is None or (isinstance(value, str) and not value.strip(" ")) for value in row):
            yield row
