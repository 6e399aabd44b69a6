"""What the stores of a sync tell of it when nobody who runs it can be asked: checkpoints, quarantine, what waits.

Nothing is written, made or locked. Whether somebody runs the sync cannot be seen in the stores, nor what it counted.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Final

from legacy_adapters.change import ChangeBatch
from legacy_adapters.engine.checkpoint import BackfillMark, LiveMark
from legacy_adapters.engine.model import Direction
from legacy_adapters.engine.phases import Phase
from legacy_adapters.errors import StoreUnavailableError, SyncError
from legacy_adapters.opening import Opened, open_sync
from routes.config import Sync

#: Captured changes that are counted at most; beyond them it is known that there are more.
PENDING_MAX: Final = 1_000


async def read_kept(sync: Sync, folder: Path) -> dict[str, Any]:
    """One sync in the form of `engine.status.as_data`; None where only a running syncer would know.

    `phase` is None, or `new` where it never ran; `error` says why a store or table cannot be had, and `reached` whether
    stores could be reached. Directions have `pending` besides (captured changes that are not applied, at most
    `PENDING_MAX`) and `pending_more`.
    """
    told: dict[str, Any] = {"name": sync.name, "phase": None, "since": None, "stalled": False, "error": ""}
    told |= {"directions": [], "reached": True}
    try:
        opened = await open_sync(sync, folder)
        try:
            return {**told, **await _read(opened)}
        finally:
            await opened.close()
    except SyncError as error:
        return {**told, "error": str(error), "reached": not isinstance(error, StoreUnavailableError)}


async def _read(opened: Opened) -> dict[str, Any]:
    if not await opened.adopt():
        return {"phase": Phase.NEW}
    directions, errors = [], []
    for direction in opened.model().directions():
        try:
            pending, error = await _pending(direction), ""
        except SyncError as failed:  # capture is not what it was: the rest can be told all the same
            pending, error = None, f"{direction.name}: {failed}"
        errors.append(error)
        directions.append(await _direction(direction, pending))
    behind = [way["lag_s"] > opened.sync.lag_alarm for way in directions if way["lag_s"] is not None]
    return {"directions": directions, "stalled": any(behind), "error": "; ".join(filter(None, errors))}


async def _direction(direction: Direction, pending: ChangeBatch | None) -> dict[str, Any]:
    backfill = BackfillMark.decode(await direction.writes.read_checkpoint(direction.backfill)) or BackfillMark()
    copied = backfill.done and backfill.version == direction.mapper.version
    return {
        "name": direction.name,
        "copied": copied,
        "rows_done": backfill.rows,
        "rows_total": None if copied else await _count(direction),
        "rate": None,
        "eta_s": None,
        "lag_s": None if pending is None else _lag_s(pending),
        "counts": None,
        "quarantine": None,
        "held": await direction.writes.quarantine_counts(),
        "waiting": None,
        "duplicates": await direction.writes.count_duplicates(),
        "pending": None if pending is None else len(pending.changes),
        "pending_more": pending is not None and pending.more,
    }


async def _pending(direction: Direction) -> ChangeBatch | None:
    """What was captured and not applied; None where the stream never began.

    Raises:
        CaptureError: capture is gone, or was made anew since.
    """
    mark = LiveMark.decode(await direction.writes.read_checkpoint(direction.live))
    if mark is None:
        return None
    async with direction.reads.snapshot() as snapshot:
        return await snapshot.changes(mark.cursor, PENDING_MAX)


def _lag_s(pending: ChangeBatch) -> float:
    """Age of the oldest change that waits; 0 where none does. What the other direction wrote waits for nobody."""
    oldest = [change.captured_at for change in pending.changes if change.captured_at and not change.echo]
    return max(0.0, time.time() - min(oldest)) if oldest else 0.0


async def _count(direction: Direction) -> int:
    async with direction.reads.snapshot() as snapshot:
        return await snapshot.count()
