"""What the engine is given: a sync with both stores and its mapping in each direction. Compiled once, never moved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from legacy_adapters.connector import Store
from legacy_adapters.engine.checkpoint import BACKFILL, LIVE, stream_name
from legacy_adapters.engine.decision import Authority
from legacy_adapters.mapper import Mapper
from legacy_adapters.record import Side

#: Changes of one batch that may go to quarantine before the share counts: one bad row of three is no flood.
FLOOD_CHANGES_MIN: Final = 20
#: Share of a batch that goes to quarantine at most; beyond it the cause is hardly in the rows.
FLOOD_SHARE_MAX: Final = 0.2
#: Open quarantine of one direction at most, by default.
QUARANTINE_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """How hard a sync works.

    Attributes:
        batch_rows: captured changes that are read and applied at a time.
        chunk_rows: rows of a backfill that are read and applied at a time.
        rate_max: rows per second of a backfill; None is as fast as both stores bear.
        lag_alarm_s: a change that is older and not applied is an alarm.
        quarantine_max: open quarantine of one direction; beyond it the sync pauses.
    """

    batch_rows: int = 1000
    chunk_rows: int = 5000
    rate_max: float | None = None
    lag_alarm_s: float = 60.0
    quarantine_max: int = QUARANTINE_MAX


@dataclass(frozen=True, slots=True)
class Direction:
    """One way of a sync.

    Attributes:
        sync: its name.
        source: the side that is read.
        reads: its store.
        writes: the store that is written.
        mapper: from rows of the one to rows of the other.
        counter: the mapping of the other way, where the sync goes both ways.
    """

    sync: str
    source: Side
    reads: Store
    writes: Store
    mapper: Mapper
    counter: Mapper | None = None

    @property
    def name(self) -> str:
        """`to_new` or `to_legacy`."""
        return f"to_{self.source.other}"

    @property
    def live(self) -> str:
        """Name of the stream of captured changes."""
        return stream_name(self.sync, self.name, LIVE)

    @property
    def backfill(self) -> str:
        """Name of the stream of the first copy."""
        return stream_name(self.sync, self.name, BACKFILL)

    @property
    def authority(self) -> Authority:
        """Who wins conflicts."""
        if self.counter is None:
            return Authority.of_source(self.source)
        return Authority(self.source, self.mapper.record_authority, self.mapper.authority)


@dataclass(frozen=True, slots=True)
class SyncModel:
    """One sync.

    Attributes:
        name: in logs, metrics, commands and the stores' tables.
        legacy: the legacy store.
        new: the new store.
        to_new: mapping from legacy to new; None where nothing goes that way.
        to_legacy: mapping from new to legacy; None where nothing goes that way.
        settings: how hard it works.
        after: names of syncs whose backfill must have ended before this one's begins: its parents, but for circles.
        parents: names of all syncs whose records this one's need; those of `after` are meant in any case.
    """

    name: str
    legacy: Store
    new: Store
    to_new: Mapper | None
    to_legacy: Mapper | None
    settings: SyncSettings = field(default_factory=SyncSettings)
    after: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()

    def store(self, side: Side) -> Store:
        """The store of a side."""
        return self.legacy if side is Side.LEGACY else self.new

    def directions(self) -> tuple[Direction, ...]:
        """One or two, the side with authority over records read first."""
        both = [
            Direction(self.name, side, self.store(side), self.store(side.other), mapper, counter)
            for side, mapper, counter in (
                (Side.LEGACY, self.to_new, self.to_legacy),
                (Side.NEW, self.to_legacy, self.to_new),
            )
            if mapper is not None
        ]
        return tuple(sorted(both, key=lambda one: one.mapper.record_authority is one.source.other))
