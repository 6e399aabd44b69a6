"""Verification tells what is wrong from what is on its way, and repair goes through the normal path."""

from __future__ import annotations

import random

import pytest

from legacy_adapters.engine.model import Direction, SyncSettings
from legacy_adapters.engine.operations import Operations
from legacy_adapters.engine.stream import Stream, Surroundings
from legacy_adapters.errors import MappingError
from legacy_adapters.record import Side
from legacy_adapters.verify import verifying
from legacy_adapters.verify.finding import Fault
from legacy_adapters.verify.looking import Looks
from legacy_adapters.verify.repairing import repair
from legacy_adapters.verify.verifying import LOOKS_MAX, Plan, Verification
from support.model_audit import AuditedStore
from support.model_mapper import ModelMapper

RENAMED = {"id": "id", "NAME": "name", "MAIL": "mail"}
BACK = {new: old for old, new in RENAMED.items()}


def poison(row):
    if "poison" in row.values():
        raise MappingError("cannot be read", field="name")
    return row


def first_word(row):
    return {name: value.split(" ")[0] if isinstance(value, str) else value for name, value in row.items()}


class Pair:
    """Two stores in step, with a few records in both."""

    def __init__(self, *, both: bool = False, rows: int = 50) -> None:
        self.legacy = AuditedStore(["id", "NAME", "MAIL"])
        self.new = AuditedStore(["id", "name", "mail"])
        self.mapper = ModelMapper(RENAMED, change=poison)
        back = ModelMapper(BACK, change=poison)
        self.forth = Direction("s", Side.LEGACY, self.legacy, self.new, self.mapper, back if both else None)
        self.back = Direction("s", Side.NEW, self.new, self.legacy, back, self.mapper) if both else None
        self.streams = [
            Stream(one, SyncSettings(), Surroundings()) for one in (self.forth, self.back) if one is not None
        ]
        self.rows = rows

    async def in_step(self) -> Pair:
        for stream in self.streams:
            await stream.begin()
        for number in range(self.rows):
            self.legacy.put(id=number, NAME=f"name {number}")
        await self.settle()
        return self

    async def settle(self) -> None:
        for _ in range(20):
            if not sum([(await stream.step()).changes for stream in self.streams]):
                return
        raise AssertionError("the streams never come to rest")

    async def verify(self, *, plan: Plan | None = None):
        verification = Verification(self.forth, self.back, plan=plan, pause_s=0)
        return [finding async for finding in verification.run()], verification


def rogue(store: AuditedStore, key: tuple, row: dict | None) -> None:
    """A write that capture does not see."""
    seq, events = store.state.seq, list(store.state.events)
    store.put(**row) if row is not None else store.drop(*key)
    store.state.seq, store.state.events = seq, events


@pytest.mark.parametrize("both", [False, True])
async def test_stores_in_step_have_no_findings(both: bool) -> None:
    pair = await Pair(both=both).in_step()
    if both:
        pair.new.put(id=7, name="by new")
        await pair.settle()
    findings, verification = await pair.verify()
    assert findings == []
    assert verification.source_rows == verification.target_rows == 50
    assert verification.sampled_rows >= 50


async def test_changes_that_are_on_their_way_are_not_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = await Pair().in_step()
    pair.legacy.put(id=3, NAME="changed")
    pair.legacy.drop(4)
    looked = 0

    class Late(Looks):
        async def at_sources(self, keys):
            nonlocal looked
            looked += 1
            if looked == 3:
                await pair.settle()
            return await super().at_sources(keys)

    monkeypatch.setattr(verifying, "Looks", Late)
    assert [finding async for finding in Verification(pair.forth, pause_s=0).run()] == []
    assert looked >= 3


async def test_a_stream_that_does_not_get_on_is_said_and_not_taken_for_a_loss() -> None:
    pair = await Pair().in_step()
    pair.legacy.put(id=3, NAME="changed")
    findings, _ = await pair.verify(plan=Plan(target=False, sample_rows=0))
    assert [(finding.fault, finding.source_key) for finding in findings] == [(Fault.UNSETTLED, (3,))]
    assert LOOKS_MAX < 100


async def test_what_the_other_way_holds_is_held_and_never_repaired_away() -> None:
    pair = await Pair(both=True).in_step()
    pair.legacy.put(id=3, NAME="poison")
    await pair.settle()
    assert pair.back is not None
    verification = Verification(pair.back, pair.forth, plan=Plan(sample_rows=None), pause_s=0)
    findings = [finding async for finding in verification.run()]
    assert [(finding.fault, finding.target_key) for finding in findings] == [(Fault.HELD, (3,))]
    await repair(Operations(pair.streams), "to_legacy", findings, by="ann")
    assert pair.legacy.get(3)["NAME"] == "poison", "what waits for a person is not overwritten"


async def test_what_one_way_loses_is_in_step_when_it_is_what_the_other_way_made() -> None:
    pair = await Pair(both=True).in_step()
    shorten = ModelMapper(BACK, change=first_word)
    back = Direction("s", Side.NEW, pair.new, pair.legacy, shorten, pair.mapper)
    pair.forth = Direction("s", Side.LEGACY, pair.legacy, pair.new, pair.mapper, shorten)
    pair.back = back
    pair.streams = [Stream(one, SyncSettings(), Surroundings()) for one in (pair.forth, back)]
    for stream in pair.streams:
        await stream.load()
    pair.new.put(id=7, name="Grace Hopper")
    await pair.settle()
    assert (pair.legacy.get(7)["NAME"], pair.new.get(7)["name"]) == ("Grace", "Grace Hopper")
    assert (await pair.verify())[0] == []
    rogue(pair.new, (7,), {"id": 7, "name": "somebody else"})
    findings, _ = await pair.verify(plan=Plan(source=False, target=False, sample_rows=None))
    assert [(finding.fault, finding.source_key) for finding in findings] == [(Fault.MAPPING, (7,))]


async def test_changes_that_capture_missed_are_lost_and_repaired() -> None:
    pair = await Pair().in_step()
    rogue(pair.legacy, (3,), {"id": 3, "NAME": "unseen"})
    rogue(pair.legacy, (5,), None)
    rogue(pair.legacy, (99,), {"id": 99, "NAME": "unseen too"})
    findings, _ = await pair.verify(plan=Plan(sample_rows=0))
    assert {(finding.fault, finding.source_key) for finding in findings} == {
        (Fault.LOST, (3,)),
        (Fault.LOST, (5,)),
        (Fault.LOST, (99,)),
    }
    repaired = await repair(Operations(pair.streams), "to_new", findings, by="ann")
    assert repaired.tally.counts["applied"] == 3
    assert (pair.new.get(3)["name"], pair.new.get(5), pair.new.get(99)["name"]) == ("unseen", None, "unseen too")
    assert (await pair.verify())[0] == []


async def test_rogue_writes_in_the_target_are_found_and_repaired() -> None:
    pair = await Pair().in_step()
    pair.new.put(id=3, name="by hand")
    pair.new.drop(5)
    pair.new.put(id=1000, name="never from legacy")
    findings, _ = await pair.verify(plan=Plan(sample_rows=0))
    assert {(finding.fault, finding.target_key) for finding in findings} == {
        (Fault.ROGUE, (3,)),
        (Fault.ROGUE, (5,)),
        (Fault.ROGUE, (1000,)),
    }
    repaired = await repair(Operations(pair.streams), "to_new", findings, by="ann")
    assert pair.new.get(3)["name"] == "name 3"
    assert pair.new.get(5)["name"] == "name 5"
    assert repaired.foreign == [(1000,)], "what the sync never wrote is left alone"
    assert [finding.target_key for finding in (await pair.verify())[0]] == [(1000,)]


async def test_a_wrong_mapping_is_found_with_its_columns() -> None:
    pair = await Pair().in_step()
    pair.mapper.change = lambda row: {**row, "name": row["name"].upper()} if row["id"] == 7 else row
    findings, _ = await pair.verify(plan=Plan(sample_rows=None))
    assert [(finding.fault, finding.source_key, finding.columns) for finding in findings] == [
        (Fault.MAPPING, (7,), ("name",))
    ]


async def test_what_waits_in_quarantine_is_told_from_a_loss() -> None:
    pair = await Pair().in_step()
    pair.legacy.put(id=3, NAME="poison")
    await pair.settle()
    findings, _ = await pair.verify(plan=Plan(sample_rows=0))
    assert [(finding.fault, finding.source_key) for finding in findings] == [(Fault.HELD, (3,))]
    assert (await repair(Operations(pair.streams), "to_new", findings, by="ann")).tally.counts["applied"] == 0


async def test_verification_beside_writers_on_both_sides_never_raises_a_false_alarm(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = random.Random(7)
    for _ in range(30):
        pair = await Pair(both=True, rows=20).in_step()

        def write(pair: Pair = pair) -> None:
            key = rng.randrange(25)
            if rng.random() < 0.5:
                pair.legacy.put(id=key, NAME=f"l{rng.random()}")
            else:
                pair.new.put(id=key, name=f"n{rng.random()}")

        class Busy(Looks):
            async def at_sources(self, keys, write=write, pair=pair):
                if rng.random() < 0.5:
                    write()
                await rng.choice(pair.streams).step()
                return await super().at_sources(keys)

            async def at_targets(self, keys, write=write, pair=pair):
                if rng.random() < 0.5:
                    write()
                await rng.choice(pair.streams).step()
                return await super().at_targets(keys)

        for _ in range(5):
            write()
        monkeypatch.setattr(verifying, "Looks", Busy)
        found = [finding async for finding in Verification(pair.forth, pair.back, pause_s=0).run()]
        assert {finding.fault for finding in found} <= {Fault.UNSETTLED, Fault.HELD}


@pytest.mark.parametrize("rows", [0, 1, 50, 403, 999, 1_000])
async def test_a_sample_of_a_small_table_is_every_row_once(rows: int) -> None:
    pair = await Pair(rows=rows).in_step()
    findings, verification = await pair.verify(plan=Plan(sample_rows=1_000))
    assert (findings, verification.sampled_rows) == ([], rows)


async def test_how_far_looking_again_and_repairing_are_is_told() -> None:
    pair = await Pair().in_step()
    for number in range(5):
        rogue(pair.new, (number,), {"id": number, "name": "by hand"})
    steps: list[str] = []
    verification = Verification(
        pair.forth, None, on_progress=lambda step, _: steps.append(step), plan=Plan(sample_rows=0), pause_s=0
    )
    findings = [finding async for finding in verification.run()]
    assert list(dict.fromkeys(steps)) == ["source", "target", "again"]
    told: list[tuple[int, int]] = []
    operations = Operations(pair.streams)
    await repair(operations, "to_new", findings, by="ann", on_progress=lambda *progress: told.append(progress))
    assert told == [(0, 5)]
