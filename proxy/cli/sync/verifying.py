"""`strangler sync verify` and `repair`: are both stores in step, and if not, where."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

import click
import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from legacy_adapters.engine.stream import Stream
from legacy_adapters.verify.bisect import Progress
from legacy_adapters.verify.repairing import repair
from legacy_adapters.verify.verifying import Finding, Plan, Verification
from proxy.cli.sync.working import (
    EPILOG,
    EXIT_OK,
    EXIT_WRONG,
    chosen,
    common_options,
    finish,
    key_text,
    load,
    opened,
    operations,
    who,
)
from routes.config import Config, Sync

#: Findings that are shown one by one; all are counted, and `--json` has all.
_SHOWN: Final = 20
_WORDS: Final = {
    "lost": "a change of the source was never applied",
    "rogue": "somebody else wrote to the target",
    "mapping": "the target has not what the mapping makes of the source",
    "held": "in quarantine, waits for a person",
    "unsettled": "still on its way: the sync does not get on",
}


@click.command("verify", epilog=EPILOG)
@click.argument("sync", required=False)
@click.option("--sample", type=click.IntRange(min=0), default=1000, help="Rows whose mapping is computed again.")
@click.option("--all", "everything", is_flag=True, help="Compute the mapping of every row again.")
@click.option("--repair", "mend", is_flag=True, help="Mend what is found, the source winning.")
@common_options
def verify_command(sync: str | None, sample: int, config: Path, *, everything: bool, mend: bool, as_json: bool) -> None:
    """Hold both stores of SYNC, or of all, against the ledgers; works while the sync runs."""
    given = load(config)
    plan = Plan(sample_rows=None if everything else sample)
    finish(_verify(given, chosen(given, sync), config.resolve().parent, plan, mend=mend, as_json=as_json))


@click.command("repair", epilog=EPILOG)
@click.argument("sync", required=False)
@common_options
def repair_command(sync: str | None, config: Path, *, as_json: bool) -> None:
    """The same as `verify --repair` without a sample of the mapping."""
    given = load(config)
    plan = Plan(sample_rows=0)
    finish(_verify(given, chosen(given, sync), config.resolve().parent, plan, mend=True, as_json=as_json))


async def _verify(config: Config, syncs: list[Sync], folder: Path, plan: Plan, *, mend: bool, as_json: bool) -> int:
    results: list[dict[str, Any]] = []
    async with opened(config, syncs, folder) as streams:
        for name, ways in streams.items():
            results += [await _one(name, way, ways, plan, mend=mend, quiet=as_json) for way in ways]
    if as_json:
        click.echo(orjson.dumps({"verified": results}, option=orjson.OPT_INDENT_2, default=str))
    else:
        for result in results:
            _show(result, Console(highlight=False))
    return EXIT_OK if all(result["in_step"] for result in results) else EXIT_WRONG


async def _one(name: str, way: Stream, ways: list[Stream], plan: Plan, *, mend: bool, quiet: bool) -> dict[str, Any]:
    counter = next((other.direction for other in ways if other is not way), None)
    shown = sys.stderr.isatty() and not quiet

    def tell(step: str, progress: Progress) -> None:
        if shown:
            click.echo(f"\r{name} {way.direction.name}: {step}, {progress.rows:,} rows ", nl=False, err=True)

    verification = Verification(way.direction, counter, plan=plan, on_progress=tell, finder=way.surroundings.finder)
    findings = [finding async for finding in verification.run()]
    if shown:
        click.echo("\r", nl=False, err=True)
    result: dict[str, Any] = {
        "sync": name,
        "direction": way.direction.name,
        "source_rows": verification.source_rows,
        "target_rows": verification.target_rows,
        "sampled_rows": verification.sampled_rows,
        "incomplete": verification.incomplete,
        "counts": dict(Counter(str(finding.fault) for finding in findings)),
        "findings": [_plain(finding) for finding in findings],
        "in_step": not findings and not verification.incomplete,
    }
    if mend and findings:
        done = await repair(operations(ways), way.direction.name, findings, by=who())
        result["repaired"] = dict(done.tally.counts)
        result["foreign"] = [key_text(key) for key in done.foreign]
    return result


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        "fault": str(finding.fault),
        "source_key": key_text(finding.source_key),
        "target_key": key_text(finding.target_key),
        "columns": list(finding.columns),
    }


def _show(result: dict[str, Any], console: Console) -> None:
    style = "green" if result["in_step"] else "bold red"
    verdict = "in step" if result["in_step"] else "not in step"
    console.print(Text(f"{result['sync']} {result['direction']}: {verdict}", style=style))
    console.print(
        f"  {result['source_rows']:,} rows of the source and {result['target_rows']:,} of the target against the "
        f"ledger, {result['sampled_rows']:,} mapped again"
    )
    for fault, count in result["counts"].items():
        console.print(f"  {count:,} {fault}: {_WORDS[fault]}")
    if result["findings"]:
        table = Table("", "source key", "target key", "columns", box=None, padding=(0, 1))
        for finding in result["findings"][:_SHOWN]:
            columns = ", ".join(finding["columns"])
            table.add_row(finding["fault"], finding["source_key"], finding["target_key"], columns)
        console.print(table)
    if len(result["findings"]) > _SHOWN:
        console.print(f"  … and {len(result['findings']) - _SHOWN:,} more; --json has all")
    if result["incomplete"]:
        console.print("  there are more than could be looked for: the stores are not a little out of step")
    if "repaired" in result:
        numbers = ", ".join(f"{count:,} {what}" for what, count in result["repaired"].items()) or "nothing to do"
        console.print(f"  repaired: {numbers}. Verify again to see it.")
        if result["foreign"]:
            console.print(f"  left alone, since the sync never wrote them: {', '.join(result['foreign'][:_SHOWN])}")
