"""`strangler sync status`: what the syncs of a running proxy are doing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from proxy.cli.asking import AskingError, ask, find_target
from proxy.cli.figures import age, rate
from proxy.cli.sync.working import EPILOG, EXIT_OK, EXIT_WRONG
from proxy.printable import printable


@click.command("status", epilog=EPILOG)
@click.option("--control", metavar="URL", envvar="STRANGLER_CONTROL", help="Control API [STRANGLER_CONTROL].")
@click.option("--token", envvar="STRANGLER_TOKEN", help="Token to show [STRANGLER_TOKEN].")
@click.option("--config", type=click.Path(path_type=Path), help="Where to look both up; config.yaml where it is there.")
@click.option("as_json", "--json", is_flag=True, help="Print the API's JSON.")
def status_command(control: str | None, token: str | None, config: Path | None, *, as_json: bool) -> None:
    """Show the syncs of the running proxy. Exit code 1 where one needs a person or is behind."""
    try:
        answer = ask(find_target(control, token, config), "/api/syncs", "syncs")
    except AskingError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_status)
    if as_json:
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
    else:
        Console(highlight=False).print(status_table(answer["syncs"]))
    sys.exit(EXIT_WRONG if any(one["error"] or one["stalled"] for one in answer["syncs"]) else EXIT_OK)


def status_table(syncs: Sequence[dict[str, Any]]) -> RenderableType:
    """Syncs as people read them; what is in the way below."""
    table = Table(box=None, padding=(0, 1), header_style="bold")
    for title in ("sync", "direction", "phase", "copied", "rate", "left", "lag", "applied", "skipped", "echo"):
        table.add_column(title, justify="left" if title in {"sync", "direction", "phase"} else "right")
    table.add_column("quarantined", justify="right")
    for one in syncs:
        phase = Text(one["phase"], style="red" if one["error"] or one["stalled"] else "green")
        for way in one["directions"] or [None]:
            table.add_row(one["name"], *([Text("-"), phase] if way is None else _way(way, phase)))
    said = [Text(f"{one['name']}: {printable(one['error'])}", style="red") for one in syncs if one["error"]]
    return Group(table, *said) if syncs else Text("There are no syncs.")


def _way(way: dict[str, Any], phase: Text) -> list[Text | str]:
    counts = way["counts"]
    total = way["rows_total"]
    copied = "done" if way["copied"] else f"{way['rows_done']:,}" + (f" of {total:,}" if total else "")
    numbers = [f"{counts.get(name, 0):,}" for name in ("applied", "skipped", "echo")]
    held = counts.get("quarantined", 0) + counts.get("conflict", 0)
    left = age(way["eta_s"]) if not way["copied"] else "-"
    return [way["name"], phase, copied, rate(way["rate"]), left, f"{way['lag_s']:.1f} s", *numbers, f"{held:,}"]
