"""`strangler exchange`: one kept exchange, side by side."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import quote

import click
import orjson

from proxy.cli.asking import AskingError, ask, find_target, target_options
from proxy.cli.exits import ASKING, told
from proxy.cli.screen import show
from shadow.reporting.sidebyside import render_exchange


@click.command(epilog=told(ASKING))
@click.argument("identifier", metavar="ID")
@target_options
def command(*, identifier: str, control: str | None, token: str | None, config: Path | None, as_json: bool) -> None:
    """Show a kept exchange: what was asked, what both arms answered, and what differs. ID is its request id."""
    try:
        answer = ask(find_target(control, token, config), f"/api/exchanges/{quote(identifier, safe='')}", "verdict")
    except AskingError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_status)
    if as_json:
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
    else:
        show(render_exchange(answer))
