"""`strangler routes`: what each route does right now."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Group, RenderableType
from rich.text import Text

from proxy.cli.asking import Asking, asking_options
from proxy.cli.exits import ASKING, EXIT_OK, told
from proxy.cli.figures import NOTHING, duration, rate, share
from proxy.cli.screen import Field, Listing, plain

_ERRORS_ALARM: Final = 0.01
_MODES: Final = {"canary": "yellow", "shadow": "cyan", "new": "green"}
_ARMS: Final = (
    *(Field("route", folds=True, heads=True), Field("mode"), Field("arm", heads=True), Field("service", folds=True)),
    *(Field(name, right=True) for name in ("share", "rate", "5xx", "p50", "p99", "requests")),
)
#: Shown where any arm has some.
_RARE: Final = ("active", "retries", "fallbacks")
_MIRRORS: Final = (
    *(Field("route", folds=True, heads=True), Field("copies to")),
    *(Field(name, right=True) for name in ("sample", "rate", "compared", "sent", "under way", "asked twice")),
    *(Field("shed", right=True), Field("lost", right=True), Field("mostly shed or lost by")),
)


@click.command(epilog=told(ASKING))
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
    rows: list[list[Text | object]] = []
    rare = [name for name in _RARE if any(arm[name] for route in answer["routes"] for arm in route["arms"])]
    for route in answer["routes"]:
        for index, arm in enumerate(route["arms"]):
            first = ("", "") if index else (route["name"], Text(route["mode"], _MODES.get(route["mode"], "")))
            rows.append([*first, *_arm(arm), *(f"{arm[name]:,}" for name in rare)])
    mirrors = _mirrors(answer["routes"])
    note = f"table {answer['version']}; rates, errors and latency over the last {answer['window_s']:.0f} s"
    between: list[RenderableType] = [] if mirrors is None else [Text("Mirrors", "bold"), mirrors, ""]
    fields = (*_ARMS, *(Field(name, right=True) for name in rare))
    return Group(Listing(fields, rows), "", *between, Text(note, "dim"))


def _mirrors(routes: list[dict[str, Any]]) -> Listing | None:
    """What is mirrored, a row for each route; None where nothing is."""
    mirrored = [(route["name"], route["mirror"]) for route in routes if route["mirror"] is not None]
    if not mirrored:
        return None
    return Listing(_MIRRORS, [[name, mirror["arm"], *_mirror(mirror)] for name, mirror in mirrored])


def _mirror(mirror: dict[str, Any]) -> tuple[Text | object, ...]:
    reasons = {**mirror["lost"], **mirror["shed"]}
    again = Text(f"{mirror['again']:,}")
    if mirror["asking_more"]:
        again.append(" ↑", "yellow")
    return (
        share(mirror["sample"]),
        rate(mirror["per_s"]),
        share(mirror["compared_share"]),
        *(f"{mirror[name]:,}" for name in ("sent", "under_way")),
        again,
        *(f"{sum(mirror[name].values()):,}" for name in ("shed", "lost")),
        max(reasons, key=lambda reason: reasons[reason], default=NOTHING),
    )


def _arm(arm: dict[str, Any]) -> tuple[Text | object, ...]:
    errors = plain(share(arm["error_share"]), "red" if (arm["error_share"] or 0.0) >= _ERRORS_ALARM else "")
    return (
        arm["arm"],
        arm["service"],
        share(arm["share"]),
        rate(arm["per_s"]),
        errors,
        duration(arm["p50_s"]),
        duration(arm["p99_s"]),
        f"{arm['requests']:,}",
    )
