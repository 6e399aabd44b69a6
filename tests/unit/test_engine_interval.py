"""A capture that asks its store by a query is asked no more often than is configured."""

from __future__ import annotations

from dataclasses import replace

from support.sync_pair import Pair


async def test_a_store_that_is_polled_is_left_alone_until_its_interval_has_passed() -> None:
    pair = await Pair().begin()
    pair.legacy.capabilities = replace(pair.legacy.capabilities, look_every_s=5.0)
    now = 100.0
    pair.to_new._monotonic = lambda: now
    pair.legacy.put(id=1, NAME="a")
    assert (await pair.to_new.step()).changes == 1
    pair.legacy.put(id=2, NAME="b")
    now = 104.0
    assert (await pair.to_new.step()).changes == 0
    now = 105.0
    assert (await pair.to_new.step()).changes == 1
    assert pair.agree()
