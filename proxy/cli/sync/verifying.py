"""`strangler sync verify` and `repair`: are both stores in step, and if not, where."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click
import orjson
from rich.console import RenderableType

from legacy_adapters.engine.stream import Stream
from legacy_adapters.verify.bisect import Progress
from legacy_adapters.verify.finding import Finding
from legacy_adapters.verify.repairing import repair
from legacy_adapters.verify.verifying import Plan, Verification
from proxy.cli.exits import EXIT_OK, EXIT_WRONG, SYNCING, told
from proxy.cli.meter import Meter
from proxy.cli.screen import Field, Listing, plain, show
from proxy.cli.sync.keys import key_text
from proxy.cli.sync.working import Room, chosen, common_options, finish, load, opened, who
from routes.config import Config, Sync

#: Findings that are shown one by one; all are counted, and `--json` has all.
_SHOWN: Final = 20
_FIELDS: Final = (
    Field("  fault", heads=True),
    Field("source key", folds=True, heads=True),
    Field("target key", folds=True),
    Field("columns", folds=True),
)
_WORDS: Final = {
    "lost": "a change of the source was never applied",
    "rogue": "somebody else wrote to the target",
    "mapping": "the target has not what the mapping makes of the source",
    "held": "in quarantine, waits for a person",
    "unsettled": "still on its way: the sync does not get on",
}

#: What to do about faults.
_ADVICE: Final = (
    ({"lost", "rogue", "mapping"}, "`strangler sync repair` lets the source win."),
    ({"held"}, "`strangler sync quarantine list` says why."),
    ({"unsettled"}, "`strangler sync status` says how far the sync is; where nobody runs it, nothing arrives."),
)


@click.command("verify", epilog=told(SYNCING))
@click.argument("sync", required=False)
@click.option("--sample", type=click.IntRange(min=0), default=1000, help="Rows whose mapping is computed again.")
@click.option("--all", "everything", is_flag=True, help="Compute the mapping of every row again.")
@click.option("--repair", "mend", is_flag=True, help="Mend what is found, the source winning.")
@common_options
def verify_command(sync: str | None, sample: int, config: Path, *, everything: bool, mend: bool, as_json: bool) -> None:
    """Hold both stores of SYNC, or of all, against the ledgers; works while the sync runs."""
    given = load(config)
    plan = Plan(sample_rows=None if everything else sample)
    finish(_verify(given, chosen(given, sync, config), config.resolve().parent, plan, mend=mend, as_json=as_json))


@click.command("repair", epilog=told(SYNCING))
@click.argument("sync", required=False)
@common_options
def repair_command(sync: str | None, config: Path, *, as_json: bool) -> None:
    """The same as `verify --repair` without a sample of the mapping."""
    given = load(config)
    plan = Plan(sample_rows=0)
    finish(_verify(given, chosen(given, sync, config), config.resolve().parent, plan, mend=True, as_json=as_json))


async def _verify(config: Config, syncs: list[Sync], folder: Path, plan: Plan, *, mend: bool, as_json: bool) -> int:
    results: list[dict[str, Any]] = []
    async with opened(config, syncs, folder) as rooms:
        for room in rooms.values():
            for stream in room.streams:
                results.append(await _one(room, stream, plan, mend=mend))
                if not as_json:
                    _show(results[-1])
    if as_json:
        click.echo(orjson.dumps({"verified": results}, option=orjson.OPT_INDENT_2))
    return EXIT_OK if all(result["in_step"] for result in results) else EXIT_WRONG


async def _one(room: Room, stream: Stream, plan: Plan, *, mend: bool) -> dict[str, Any]:
    counter = next((other.direction for other in room.streams if other is not stream), None)
    with Meter() as meter:
        telling = await _telling(meter, stream, plan)
        finder = stream.surroundings.finder
        verification = Verification(stream.direction, counter, plan=plan, on_progress=telling, finder=finder)
        findings = [finding async for finding in verification.run()]
        result = {"sync": room.sync.name, "direction": stream.direction.name, **_figures(verification, findings)}
        if mend and findings:
            result |= await _mend(meter, room, stream, findings)
    return result


async def _telling(meter: Meter, stream: Stream, plan: Plan) -> Callable[[str, Progress], None]:
    """What shows how far a verification is; how many rows there are is known about."""
    direction = stream.direction
    async with direction.reads.snapshot() as source, direction.writes.snapshot() as target:
        totals = {"source": await source.count(), "target": await target.count()}
    totals["mapping"] = totals["source"] if plan.sample_rows is None else min(plan.sample_rows, totals["source"])
    name = f"{direction.sync} {direction.name}"

    def tell(step: str, progress: Progress) -> None:
        if step == "again":
            what = f"{name}, looking again at what may be on its way"
            meter.tell(what, progress.rows, progress.rows + progress.waiting, "records")
        else:
            meter.tell(f"{name}, {step}", progress.rows, totals[step])

    return tell


def _figures(verification: Verification, findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "source_rows": verification.source_rows,
        "target_rows": verification.target_rows,
        "sampled_rows": verification.sampled_rows,
        "incomplete": verification.incomplete,
        "counts": dict(Counter(str(finding.fault) for finding in findings)),
        "findings": [_plain(finding) for finding in findings],
        "in_step": not findings and not verification.incomplete,
    }


async def _mend(meter: Meter, room: Room, stream: Stream, findings: Sequence[Finding]) -> dict[str, Any]:
    name = stream.direction.name
    gone_through = 0

    def tell(done: int, total: int) -> None:
        nonlocal gone_through
        gone_through = done
        meter.tell(f"{room.sync.name} {name}, repair", done, total, "records")

    try:
        done = await repair(room.operations, name, findings, by=who(), on_progress=tell)
    except asyncio.CancelledError:
        click.echo(f"{gone_through:,} records were repaired; the same command goes on.", err=True)
        raise
    return {"repaired": dict(done.tally.counts), "foreign": [key_text(key) for key in done.foreign]}


def _plain(finding: Finding) -> dict[str, Any]:
    return {
        "fault": str(finding.fault),
        "source_key": key_text(finding.source_key),
        "target_key": key_text(finding.target_key),
        "columns": list(finding.columns),
    }


def _show(result: dict[str, Any]) -> None:
    style, verdict = ("green", "in step") if result["in_step"] else ("bold red", "not in step")
    shown: list[RenderableType] = [plain(f"{result['sync']} {result['direction']}: {verdict}", style)]
    against = f"{result['source_rows']:,} rows of the source and {result['target_rows']:,} of the target"
    lines = [f"{against} against the ledger, {result['sampled_rows']:,} mapped again"]
    lines += [f"{count:,} {fault}: {_WORDS[fault]}" for fault, count in result["counts"].items()]
    shown += [plain(f"  {line}") for line in lines]
    if result["findings"]:
        rows = [
            (f"  {one['fault']}", one["source_key"], one["target_key"], ", ".join(one["columns"]))
            for one in result["findings"][:_SHOWN]
        ]
        shown.append(Listing(_FIELDS, rows))
    if len(result["findings"]) > _SHOWN:
        shown.append(plain(f"  … and {len(result['findings']) - _SHOWN:,} more; --json has all"))
    if result["incomplete"]:
        shown.append(plain("  there are more than could be looked for: the stores are not a little out of step"))
    show(*shown, *(plain(f"  {line}") for line in _what_next(result)))


def _what_next(result: dict[str, Any]) -> Iterator[str]:
    """What was done about it, or what to do."""
    if "repaired" not in result:
        yield from (words for among, words in _ADVICE if among & result["counts"].keys())
        return
    numbers = ", ".join(f"{count:,} {what}" for what, count in result["repaired"].items() if count)
    yield f"repaired: {numbers or 'nothing to do'}. Verify again to see it."
    if result["foreign"]:
        keys = ", ".join(result["foreign"][:_SHOWN])
        more = len(result["foreign"]) - _SHOWN
        yield f"left alone, since the sync never wrote them: {keys}{f' and {more:,} more' if more > 0 else ''}"
