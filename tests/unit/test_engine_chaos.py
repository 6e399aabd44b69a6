"""Killed at any point, with writers on both sides: stores equal to the history. And engines broken on purpose fail."""

from __future__ import annotations

import pytest
import structlog

from support.model_chaos import Chaos, Contested

pytestmark = pytest.mark.usefixtures("silent")
POINTS = {
    "begin.read",
    "begin.written",
    "begin.committed",
    "backfill.read",
    "backfill.changes_applied",
    "backfill.chunk_applied",
    "backfill.written",
    "backfill.committed",
    "live.read",
    "live.fenced",
    "live.applied",
    "live.written",
    "live.committed",
}


@pytest.fixture
def silent():
    """A killed sync has much to say."""
    structlog.configure(processors=[lambda *_: (_ for _ in ()).throw(structlog.DropEvent)])
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("both", [True, False])
async def test_killed_anywhere_nothing_is_lost_doubled_or_reordered(both):
    points = set()
    for seed in range(300):
        chaos = Chaos(seed, both=both)
        await chaos.play()
        chaos.check()
        points |= chaos.points
    assert points == POINTS


async def test_both_sides_end_up_equal_when_every_record_is_contested():
    for seed in range(300):
        chaos = Contested(seed)
        await chaos.play()
        chaos.check()
