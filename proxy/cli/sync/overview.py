"""Syncs as people read them: a row a direction, first copies with their progress, and below what is in the way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from proxy.cli.figures import NOTHING, age, rate, share
from proxy.cli.screen import Field, Listing, plain

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
#: A lag from here on is told in minutes.
_SECONDS_MAX: Final = 100.0


def overview(syncs: Sequence[Mapping[str, Any]]) -> RenderableType:
    """All of it."""
    if not syncs:
        return Text("There are no syncs.")
    rows = [row for one in syncs for row in _rows(one)]
    copying = [plain(line) for one in syncs for line in progress_lines(one)]
    wrong = [plain(f"{one['name']}: {one['error']}", "red") for one in syncs if one["error"]]
    return Group(Listing(_FIELDS, rows), *copying, *wrong)


def plain_lines(syncs: Sequence[Mapping[str, Any]]) -> list[str]:
    """The same for a log: a line a direction, each of which can stand alone."""
    lines: list[str] = []
    for one in syncs:
        wrong = f", {one['error']}" if one["error"] else ""
        lines += [
            f"{one['name']} {way['name']}: {one['phase']}, {_copied(way)} copied, {rate(way['rate'])}, "
            f"lag {_lag(way)}, {way['counts'].get('applied', 0):,} applied, {held(way):,} held{wrong}"
            for way in one["directions"]
        ] or [f"{one['name']}: {one['phase']}{wrong}"]
    return lines


def progress_lines(one: Mapping[str, Any]) -> Iterator[str]:
    """How far each first copy under way is: `customers to_new: 24,000 of 50,000 rows, 48%, 3,400.0/s, 8s left`."""
    for way in one["directions"]:
        if way["copied"]:
            continue
        total, done = way["rows_total"], way["rows_done"]
        if not total and not done:
            continue
        parts = [f"{done:,} of about {total:,} rows" if total else f"{done:,} rows"]
        if total:
            parts.append(share(min(1.0, done / total)))
        if way["rate"]:
            parts.append(rate(way["rate"]))
        if way["eta_s"] is not None:
            parts.append(f"{age(way['eta_s'])} left")
        yield f"{one['name']} {way['name']}: {', '.join(parts)}"


def held(way: Mapping[str, Any]) -> int:
    """Records of a direction that wait in quarantine."""
    return sum(way["held"].values())


def is_wrong(one: Mapping[str, Any]) -> bool:
    """Whether a sync needs somebody, or is behind."""
    return bool(one["error"] or one["stalled"])


def _rows(one: Mapping[str, Any]) -> Iterator[list[Text | object]]:
    phase = plain(one["phase"], "red" if is_wrong(one) else "green" if one["phase"] == "live" else "yellow")
    if not one["directions"]:
        yield [one["name"], NOTHING, phase, *[NOTHING] * 6]
    for way in one["directions"]:
        counts, waiting = way["counts"], held(way)
        yield [
            one["name"],
            way["name"],
            phase,
            _copied(way),
            rate(way["rate"]),
            _lag(way),
            f"{counts.get('applied', 0):,}",
            f"{counts.get('echo', 0):,}",
            Text(f"{waiting:,}", style="yellow" if waiting else ""),
        ]


def _copied(way: Mapping[str, Any]) -> str:
    if way["copied"]:
        return "done"
    total = way["rows_total"]
    return share(min(1.0, way["rows_done"] / total)) if total else f"{way['rows_done']:,}"


def _lag(way: Mapping[str, Any]) -> str:
    lag_s = way["lag_s"]
    return _UNKNOWN if lag_s is None else f"{lag_s:.1f} s" if lag_s < _SECONDS_MAX else age(lag_s)
