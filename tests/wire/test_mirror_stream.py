"""The way to the comparer: full, refused, silent, killed and started again; the counts add up and no client waits."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from proxy.mirroring import outbox
from support.comparing_process import taken
from support.shadow_plane import GET, ShadowPlane, shadow_config
from support.upstream_script import answer_ok
from support.waits import eventually

SUPPORT = Path(__file__).parents[1]


async def test_comparer_that_refuses_a_batch_loses_it_and_it_is_counted(shadow):
    plane = await shadow()
    plane.comparer.refuse = "store"
    await plane.ask()
    assert (await plane.settled())["lost"] == {"store": 1}
    plane.comparer.refuse = None
    await plane.ask()
    assert (await plane.settled())["compared"] == 1


async def test_disk_that_stays_full_is_said_once_a_minute_and_not_for_each_batch(shadow, capsys, monkeypatch):
    monkeypatch.setattr(outbox, "monotonic", lambda: now_s)
    now_s = 1000.0
    plane = await shadow()
    plane.comparer.refuse = "store"
    for _ in range(3):
        await plane.ask()
        await plane.settled()
    now_s += outbox.LOST_SAID_EVERY_S
    await plane.ask()
    await plane.settled()
    assert plane.counters()["lost"] == {"store": 4}
    said = [line for line in capsys.readouterr().out.splitlines() if "comparer.batch.lost" in line]
    assert [line.count("exchanges=1") + 3 * line.count("exchanges=3") for line in said] == [1, 3]


async def test_batch_of_which_the_comparer_dies_twice_is_lost_and_the_next_one_is_not(shadow):
    plane = await shadow()
    plane.comparer.dies = True
    await plane.ask()
    await eventually(lambda: plane.counters()["lost"] == {"poison": 1})
    assert [seq for _, seq in plane.comparer.batches] == [1, 1]
    plane.comparer.dies = False
    await plane.ask()
    assert (await plane.settled())["compared"] == 1


async def test_batch_that_was_stored_and_not_acknowledged_is_sent_again_and_counted_once(shadow):
    plane = await shadow()
    await plane.exchange()
    plane.comparer.answers = False
    await plane.ask()
    await eventually(lambda: len(plane.comparer.batches) == 2)
    await plane.comparer.stop()
    plane.comparer.answers = True
    await plane.comparer.start()
    numbers = await plane.settled()
    assert (numbers["sent"], numbers["compared"]) == (2, 2)
    assert [seq for _, seq in plane.comparer.batches] == [1, 2, 2]
    assert len({stream for stream, _ in plane.comparer.batches}) == 1


@pytest.mark.parametrize(("comparing", "reason"), [(True, "queue"), (False, "comparer_down")])
async def test_queue_that_is_full_sheds_before_anybody_is_asked(shadow, monkeypatch, comparing, reason):
    monkeypatch.setattr(outbox, "QUEUE_MESSAGES_MAX", 3)
    plane = await shadow(comparing=comparing)
    plane.comparer.answers = False
    if comparing:
        await plane.ask()
        await eventually(lambda: plane.comparer.batches)
    queued = len(plane.new.requests) + 3
    for _ in range(3):
        assert await plane.ask() == b"ok"
    await eventually(lambda: plane.counters()["answers"] == {"complete": queued})
    for _ in range(3):
        assert await plane.ask() == b"ok"
    await eventually(lambda: plane.counters()["shed"] == {reason: 3})
    assert len(plane.new.requests) == queued


async def test_queue_is_bounded_in_bytes(shadow, monkeypatch):
    monkeypatch.setattr(outbox, "QUEUE_BYTES_MAX", 1000)
    plane = await shadow(comparing=False)
    for _ in range(6):
        await plane.ask()
    await eventually(lambda: plane.counters()["shed"].get("comparer_down", 0) >= 3)
    assert plane.proxy.plane.mirrors.outbox.queued_bytes < 3000


async def test_comparer_that_answers_nonsense_is_left_and_asked_anew(shadow):
    plane = await shadow()
    await plane.exchange()
    link = plane.proxy.plane.mirrors.outbox._link
    link.data_received(b"\xff\xff\xff\xff")
    await plane.exchange()
    assert (await plane.settled())["compared"] == 2


async def test_worker_that_stops_loses_what_no_comparer_took(shadow):
    plane = await shadow(comparing=False)
    await plane.ask()
    await eventually(lambda: plane.counters()["answers"])
    await plane.proxy.plane.drain(0.1)
    assert (await plane.settled())["lost"] == {"stopped": 1}


class KilledComparer:
    """A real process behind a socket that outlives it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "killed.sock"
        self.file = folder / "taken.jsonl"
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(str(self.path))
        self.listener.listen(16)
        self.process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        argv = [sys.executable, "-m", "support.comparing_process", str(self.listener.fileno()), str(self.file)]
        environment = os.environ | {"PYTHONPATH": f"{SUPPORT}{os.pathsep}{SUPPORT.parent}"}
        self.process = subprocess.Popen(
            argv, pass_fds=[self.listener.fileno()], stdout=subprocess.PIPE, env=environment
        )
        assert self.process.stdout is not None
        await asyncio.to_thread(self.process.stdout.readline)

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await asyncio.to_thread(self.process.communicate)

    def stored(self) -> list[str]:
        return [one for _, _, ids in taken(self.file) for one in ids]


@pytest.fixture
def killed(tmp_path):
    comparer = KilledComparer(tmp_path)
    yield comparer
    if comparer.process is not None and comparer.process.poll() is None:
        comparer.process.kill()
        comparer.process.communicate()
    comparer.listener.close()


async def load(plane: ShadowPlane, stop: asyncio.Event) -> int:
    """Ask until told to stop; every answer must be right."""
    client = await plane.proxy.connect()
    count = 0
    while not stop.is_set():
        client.received.clear()
        client.methods.clear()
        assert (await client.request(GET)).body == b"ok"
        count += 1
    return count


async def test_comparer_killed_under_load_costs_no_request_and_at_most_the_batch_it_had(
    proxy, upstream, another_upstream, killed
):
    new = await another_upstream(answer_ok)
    server = await proxy(shadow_config(upstream.url, new.url), comparer=killed.path)
    plane = ShadowPlane(server, upstream, new, None)
    stop = asyncio.Event()
    clients = [asyncio.create_task(load(plane, stop)) for _ in range(4)]
    for _ in range(4):
        await killed.start()
        before = plane.counters()["compared"]
        await eventually(lambda before=before: plane.counters()["compared"] > before + 100, 10)
        await killed.kill()
    await killed.start()
    stop.set()
    served = sum(await asyncio.gather(*clients))
    await eventually(lambda: plane.counters()["under_way"] == 0, 10)
    numbers = plane.counters()
    assert numbers["sent"] == served
    assert numbers["compared"] + sum(numbers["shed"].values()) + sum(numbers["lost"].values()) == served
    assert set(numbers["lost"]) <= {"poison"}
    assert sum(numbers["lost"].values()) <= 256
    stored = killed.stored()
    assert len(stored) == len(set(stored))  # nothing was stored twice
    assert numbers["compared"] <= len(stored) <= numbers["compared"] + sum(numbers["lost"].values())
    await killed.kill()


async def test_comparer_that_stands_still_costs_no_request_and_goes_on_where_it_was(
    proxy, upstream, another_upstream, killed
):
    new = await another_upstream(answer_ok)
    server = await proxy(shadow_config(upstream.url, new.url), comparer=killed.path)
    plane = ShadowPlane(server, upstream, new, None)
    await killed.start()
    await plane.ask()
    await eventually(lambda: plane.counters()["compared"] == 1)
    os.kill(killed.process.pid, signal.SIGSTOP)
    for _ in range(50):
        assert await plane.ask() == b"ok"
    await eventually(lambda: plane.counters()["under_way"] == 50)
    os.kill(killed.process.pid, signal.SIGCONT)
    await eventually(lambda: plane.counters()["compared"] == 51)
    assert len(set(killed.stored())) == 51
