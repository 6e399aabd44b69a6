"""`strangler sync plan`: what syncs would do and cannot promise, before anything is changed."""

from __future__ import annotations

from pathlib import Path

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from legacy_adapters.planning import SyncPlan, plan_sync
from proxy.cli.sync.working import EPILOG, EXIT_OK, EXIT_WRONG, chosen, common_options, finish, load
from proxy.printable import printable

_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


@click.command("plan", epilog=EPILOG)
@click.argument("sync", required=False)
@common_options
def plan_command(sync: str | None, config: Path, *, as_json: bool) -> None:
    """Look at both stores of SYNC, or of all, and say what would happen; nothing is changed."""
    syncs, folder = chosen(load(config), sync), config.resolve().parent

    async def work() -> int:
        plans = [await plan_sync(one, folder) for one in syncs]
        if as_json:
            click.echo(orjson.dumps({"plans": [one.as_data() for one in plans]}, option=orjson.OPT_INDENT_2))
        else:
            for one in plans:
                _show(one, Console(highlight=False))
        return EXIT_OK if all(one.usable for one in plans) else EXIT_WRONG

    finish(work())


def _show(plan: SyncPlan, console: Console) -> None:
    verdict = "can run" if plan.usable else "cannot run"
    console.print(Text(f"{plan.name} ({plan.direction}): {verdict}", style="bold"))
    for side, about in plan.sides.items():
        columns = ", ".join(f"{one['name']} {one['type']}" for one in about["columns"])
        console.print(f"  {side}: {about['table']}, key {', '.join(about['key'])}, capture {about['capture']}")
        console.print(Text(f"    {printable(columns)}", style="dim"))
    for made in plan.installs:
        console.print(f"  makes in {made}")
    if plan.findings:
        table = Table(show_header=False, box=None, padding=(0, 1))
        for finding in plan.findings:
            words = finding.words if not finding.advice else f"{finding.words}: {finding.advice}"
            style = _STYLES[finding.level]
            table.add_row(Text(finding.level, style=style), printable(finding.where), Text(printable(words)))
        console.print(table)
    console.print()
