"""`strangler retest`: whether new differs more often than legacy from itself is counted anew."""

from __future__ import annotations

import sys
from pathlib import Path
from urllib.parse import quote

import click
import orjson

from proxy.cli.asking import AskingError, ask, find_target, target_options
from proxy.cli.exits import ASKING, EXIT_OK, told
from proxy.printable import printable


@click.command(epilog=told(ASKING))
@click.argument("route")
@click.option("--reason", required=True, help="Why; stands in the audit log.")
@target_options
def command(
    *, route: str, reason: str, control: str | None, token: str | None, config: Path | None, as_json: bool
) -> None:
    """Begin the paired test of ROUTE anew, such as after a new version of new was rolled out: its flags fall.

    What is known of legacy's noise stays, and so do verdicts and clusters: `report --since` leaves out what was before.
    """
    try:
        path = f"/api/routes/{quote(route, safe='')}/retest"
        answer = ask(find_target(control, token, config), path, "retest", method="POST", body={"reason": reason})
    except AskingError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_status)
    if as_json:
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
    else:
        flagged = answer["retest"]["flagged_before"]
        places = "1 place was flagged" if flagged == 1 else f"{flagged} places were flagged"
        click.echo(printable(f"The paired test of {route} begins anew; {places}."))
    sys.exit(EXIT_OK)
