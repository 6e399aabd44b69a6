"""What becomes of one change: pure decisions, values in, verdict out.

Each record has a line in the ledger of the store that is written, and, where the sync goes both ways, one in the ledger
of the store that was read. A line is a pair: this state here went with that state there. The younger of the two (the
greater generation) is the **merge base**: the last moment at which both sides were known to agree. Against it, either
side has changed or it has not, told by hashes that each store computes of its own rows.

Decided without mapping, in this order (`settled_early`):

| what is known | verdict |
| --- | --- |
| a live change whose position the ledger already has | `REPLAYED` |
| the source is as in the base, and the base is the other direction's line: it is what this sync wrote there | `ECHO` |
| the source is as in the base | `UNCHANGED` |
| the source is gone, and neither ledger ever knew it | `UNCHANGED` |

Decided with the mapped row beside the target's (`decide`); "target changed" is: its hash is not the base's:

| source | target | verdict |
| --- | --- | --- |
| gone | not there | `EQUAL` |
| gone | as in the base | `APPLY`, a delete |
| gone | changed | who has authority over the record: `APPLY`, `YIELD` or `CONFLICT` |
| there | not there, and not in the base | `APPLY`, an insert |
| there | deleted since the base | who has authority over the record: `APPLY`, `YIELD` or `CONFLICT` |
| there | has equal canonical values | `EQUAL` |
| there | as in the base | `APPLY`, an update |
| there | changed | per column that differs, who has authority over it: `APPLY`, `MERGE`, `YIELD` or `CONFLICT` |

What each verdict writes and what the ledger then says is `EFFECTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from legacy_adapters.change import Entry
from legacy_adapters.record import Side

#: Stands in the ledger for the hash of a target state that the source still has to be given: equal to no row's hash, so
#: that the other direction takes the target for changed. One state in 2^64 is mistaken.
OWED: Final = -(1 << 63)


class Verdict(StrEnum):
    """What becomes of a change."""

    REPLAYED = "replayed"
    UNCHANGED = "unchanged"
    ECHO = "echo"
    EQUAL = "equal"
    APPLY = "apply"
    MERGE = "merge"
    YIELD = "yield"
    CONFLICT = "conflict"


class Pair(StrEnum):
    """Which two states a verdict leaves in the ledger as being in step."""

    NONE = "none"  # the ledger stays as it is
    BASE = "base"  # the base's pair; the position moves on
    STATES = "states"  # the source's state as read, the target's as it is now
    OWED = "owed"  # the source's state as read; the target's is still to be brought back


@dataclass(frozen=True, slots=True)
class Effect:
    """What a verdict does.

    Attributes:
        writes: the target's row is written or deleted.
        pair: what the ledger says afterwards.
        counts_as: name of the counter.
    """

    writes: bool
    pair: Pair
    counts_as: str


EFFECTS: Final[dict[Verdict, Effect]] = {
    Verdict.REPLAYED: Effect(writes=False, pair=Pair.NONE, counts_as="skipped"),
    Verdict.UNCHANGED: Effect(writes=False, pair=Pair.BASE, counts_as="skipped"),
    Verdict.ECHO: Effect(writes=False, pair=Pair.BASE, counts_as="echo"),
    Verdict.EQUAL: Effect(writes=False, pair=Pair.STATES, counts_as="skipped"),
    Verdict.APPLY: Effect(writes=True, pair=Pair.STATES, counts_as="applied"),
    Verdict.MERGE: Effect(writes=True, pair=Pair.OWED, counts_as="applied"),
    Verdict.YIELD: Effect(writes=False, pair=Pair.OWED, counts_as="skipped"),
    Verdict.CONFLICT: Effect(writes=False, pair=Pair.NONE, counts_as="quarantined"),
}


class Manner(StrEnum):
    """Why a state is to be applied."""

    LIVE = "live"  # capture said that it changed
    READ = "read"  # it was read: a chunk of a backfill, or quarantine tried again
    FORCED = "forced"  # a person decided for the source's state: repair, a settled conflict


@dataclass(frozen=True, slots=True)
class Base:
    """The merge base of one record, seen from the direction that decides.

    Attributes:
        source_hash: of the source's state; None is no row.
        target_hash: of the target's state that goes with it; None is no row.
        generation: of the line; 0 where no ledger knows the record.
        echo: it is the other direction's line.
        comparable: its hashes are of the same columns as today's: the mapping has not changed since.
    """

    source_hash: int | None = None
    target_hash: int | None = None
    generation: int = 0
    echo: bool = False
    comparable: bool = True


UNKNOWN: Final = Base()


def merge_base(entry: Entry | None, counter: Entry | None, version: int, counter_version: int) -> Base:
    """The younger of both ledgers' lines; of two of the same age, which are the same pair, the own one."""
    if counter is not None and (entry is None or counter.generation > entry.generation):
        comparable = counter.mapping_version == counter_version
        return Base(counter.target_hash, counter.source_hash, counter.generation, echo=True, comparable=comparable)
    if entry is None:
        return UNKNOWN
    comparable = entry.mapping_version == version
    return Base(entry.source_hash, entry.target_hash, entry.generation, comparable=comparable)


def settled_early(
    manner: Manner, position: int, source_hash: int | None, entry: Entry | None, base: Base
) -> Verdict | None:
    """The verdict that needs no mapping, or None."""
    if manner is Manner.LIVE and entry is not None and position <= entry.position:
        return Verdict.REPLAYED
    if manner is Manner.FORCED or not base.comparable:
        return None
    if source_hash == base.source_hash and (base.generation or source_hash is None):
        return Verdict.ECHO if base.echo else Verdict.UNCHANGED
    return None


@dataclass(frozen=True, slots=True)
class Authority:
    """Who wins conflicts, seen from the direction that decides.

    Attributes:
        source: the side that was read.
        record: who wins where one side deleted what the other changed; None is a person.
        column: the same for one column of the target.
    """

    source: Side
    record: Side | None
    column: Callable[[str], Side | None]

    @classmethod
    def of_source(cls, source: Side) -> Authority:
        """The source wins always: the sync goes one way, so nobody would carry back what the target has."""
        return cls(source, source, lambda _: source)


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict with what it needs.

    Attributes:
        verdict: see `EFFECTS`.
        settled: both sides had changed, and authority decided.
        left: columns of the target that keep their value.
    """

    verdict: Verdict
    settled: bool = False
    left: tuple[str, ...] = ()


EQUAL: Final = Decision(Verdict.EQUAL)
APPLY: Final = Decision(Verdict.APPLY)
CONFLICT: Final = Decision(Verdict.CONFLICT)


def decide(
    manner: Manner,
    base: Base,
    target_hash: int | None,
    differing: Sequence[str] | None,
    authority: Authority,
) -> Decision:
    """What becomes of a change that early verdicts left over.

    Args:
        manner: why the state is to be applied.
        base: the merge base.
        target_hash: of the target's row, locked; None is no row.
        differing: columns whose mapped value is not the target's; None where the source's row is gone. Meaningless
            where the target has no row.
        authority: who wins.
    """
    gone = differing is None
    if target_hash is None and gone:
        return EQUAL
    if target_hash is not None and not gone and not differing:
        return EQUAL
    expected = not base.comparable or target_hash == base.target_hash
    if manner is Manner.FORCED or expected:
        return APPLY
    if differing is None or target_hash is None:
        return _settle_record(authority)
    return _settle_columns(differing, authority)


def _settle_record(authority: Authority) -> Decision:
    if authority.record is None:
        return CONFLICT
    wins = authority.record is authority.source
    return Decision(Verdict.APPLY if wins else Verdict.YIELD, settled=True)


def _settle_columns(differing: Sequence[str], authority: Authority) -> Decision:
    winners = {column: authority.column(column) for column in differing}
    if None in winners.values():
        return CONFLICT
    left = tuple(column for column, winner in winners.items() if winner is not authority.source)
    if not left:
        return Decision(Verdict.APPLY, settled=True)
    return Decision(Verdict.MERGE if len(left) < len(winners) else Verdict.YIELD, settled=True, left=left)
