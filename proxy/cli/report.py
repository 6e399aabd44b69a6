"""`strangler report`: what shadow mode found, and whether a route may be promoted."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import click
from rich.console import Console

from proxy.cli.asking import AskingError, ask, find_target, target_options
from proxy.cli.exits import ASKING, EXIT_OK, EXIT_UNREACHABLE, EXIT_USAGE, EXIT_WRONG, told
from shadow.errors import ReportError
from shadow.reporting.judgement import State
from shadow.reporting.model import Report
from shadow.reporting.rendering import FORMATS, from_json, plain_text
from shadow.reporting.text import render_text

_EXITS: Final = ASKING | {
    EXIT_WRONG: "the gate is closed",
    EXIT_UNREACHABLE: "control cannot be reached or cannot read its store",
}


@click.command(epilog=told(_EXITS))
@click.argument("route", required=False)
@click.option("--since", metavar="TIME", help="Cover so much, up to now: 30m, 12h, 7d. Default: 1d.")
@click.option("form", "--format", type=click.Choice(list(FORMATS)), help="How it is written. Default: text.")
@click.option("--output", type=click.Path(path_type=Path, dir_okay=False), help="Write it to this file.")
@click.option("--gate", is_flag=True, help="Exit with 1 where a route may not be promoted.")
@click.option("--require", "requirements", multiple=True, metavar="NAME=VALUE", help="Set a condition of the gate.")
@target_options
def command(
    *,
    route: str | None,
    since: str | None,
    form: str | None,
    output: Path | None,
    gate: bool,
    requirements: tuple[str, ...],
    control: str | None,
    token: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Show what differs between legacy and new, of ROUTE or of every route in shadow."""
    form = form or ("json" if as_json else "text")
    query = {name: value for name, value in (("route", route), ("since", since)) if value is not None}
    try:
        query |= _requirements(requirements)
        target = find_target(control, token, config)
        report = from_json(ask(target, "/api/report" + (f"?{urlencode(query)}" if query else ""), "routes"))
        _write(report, form, output)
    except AskingError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_status)
    except ReportError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_USAGE)
    sys.exit(judge(report) if gate else EXIT_OK)


def _requirements(given: tuple[str, ...]) -> dict[str, str]:
    split = [text.partition("=") for text in given]
    for name, sign, value in split:
        if not sign or name in {"route", "since", "format"}:
            raise AskingError(f"--require {name}{sign}{value}: write NAME=VALUE, such as different_max=1%", EXIT_USAGE)
    return {name: value for name, _, value in split}


def _write(report: Report, form: str, output: Path | None) -> None:
    if output is not None:
        try:
            output.write_bytes(FORMATS[form][0](report))
        except OSError as error:
            raise AskingError(f"{output}: {error.strerror or error}", EXIT_USAGE) from error
    elif form != "text":
        click.echo(FORMATS[form][0](report), nl=False)
    elif sys.stdout.isatty():
        Console(highlight=False, markup=False).print(render_text(report), crop=False)
    else:
        click.echo(plain_text(report), nl=False)


def judge(report: Report) -> int:
    """The exit status of the gate; what is in the way is said on standard error.

    A report without any route lets nothing through: nothing was compared.
    """
    if not report.routes:
        click.echo("gate: closed, nothing was compared", err=True)
        return EXIT_WRONG
    for route in report.routes:
        for one in route.judgement.in_the_way:
            click.echo(f"gate: {route.route}: {one.words}", err=True)
    return EXIT_OK if all(route.judgement.state is State.READY for route in report.routes) else EXIT_WRONG
