"""`strangler status`: how the running proxy is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from proxy.cli.asking import EPILOG, EXIT_NOT_READY, EXIT_OK, Asking, asking_options
from proxy.cli.figures import NOTHING, age, rate, size


@click.command(epilog=EPILOG)
@asking_options
def command(*, control: str | None, token: str | None, config: Path | None, as_json: bool, watch: bool) -> None:
    """Show the running proxy: its processes, its configuration, its services, and what is wrong."""
    asking = Asking(control, token, config, as_json=as_json, watch=watch)
    sys.exit(asking.present("status", render, judge))


def judge(answer: dict[str, Any]) -> int:
    """Not ready is a failure, so that scripts can wait for it."""
    return EXIT_OK if answer["ready"] else EXIT_NOT_READY


def render(answer: dict[str, Any]) -> RenderableType:
    """The answer of `/api/status` for people."""
    return Group(*_headlines(answer), "", _workers(answer), "", _services(answer))


def _headlines(answer: dict[str, Any]) -> list[str]:
    state = "[green]ready[/]" if answer["ready"] else "[red]stopping[/]" if answer["draining"] else "[red]not ready[/]"
    listening = ", ".join(answer["listen"].values())
    config = answer["config"]
    lines = [
        f"{state}  strangler {answer['release']}, up {age(answer['uptime_s'])}, listening on {listening}",
        f"{rate(answer['requests_per_s'])}, {answer['requests_active']} under way, {answer['requests_total']:,} served",
        f"{escape(config['path'])}: table {config['version']}, {_reload(config)}",
    ]
    lines += [f"[yellow]![/] {escape(problem)}" for problem in answer["problems"]]
    last = config["last_reload"]
    if last is not None and last["outcome"] == "refused":
        lines += ["", escape(last["text"])]
    return lines


def _reload(config: dict[str, Any]) -> str:
    last = config["last_reload"]
    if last is None or last["reason"] == "start":
        return "not reloaded yet"
    counts = f"{config['reloads_applied']} reloads applied, {config['reloads_refused']} refused"
    return f"last reload {last['outcome']}, {counts}"


def _workers(answer: dict[str, Any]) -> Table:
    table = Table(title="Processes", title_justify="left", box=None, pad_edge=False)
    table.add_column("worker")
    for name in ("pid", "state", "table", "up", "restarts", "connections", "tunnels", "memory", "cpu", "files"):
        table.add_column(name, justify="left" if name == "state" else "right")
    for worker in answer["workers"]:
        colour = "green" if worker["state"] == "ready" else "yellow"
        cpu = NOTHING if worker["cpu_s"] is None else f"{worker['cpu_s']:.1f} s"
        table.add_row(
            str(worker["number"]),
            _number(worker["pid"]),
            f"[{colour}]{worker['state']}[/]",
            str(worker["version"]),
            age(worker["uptime_s"]),
            str(worker["restarts"]),
            f"{worker['connections']:,}",
            f"{worker['tunnels']:,}",
            size(worker["resident_bytes"]),
            cpu,
            _number(worker["open_files"]),
        )
    return table


def _services(answer: dict[str, Any]) -> Table:
    table = Table(title="Services", title_justify="left", box=None, pad_edge=False)
    table.add_column("service")
    table.add_column("url", overflow="fold")
    table.add_column("health")
    table.add_column("breaker")
    for name in ("active", "idle", "requests", "connects", "failed"):
        table.add_column(name, justify="right")
    for service in answer["services"]:
        for index, endpoint in enumerate(service["endpoints"]):
            table.add_row(
                "" if index else escape(service["name"]),
                escape(endpoint["url"]),
                _health(endpoint),
                _breaker(endpoint["breakers"]),
                *(f"{endpoint[name]:,}" for name in ("active", "idle", "requests", "connects", "connect_failures")),
            )
    return table


def _health(endpoint: dict[str, Any]) -> str:
    healthy, workers = endpoint["healthy_workers"], endpoint["workers"]
    if workers == 0:
        return NOTHING
    if healthy == workers:
        return "[green]healthy[/]"
    return "[red]unhealthy[/]" if healthy == 0 else f"[yellow]{healthy} of {workers} workers[/]"


def _breaker(states: dict[str, int]) -> str:
    if not states:
        return NOTHING
    colours = {"closed": "green", "open": "red", "half_open": "yellow"}
    many = len(states) > 1
    return " ".join(
        f"[{colours.get(state, 'red')}]{state.replace('_', ' ')}{f' ×{count}' if many else ''}[/]"  # noqa: RUF001
        for state, count in sorted(states.items())
    )


def _number(value: int | None) -> str:
    return NOTHING if value is None else str(value)
