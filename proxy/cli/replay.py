"""`strangler replay`: a kept request sent again to both arms, and compared anew."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final
from urllib.parse import quote

import click
import orjson
from rich.console import RenderableType
from rich.text import Text

from proxy.cli.asking import AskingError, ask, find_target, target_options
from proxy.cli.exits import ASKING, EXIT_OK, EXIT_TOKEN, EXIT_UNREACHABLE, EXIT_USAGE, EXIT_WRONG, told
from proxy.cli.screen import show
from shadow.reporting.sidebyside import render_exchange

_EXITS: Final = ASKING | {
    EXIT_OK: "both answer alike",
    EXIT_WRONG: "they do not",
    EXIT_USAGE: "wrong usage or it cannot be sent again",
    EXIT_UNREACHABLE: "control cannot be reached or cannot read its store",
    EXIT_TOKEN: "the token is refused or not an operator's",
}


@click.command(epilog=told(_EXITS))
@click.argument("identifier", metavar="ID")
@click.option("-H", "--header", "headers", multiple=True, metavar="'NAME: VALUE'", help="Send this field too.")
@target_options
def command(
    *,
    identifier: str,
    headers: tuple[str, ...],
    control: str | None,
    token: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Send a kept request again to legacy and new, and compare. Only safe methods; secrets have to be given anew."""
    path = f"/api/exchanges/{quote(identifier, safe='')}/replay"
    try:
        body = {"headers": [_pair(header) for header in headers]}
        answer = ask(find_target(control, token, config), path, "verdict", method="POST", body=body)
    except AskingError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_status)
    if as_json:
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
    else:
        shown: list[RenderableType] = []
        if answer["missing"]:
            names = ", ".join(answer["missing"])
            shown.append(Text(f"Sent without what is kept as tokens only: {names}. Give it with --header.", "yellow"))
        shown.append(Text(f"It was {answer['was'].replace('_', ' ')}; now:", "dim"))
        show(*shown, render_exchange(answer))
    sys.exit(EXIT_OK if answer["verdict"] in {"match", "explained"} else EXIT_WRONG)


def _pair(header: str) -> list[str]:
    name, colon, value = header.partition(":")
    if not colon:
        raise AskingError(f"--header {header}: write 'Name: value'", EXIT_USAGE)
    return [name.strip(), value.strip()]
