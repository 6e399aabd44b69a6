"""`strangler routes`: what each route does right now."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from proxy.cli.asking import EPILOG, EXIT_OK, Asking, asking_options
from proxy.cli.figures import NOTHING, duration, rate, share

_ERRORS_ALARM = 0.01


@click.command(epilog=EPILOG)
@asking_options
def command(*, control: str | None, token: str | None, config: Path | None, as_json: bool, watch: bool) -> None:
    """Show the routes of the running proxy: mode, share of each arm, rates, errors and latency of the last minute."""
    asking = Asking(control, token, config, as_json=as_json, watch=watch)
    sys.exit(asking.present("routes", render, judge))


def judge(answer: dict[str, Any]) -> int:
    """Any answer is fine."""
    del answer
    return EXIT_OK


def render(answer: dict[str, Any]) -> RenderableType:
    """The answer of `/api/routes` for people."""
    table = Table(box=None, pad_edge=False)
    for name in ("route", "mode", "arm", "service"):
        table.add_column(name, overflow="fold")
    for name in ("share", "rate", "5xx", "p50", "p99", "active", "retries", "fallbacks", "requests"):
        table.add_column(name, justify="right")
    for route in answer["routes"]:
        for index, arm in enumerate(route["arms"]):
            first = ("", "") if index else (escape(route["name"]), _mode(route["mode"]))
            table.add_row(*first, *_arm(arm))
    mirrors = _mirrors(answer["routes"])
    note = f"table {answer['version']}; rates, errors and latency over the last {answer['window_s']:.0f} s"
    parts: list[RenderableType] = [table, ""] if mirrors is None else [table, "", mirrors, ""]
    return Group(*parts, f"[dim]{note}[/]")


def _mirrors(routes: list[dict[str, Any]]) -> Table | None:
    """What is mirrored, a row for each route; None where nothing is."""
    mirrored = [(route["name"], route["mirror"]) for route in routes if route["mirror"] is not None]
    if not mirrored:
        return None
    table = Table(title="Mirrors", title_justify="left", box=None, pad_edge=False)
    for name in ("route", "copies to"):
        table.add_column(name, overflow="fold")
    for name in ("sample", "rate", "compared", "sent", "under way", "asked twice", "shed", "lost"):
        table.add_column(name, justify="right")
    table.add_column("mostly shed or lost by", overflow="fold")
    for name, mirror in mirrored:
        table.add_row(escape(name), mirror["arm"], *_mirror(mirror))
    return table


def _mirror(mirror: dict[str, Any]) -> tuple[str, ...]:
    reasons = {**mirror["lost"], **mirror["shed"]}
    return (
        share(mirror["sample"]),
        rate(mirror["per_s"]),
        share(mirror["compared_share"]),
        *(f"{mirror[name]:,}" for name in ("sent", "under_way")),
        f"{mirror['again']:,} [yellow]↑[/]" if mirror["asking_more"] else f"{mirror['again']:,}",
        *(f"{sum(mirror[name].values()):,}" for name in ("shed", "lost")),
        max(reasons, key=lambda reason: reasons[reason], default=NOTHING),
    )


def _arm(arm: dict[str, Any]) -> tuple[str, ...]:
    errors = share(arm["error_share"])
    if (arm["error_share"] or 0.0) >= _ERRORS_ALARM:
        errors = f"[red]{errors}[/]"
    return (
        arm["arm"],
        escape(arm["service"]),
        share(arm["share"]),
        rate(arm["per_s"]),
        errors,
        duration(arm["p50_s"]),
        duration(arm["p99_s"]),
        *(f"{arm[name]:,}" for name in ("active", "retries", "fallbacks", "requests")),
    )


def _mode(mode: str) -> str:
    return {"canary": "[yellow]canary[/]", "shadow": "[cyan]shadow[/]", "new": "[green]new[/]"}.get(mode, mode)
