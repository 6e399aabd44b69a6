"""What a sync would do and what it cannot promise, told before anything is changed in either store."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from legacy_adapters.errors import StoreUnavailableError, SyncError
from legacy_adapters.mapping.losses import analyse
from legacy_adapters.opening import Opened, open_sync
from legacy_adapters.record import Side
from legacy_adapters.sampling import sample_duplicates
from legacy_adapters.sql import names
from routes.config import Sync
from routes.syncchecks import sync_findings


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to know before a sync runs.

    Attributes:
        level: `error` (it cannot run), `warning` (something is lost or not promised), `note`.
        where: columns or side.
        words: what, in a sentence.
        advice: what to do, "" where nothing need be done.
    """

    level: str
    where: str
    words: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """One sync, planned.

    Attributes:
        name: of the sync.
        direction: as configured.
        sides: for each side its table, columns, rows (about) and how it is captured.
        installs: what preparing makes in the stores.
        findings: errors first.
        reached: both stores could be reached.
    """

    name: str
    direction: str
    sides: dict[str, dict[str, Any]]
    installs: tuple[str, ...]
    findings: tuple[Finding, ...]
    reached: bool = True

    @property
    def usable(self) -> bool:
        """Whether it can run."""
        return all(finding.level != "error" for finding in self.findings)

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "usable": self.usable}


async def plan_sync(sync: Sync, folder: Path) -> SyncPlan:
    """Look at both stores and the mapping; changes nothing. What cannot be opened is a finding, not an exception."""
    try:
        opened = await open_sync(sync, folder)
    except SyncError as error:
        return _not_to_be_had(sync, error)
    try:
        plan = _planned(opened, folder)
        lacking = await _of_rights(opened)
        if lacking:  # whoever may not read a table cannot be asked what is in it
            return replace(plan, findings=_in_order((*plan.findings, *lacking)))
        alike = await _of_duplicates(opened)
        doubts = [
            Finding("warning", f"{side} store", doubt) for side in Side for doubt in await opened.stores[side].doubts()
        ]
        return replace(plan, findings=_in_order((*plan.findings, *doubts, *alike)))
    except StoreUnavailableError as error:
        return _not_to_be_had(sync, error)
    finally:
        await opened.close()


async def _of_rights(opened: Opened) -> list[Finding]:
    """What the users of both stores may not do and must."""
    return [
        Finding("error", f"{side} store", lack)
        for side in Side
        for lack in await opened.stores[side].lacking(written=opened.reads(side.other))
    ]


async def _of_duplicates(opened: Opened) -> list[Finding]:
    """What is known of rows that may be the same record."""
    query, name = opened.mapping.duplicates, opened.sync.name
    if query is None:
        return []
    if not opened.stores[Side.NEW].looks_for_duplicates:
        why = "the sync does not write the new store" if opened.mapping.to_new is None else "its database has no hashes"
        return [Finding("warning", "duplicates", f"none are flagged, since {why}", "remove duplicates")]
    found = []
    for side in Side:
        sample = await sample_duplicates(opened, side)
        if sample is None or not sample.rows:
            continue
        rows = f"all {sample.rows:,} rows" if sample.whole else f"the first {sample.rows:,} rows"
        more = "" if sample.whole else "; with the others there may be more"
        agree = f"{sample.agreeing:,} of {rows} agree with another on {', '.join(query.columns)}{more}"
        advice = f"they are flagged, not merged: strangler sync duplicates {name}" if sample.agreeing else ""
        found.append(Finding("warning" if sample.agreeing else "note", f"{side} store", agree, advice))
    return found


def _not_to_be_had(sync: Sync, error: SyncError) -> SyncPlan:
    finding = Finding("error", "stores", str(error))
    reached = not isinstance(error, StoreUnavailableError)
    return SyncPlan(sync.name, sync.direction, {}, (), (finding,), reached)


def _planned(opened: Opened, folder: Path) -> SyncPlan:
    sync = opened.sync
    kinds = {side: {kind.name: kind for kind in opened.stores[side].kinds} for side in Side}
    found = [
        Finding(str(loss.level), loss.field, loss.sentence, loss.advice)
        for loss in analyse(sync, folder=folder, legacy=kinds[Side.LEGACY], new=kinds[Side.NEW])
    ]
    found += [Finding("warning", f"{one.path[-2]}.{one.path[-1]}", one.message) for one in sync_findings(0, sync)]
    sides: dict[str, dict[str, Any]] = {}
    installs: list[str] = []
    for side in Side:
        store, reads = opened.stores[side], opened.reads(side)
        given = sync.legacy if side is Side.LEGACY else sync.new
        way = sync.capture.legacy if side is Side.LEGACY else sync.capture.new
        capture = "none" if not reads else "outbox" if isinstance(way, str) else f"poll {way.poll}"
        sides[str(side)] = {
            "table": given.table,
            "key": list(given.key),
            "columns": [{"name": kind.name, "type": kind.type_name} for kind in store.kinds],
            "capture": capture,
        }
        if opened.reads(side.other):
            also = f", {names.duplicates(sync.name)}" if store.looks_for_duplicates else ""
            installs.append(f"{side}: the tables {names.ledger(sync.name, side)}, {names.CHECKPOINT}{also}")
        if reads:
            found += [Finding("note", f"{side} store", note) for note in store.capabilities.notes]
            found += _of_capture(opened, side)
            if capture == "outbox":
                installs.append(f"{side}: the table {names.outbox(given.table)} and triggers on {given.table}")
        found += _of_promises(opened, side)
    return SyncPlan(sync.name, sync.direction, sides, tuple(installs), _in_order(found))


def _in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    order = {"error": 0, "warning": 1, "note": 2}
    return tuple(sorted(findings, key=lambda one: order[one.level]))


def _of_capture(opened: Opened, side: Side) -> list[Finding]:
    try:
        opened.stores[side].check_capture()
    except SyncError as error:
        return [Finding("error", f"{side} store", str(error))]
    return []


def _of_promises(opened: Opened, side: Side) -> list[Finding]:
    capabilities = opened.stores[side].capabilities
    where = f"{side} store"
    found: list[Finding] = []
    if not capabilities.tested:
        found.append(Finding("warning", where, "this database is not tested with strangler", "verify often"))
    if opened.reads(side):
        if not capabilities.deletes:
            found.append(Finding("warning", where, "deletes are not seen", "capture with outbox where that is allowed"))
        if not capabilities.origins and opened.sync.direction == "both":
            found.append(Finding("warning", where, "the sync's own writes are read again, and skipped as equal"))
    return found
