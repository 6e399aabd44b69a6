"""Prints a run as tables, and keeps it as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.results import Judgement, Sample, judge, medians, why_invalid
from benchmarks.rows.base import NOT_MEASURED, Row
from benchmarks.settings import Settings

STYLES = {"PASS": "bold green", "miss": "bold red", "no bar": "dim"}


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a run found."""

    machine: dict[str, Any]
    versions: dict[str, str]
    settings: Settings
    rows: Sequence[Row]
    samples: Sequence[Sample]
    skipped: dict[str, str]

    def judgements(self) -> list[Judgement]:
        """Every bar of every row that ran."""
        return [judge(self.samples, row.name, bar) for row in self.rows for bar in row.bars]

    def as_json(self) -> dict[str, Any]:
        """Plain values: medians and bars first, then every sample."""
        return {
            "machine": self.machine,
            "versions": self.versions,
            "settings": asdict(self.settings),
            "skipped": self.skipped,
            "bars": [_bar_json(each, self.rows) for each in self.judgements()],
            "rows": [self._row_json(row) for row in self.rows],
            "samples": [asdict(sample) for sample in self.samples],
        }

    def _row_json(self, row: Row) -> dict[str, Any]:
        return {
            "name": row.name,
            "title": row.title,
            "columns": [asdict(column) for column in row.columns],
            "entrants": {
                name: {
                    "values": medians(self.samples, row.name, name),
                    "invalid": why_invalid(self.samples, row.name, name),
                }
                for name in row.entrants
                if any(sample.row == row.name and sample.entrant == name for sample in self.samples)
            },
        }

    def save(self, path: Path) -> None:
        """Write the JSON file, its folder included."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_json(), indent=1) + "\n")

    def show(self, console: Console) -> None:
        """Print one table per row, then the bars."""
        kept = self.as_json()
        for row, values in zip(self.rows, kept["rows"], strict=True):
            if values["entrants"]:
                console.print(_row_table(row, values["entrants"]))
            for name, found in values["entrants"].items():
                if found["invalid"]:
                    console.print(f"{name} is invalid: {found['invalid']}", style="red", highlight=False, markup=False)
        if kept["bars"]:
            console.print(_bars_table(kept["bars"]))
        for name, why in self.skipped.items():
            console.print(f"{name} was skipped: {why}")
        if not self.settings.cores.isolated:
            console.print("[bold red]One core only: proxy and load shared it. These figures are worth nothing.")


def _row_table(row: Row, entrants: dict[str, Any]) -> Table:
    table = Table(title=row.title, title_justify="left", title_style="bold")
    table.add_column("proxy")
    for column in row.columns:
        table.add_column(column.title, justify="right")
    for name, found in entrants.items():
        style = "bold" if name.startswith("strangler") else ""
        table.add_row(name, *(column.text(found["values"]) for column in row.columns), style=style)
    return table


def _bars_table(bars: Sequence[dict[str, Any]]) -> Table:
    table = Table(title="Bars", title_justify="left", title_style="bold")
    for title in ("work", "figure", "limit", "measured", "verdict"):
        table.add_column(title, justify="right" if title in {"limit", "measured"} else "left")
    for bar in bars:
        style = STYLES.get(bar["verdict"], "yellow")
        table.add_row(bar["title"], bar["figure"], bar["limit_text"], bar["value_text"], f"[{style}]{bar['verdict']}")
    return table


def _bar_json(judgement: Judgement, rows: Sequence[Row]) -> dict[str, Any]:
    bar = judgement.bar
    row = next(row for row in rows if row.name == judgement.row)
    figure = bar.metric if bar.against is None else f"{bar.metric} of {bar.subject} / {bar.against}"
    return {
        "row": judgement.row,
        "title": row.title,
        "figure": f"{figure} ({bar.note})" if bar.note else figure,
        "limit": bar.limit,
        "limit_text": NOT_MEASURED if bar.limit is None else f"≤ {bar.limit:g} {bar.unit}",
        "value": judgement.value,
        "value_text": NOT_MEASURED if judgement.value is None else f"{judgement.value:.2f} {bar.unit}",
        "verdict": judgement.verdict,
    }
