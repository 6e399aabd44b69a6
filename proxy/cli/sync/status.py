"""`strangler sync status`: what the syncs of a running proxy are doing."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import orjson

from proxy.cli.asking import AskingError, ask, find_target
from proxy.cli.screen import show
from proxy.cli.sync.exits import EPILOG, EXIT_OK, EXIT_WRONG
from proxy.cli.sync.overview import is_wrong, overview


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
        show(overview(answer["syncs"]))
    sys.exit(EXIT_WRONG if any(map(is_wrong, answer["syncs"])) else EXIT_OK)
