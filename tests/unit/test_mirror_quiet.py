"""Work for mirrors waits for clients, one piece in a turn of the loop, and never for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from proxy.mirroring.quiet import PIECES_MAX, Quiet
from support.waits import eventually


class Clients:
    """Whether any of them waits."""

    def __init__(self, *, wait: bool = False) -> None:
        self.wait = wait

    def __call__(self) -> bool:
        return self.wait


class Turns:
    """Numbers the turns of the loop and notes in which one each piece was done."""

    def __init__(self) -> None:
        self.number = 0
        self.pieces: list[int] = []
        self._loop = asyncio.get_running_loop()
        self._loop.call_soon(self._count)

    def _count(self) -> None:
        self.number += 1
        self._loop.call_soon(self._count)

    def piece(self) -> None:
        self.pieces.append(self.number)


def quiet_for(clients: Callable[[], bool]) -> Quiet:
    return Quiet(asyncio.get_running_loop(), clients)


async def test_each_piece_has_a_turn_of_the_loop_to_itself_after_a_look_at_the_sockets():
    quiet, turns = quiet_for(Clients()), Turns()
    for _ in range(20):
        quiet.add(turns.piece)
    await eventually(lambda: len(turns.pieces) == 20)
    assert len(set(turns.pieces)) == 20
    assert turns.pieces[0] >= 1


async def test_piece_waits_while_a_client_does_and_is_done_when_another_comes_in_a_quiet_moment():
    clients = Clients(wait=True)
    quiet, done = quiet_for(clients), []
    quiet.add(lambda: done.append("first"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not done
    clients.wait = False
    quiet.add(lambda: done.append("second"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert done == ["first", "second"]


async def test_piece_waits_no_longer_than_a_few_milliseconds_whoever_waits():
    quiet, turns = quiet_for(Clients(wait=True)), Turns()
    for _ in range(10):
        quiet.add(turns.piece)
    await eventually(lambda: len(turns.pieces) == 10)
    assert len(set(turns.pieces)) == 10


async def test_where_pieces_fall_behind_a_turn_has_more_of_them_up_to_a_bound():
    loop = asyncio.get_running_loop()
    quiet, turns = quiet_for(Clients(wait=True)), Turns()
    added = 0

    def work() -> None:
        """A turn that takes a tick's time, so that one piece in each is far too little."""
        nonlocal added
        begun_s = loop.time()
        while loop.time() < begun_s + 0.002:
            pass
        for _ in range(PIECES_MAX // 2):
            quiet.add(turns.piece)
            added += 1
        if added < 50 * PIECES_MAX:
            loop.call_soon(work)

    loop.call_soon(work)
    await eventually(lambda: added >= 50 * PIECES_MAX and len(turns.pieces) == added)
    most = max(turns.pieces.count(number) for number in set(turns.pieces))
    assert PIECES_MAX // 4 <= most <= PIECES_MAX


async def test_piece_that_fails_keeps_none_of_the_others_from_being_done():
    quiet, done = quiet_for(Clients()), []
    quiet.add(lambda: 1 // 0)
    quiet.add(lambda: done.append(1))
    await eventually(lambda: done == [1])


async def test_everything_can_be_done_at_once_at_the_end():
    quiet, done = quiet_for(Clients(wait=True)), []
    quiet.add(lambda: quiet.add(lambda: done.append("of a piece")))
    quiet.finish()
    assert done == ["of a piece"]
    assert not len(quiet)
