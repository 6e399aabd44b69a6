"""Syncs as people read them: a row a direction, first copies with their progress, and below what is in the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from proxy.cli.figures import NOTHING, age, rate, share
from proxy.cli.meter import progress_text
from proxy.cli.screen import Field, Listing, plain
from proxy.printable import printable

_FIELDS: Final = (
    Field("sync", folds=True, heads=True),
    Field("direction", heads=True),
    Field("phase"),
    Field("copied", right=True),
    Field("rate", right=True),
    Field("lag", right=True),
    Field("applied", right=True),
    Field("echo", right=True),
    Field("held", right=True),
)
_UNKNOWN: Final = "?"
#: Lines of an overview beside those of its syncs: the titles, and how many were left out.
_AROUND_LINES: Final = 2
#: A lag from here on is told in minutes.
_SECONDS_MAX: Final = 100.0


def overview(syncs: Sequence[Mapping[str, Any]], *, notice: str = "", lines_max: int | None = None) -> RenderableType:
    """All of it, below a notice.

    Args:
        syncs: as `engine.status.as_data` and `kept.read_kept` have them.
        notice: above it.
        lines_max: lines that there is room for; where that is too little, syncs that are fine are only counted.
    """
    head = [*(plain(line) for line in notice.splitlines()), Text("")] if notice else []
    if not syncs:
        return Group(*head, Text("There are no syncs."))
    shown, left_out = _fitting(syncs, None if lines_max is None else lines_max - len(head))
    rows = [row for one in shown for row in _rows(one)]
    notes = [plain(line) for one in shown for line in _notes(one)]
    wrong = [plain(f"{one['name']}: {one['error']}", "red") for one in shown if one["error"]]
    fine = [plain(f"… and {left_out} more, which are fine")] if left_out else []
    return Group(*head, Listing(_FIELDS, rows), *notes, *wrong, *fine)


def plain_lines(syncs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The same for a log: a line a direction, each of which can stand alone."""
    lines: list[str] = []
    for one in syncs:
        wrong = f", {one['error']}" if one["error"] else ""
        lines += [printable(f"{one['name']} {_told(one, way)}{wrong}") for way in one["directions"]] or [
            printable(f"{one['name']}: {one['phase'] or _UNKNOWN}{wrong}")
        ]
    return lines


def _told(one: Mapping[str, Any], way: Mapping[str, Any]) -> str:
    return (
        f"{way['name']}: {one['phase'] or _UNKNOWN}, {_copied(way)} copied, {_rate(way)}, lag {_lag(way)}, "
        f"{_count(way, 'applied')} applied, {held(way):,} held"
    )


def _fitting(syncs: Sequence[Mapping[str, Any]], lines_max: int | None) -> tuple[Sequence[Mapping[str, Any]], int]:
    """Those that there is room for, and how many were left out: of those that are fine, the last ones first."""
    if lines_max is None:
        return syncs, 0
    shown = list(syncs)
    for one in reversed(syncs):
        if sum(map(_height, shown)) + _AROUND_LINES <= lines_max:
            break
        if not is_wrong(one):
            shown.remove(one)
    return shown, len(syncs) - len(shown)


def _height(one: Mapping[str, Any]) -> int:
    return max(1, len(one["directions"])) + len(list(_notes(one))) + bool(one["error"])


def _notes(one: Mapping[str, Any]) -> Iterator[str]:
    yield from progress_lines(one)
    yield from _pending_lines(one)
    for way in one["directions"]:
        if waiting := way.get("waiting"):
            yield f"{one['name']} {way['name']}: {waiting:,} rows wait for records of other syncs"
        count = way.get("duplicates")
        if count:
            told = f"{count:,} records may be the same as another"
            yield f"{one['name']} {way['name']}: {told}: strangler sync duplicates {one['name']}"


def progress_lines(one: Mapping[str, Any]) -> Iterator[str]:
    """How far each first copy under way is: `customers to_new: 24,000 of 50,000 rows, 48%, 3,400.0/s, 8s left`."""
    for way in one["directions"]:
        if way["copied"]:
            continue
        total, done = way["rows_total"], way["rows_done"]
        if not total and not done:
            continue
        way_of = f"{one['name']} {way['name']}"
        yield progress_text(way_of, done, total, per_s=way["rate"], left_s=way["eta_s"])


def _pending_lines(one: Mapping[str, Any]) -> Iterator[str]:
    """What waits, where nobody is known to work on it."""
    for way in one["directions"]:
        count = way.get("pending")
        if count:
            more = "more than " if way["pending_more"] else ""
            old = f", the oldest {age(way['lag_s'])} old" if way["lag_s"] else ""
            yield f"{one['name']} {way['name']}: {more}{count:,} captured changes wait{old}"


def held(way: Mapping[str, Any]) -> int:
    """Records of a direction that wait in quarantine."""
    return sum(way["held"].values())


def is_wrong(one: Mapping[str, Any]) -> bool:
    """Whether a sync needs somebody, or is behind."""
    return bool(one["error"] or one["stalled"])


def _rows(one: Mapping[str, Any]) -> Iterator[list[Text | object]]:
    phase = plain(one["phase"] or _UNKNOWN, "red" if is_wrong(one) else "green" if one["phase"] == "live" else "yellow")
    if not one["directions"]:
        yield [one["name"], NOTHING, phase, *[NOTHING] * (len(_FIELDS) - 3)]
    for way in one["directions"]:
        waiting = held(way)
        yield [
            one["name"],
            way["name"],
            phase,
            _copied(way),
            _rate(way),
            _lag(way),
            _count(way, "applied"),
            _count(way, "echo"),
            Text(f"{waiting:,}", style="yellow" if waiting else ""),
        ]


def _copied(way: Mapping[str, Any]) -> str:
    if way["copied"]:
        return "done"
    total = way["rows_total"]
    return share(min(1.0, way["rows_done"] / total)) if total else f"{way['rows_done']:,}"


def _rate(way: Mapping[str, Any]) -> str:
    return _UNKNOWN if way["rate"] is None else rate(way["rate"])


def _lag(way: Mapping[str, Any]) -> str:
    lag_s = way["lag_s"]
    return _UNKNOWN if lag_s is None else f"{lag_s:.1f} s" if lag_s < _SECONDS_MAX else age(lag_s)


def _count(way: Mapping[str, Any], name: str) -> str:
    counts = way["counts"]
    return _UNKNOWN if counts is None else f"{counts.get(name, 0):,}"
