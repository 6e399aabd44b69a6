"""`strangler sync plan`: what syncs would do and cannot promise, before anything is changed."""

from __future__ import annotations

from pathlib import Path

import click
import orjson
from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from legacy_adapters.planning import Finding, SyncPlan, plan_sync
from proxy.cli.exits import EXIT_OK, EXIT_UNREACHABLE, EXIT_WRONG, SYNCING, told
from proxy.cli.screen import Field, Listing, plain, show
from proxy.cli.sync.working import chosen, common_options, finish, load

_FIELDS = (Field("", heads=True), Field("", folds=True, heads=True), Field("", folds=True))
_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


@click.command("plan", epilog=told(SYNCING))
@click.argument("sync", required=False)
@common_options
def plan_command(sync: str | None, config: Path, *, as_json: bool) -> None:
    """Look at both stores of SYNC, or of all, and say what would happen; nothing is changed."""
    syncs, folder = chosen(load(config), sync, config), config.resolve().parent

    async def work() -> int:
        plans = [await plan_sync(one, folder) for one in syncs]
        if as_json:
            click.echo(orjson.dumps({"plans": [one.as_data() for one in plans]}, option=orjson.OPT_INDENT_2))
        else:
            for one in plans:
                _show(one)
        if not all(one.reached for one in plans):
            return EXIT_UNREACHABLE
        return EXIT_OK if all(one.usable for one in plans) else EXIT_WRONG

    finish(work())


def _show(plan: SyncPlan) -> None:
    verdict = "can run" if plan.usable else "cannot run"
    shown: list[RenderableType] = [plain(f"{plan.name} ({plan.direction}): {verdict}", "bold")]
    for side, about in plan.sides.items():
        columns = ", ".join(f"{one['name']} {one['type']}" for one in about["columns"])
        table = f"{side}: {about['table']}, key {', '.join(about['key'])}, capture {about['capture']}"
        shown += [_indented(plain(table), 2), _indented(plain(columns, "dim"), 4)]
    shown += [_indented(plain(f"makes in {made}"), 2) for made in plan.installs]
    if plan.findings:
        shown.append(Listing(_FIELDS, [_row(finding) for finding in plan.findings]))
    show(*shown, "")


def _indented(text: Text, by: int) -> RenderableType:
    return Padding(text, (0, 0, 0, by), expand=False)


def _row(finding: Finding) -> list[Text | object]:
    words = finding.words if not finding.advice else f"{finding.words}: {finding.advice}"
    return [plain(f" {finding.level}", _STYLES[finding.level]), finding.where, words]
