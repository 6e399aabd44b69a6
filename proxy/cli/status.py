"""`strangler status`: how the running proxy is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Group, RenderableType
from rich.text import Text

from proxy.cli.asking import Asking, asking_options
from proxy.cli.exits import ASKING, EXIT_OK, EXIT_WRONG, told
from proxy.cli.figures import NOTHING, age, rate, size
from proxy.cli.screen import Field, Listing, plain

_WORKERS: Final = (
    Field("worker", heads=True),
    *(Field(name, right=name != "state") for name in ("pid", "state", "table", "up", "restarts", "clients")),
    *(Field(name, right=True) for name in ("tunnels", "memory", "cpu", "files")),
)
_SERVICES: Final = (
    *(Field("service", heads=True), Field("url", folds=True, heads=True), Field("health"), Field("breaker")),
    *(Field(name, right=True) for name in ("active", "idle", "requests", "connects", "failed")),
)


@click.command(epilog=told(ASKING))
@asking_options
def command(*, control: str | None, token: str | None, config: Path | None, as_json: bool, watch: bool) -> None:
    """Show the running proxy: its processes, its configuration, its services, and what is wrong."""
    asking = Asking(control, token, config, as_json=as_json, watch=watch)
    sys.exit(asking.present("status", render, judge))


def judge(answer: dict[str, Any]) -> int:
    """Not ready is a failure, so that scripts can wait for it."""
    return EXIT_OK if answer["ready"] else EXIT_WRONG


def render(answer: dict[str, Any]) -> RenderableType:
    """The answer of `/api/status` for people."""
    workers, services = Text("Processes", "bold"), Text("Services", "bold")
    return Group(*_headlines(answer), "", workers, _workers(answer), "", services, _services(answer))


def _headlines(answer: dict[str, Any]) -> list[Text]:
    ready = ("ready", "green") if answer["ready"] else ("stopping" if answer["draining"] else "not ready", "red")
    listening = ", ".join(answer["listen"].values())
    config = answer["config"]
    lines = [
        Text.assemble(
            ready, f"  strangler {answer['release']}, up {age(answer['uptime_s'])}, listening on {listening}"
        ),
        plain(
            f"{rate(answer['requests_per_s'])}, {answer['requests_active']} under way, "
            f"{answer['requests_total']:,} served"
        ),
        plain(f"{config['path']}: table {config['version']}, {_reload(config)}"),
    ]
    lines += [Text.assemble(("!", "yellow"), " ", plain(problem)) for problem in answer["problems"]]
    last = config["last_reload"]
    if last is not None and last["outcome"] == "refused":
        lines += [Text(), *map(plain, last["text"].splitlines())]
    return lines


def _reload(config: dict[str, Any]) -> str:
    last = config["last_reload"]
    if last is None or last["reason"] == "start":
        return "not reloaded yet"
    counts = f"{config['reloads_applied']} reloads applied, {config['reloads_refused']} refused"
    return f"last reload {last['outcome']}, {counts}"


def _workers(answer: dict[str, Any]) -> Listing:
    rows: list[list[Text | object]] = []
    for worker in answer["workers"]:
        state = Text(worker["state"], "green" if worker["state"] == "ready" else "yellow")
        cpu = NOTHING if worker["cpu_s"] is None else f"{worker['cpu_s']:.1f} s"
        rows.append(
            [
                *(worker["number"], _number(worker["pid"]), state, worker["version"], age(worker["uptime_s"])),
                *(worker["restarts"], f"{worker['connections']:,}", f"{worker['tunnels']:,}"),
                *(size(worker["resident_bytes"]), cpu, _number(worker["open_files"])),
            ]
        )
    return Listing(_WORKERS, rows)


def _services(answer: dict[str, Any]) -> Listing:
    rows: list[list[Text | object]] = []
    for service in answer["services"]:
        for index, endpoint in enumerate(service["endpoints"]):
            counts = (f"{endpoint[name]:,}" for name in ("active", "idle", "requests", "connects", "connect_failures"))
            first = ("" if index else service["name"], endpoint["url"])
            rows.append([*first, _health(endpoint), _breaker(endpoint["breakers"]), *counts])
    return Listing(_SERVICES, rows)


def _health(endpoint: dict[str, Any]) -> Text:
    healthy, workers = endpoint["healthy_workers"], endpoint["workers"]
    if workers == 0:
        return Text(NOTHING)
    if healthy == workers:
        return Text("healthy", "green")
    return Text("unhealthy", "red") if healthy == 0 else Text(f"{healthy} of {workers} workers", "yellow")


def _breaker(states: dict[str, int]) -> Text:
    if not states:
        return Text(NOTHING)
    colours = {"closed": "green", "open": "red", "half_open": "yellow"}
    many = len(states) > 1
    return Text(" ").join(
        Text(f"{state.replace('_', ' ')}{f' ×{count}' if many else ''}", colours.get(state, "red"))  # noqa: RUF001
        for state, count in sorted(states.items())
    )


def _number(value: int | None) -> str:
    return NOTHING if value is None else str(value)
