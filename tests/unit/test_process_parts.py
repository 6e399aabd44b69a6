"""The tasks of a process: one that breaks is told, what ends or is ended is not, and all are gone at the end."""

from __future__ import annotations

import asyncio

from proxy.parts import Parts


async def breaks() -> None:
    raise OSError("no more")


async def test_part_that_breaks_is_told_with_its_error():
    told: asyncio.Queue[BaseException] = asyncio.Queue()
    parts = Parts(told.put_nowait)
    parts.start(breaks())
    async with asyncio.timeout(2):
        assert str(await told.get()) == "no more"
    await parts.end()
    assert told.empty()


async def test_parts_are_gone_at_the_end_and_none_of_them_is_called_broken():
    told: list[BaseException] = []
    gone: list[str] = []

    async def runs(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # what it has to put away takes a turn of the loop
            gone.append(name)

    parts = Parts(told.append)
    parts.start(runs("a"))
    parts.start(runs("b"))
    parts.start(asyncio.sleep(0))
    for _ in range(3):
        await asyncio.sleep(0)
    await parts.end()
    assert sorted(gone) == ["a", "b"]
    assert told == []


async def test_part_that_breaks_while_it_is_ended_is_told():
    told: list[BaseException] = []

    async def breaks_at_the_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await breaks()

    parts = Parts(told.append)
    parts.start(breaks_at_the_end())
    await asyncio.sleep(0)
    await parts.end()
    assert [str(error) for error in told] == ["no more"]
