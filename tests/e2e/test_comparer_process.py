"""The comparer as a process: exactly once over kill -9, a full disk, hostile exchanges, live rules, its end."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest

from routes.shadowing import RuleModel
from shadow.exchange import TOO_LARGE, UPGRADED, AskedRequest
from shadow.keeping.liverules import accept_rules, withdraw_rule
from shadow.keeping.retests import count_flagged, restart_test
from shadow.keeping.store import ShadowStore
from shadow.noise.route import RouteNoise
from shadow.reporting.reading import read_noise
from shadow.stream import VERSION, Ack, Hello, Nack, encode, encode_batch
from support.comparer_process import ComparerProcess, Stream, limit_file_size, route
from support.exchanges import AT, answer, exchange
from support.poll import poll
from support.state_lock import locked

MATCH = exchange({"a": 1}, {"a": 1})
MISMATCH = exchange({"a": 1}, {"a": 2})


@pytest.fixture
def state_file(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def comparer(state_file: Path) -> Iterator[ComparerProcess]:
    process = ComparerProcess(f"sqlite:///{state_file}").start()
    process.frame("ack")
    yield process
    process.close()


@pytest.fixture
def stream(comparer: ComparerProcess) -> Iterator[Stream]:
    one = Stream(comparer.path)
    yield one
    one.close()


def query(file: Path, statement: str) -> list[tuple]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(statement).fetchall()


def counted(file: Path) -> dict[tuple[str, str], int]:
    """(verdict, reason) -> exchanges, as stored."""
    return {
        row[:2]: row[2] for row in query(file, "SELECT verdict, reason, sum(count) FROM shadow_tallies GROUP BY 1, 2")
    }


def test_what_is_acknowledged_is_stored(stream, state_file):
    verdicts = {"orders": {"match": 2, "mismatch": 1}}
    assert stream.batch([MATCH, MATCH, MISMATCH]) == Ack(1, verdicts, frozenset({"orders"}))
    assert counted(state_file) == {("match", ""): 2, ("mismatch", ""): 1}
    assert query(state_file, "SELECT seq FROM shadow_streams") == [(1,)]


def test_a_batch_that_comes_again_is_answered_from_the_store_and_counted_once(comparer, stream, state_file):
    first = stream.batch([MATCH, MISMATCH])
    for _ in range(2):
        stream.connect()
        stream.send([MATCH, MISMATCH], 1)
        assert stream.answer() == first
    comparer.kill()
    comparer.start().frame("ack")
    stream.connect()
    stream.send([MATCH, MISMATCH], 1)
    assert stream.answer() == Ack(1, first.verdicts)  # what is unsettled is seen anew
    assert sum(counted(state_file).values()) == 2


@pytest.mark.slow
def test_counts_are_exact_however_often_it_is_killed_in_the_middle(comparer, state_file):
    """Three workers send without a pause while the process is killed again and again."""
    sent: Counter[str] = Counter()
    acknowledged: Counter[str] = Counter()
    stop = threading.Event()
    failures: list[BaseException] = []

    def work(number: int) -> None:
        one = Stream(comparer.path, f"{number}:x")
        try:
            turn = 0
            while not stop.is_set():
                turn += 1
                batch = [MATCH] * (turn % 5) + [MISMATCH] * (1 + turn % 3)
                sent.update({"match": turn % 5, "mismatch": 1 + turn % 3})
                verdicts = one.batch(batch).verdicts["orders"]
                acknowledged.update(verdicts)
        except BaseException as error:  # noqa: BLE001
            failures.append(error)
        finally:
            one.close()

    workers = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for worker in workers:
        worker.start()
    for _ in range(5):
        before = sum(acknowledged.values())
        poll(lambda: sum(acknowledged.values()) > before + 200 or failures, "nothing is acknowledged")  # noqa: B023
        comparer.kill()
        comparer.start().frame("ack")
    stop.set()
    for worker in workers:
        worker.join(30)
    assert not failures, failures[0]
    stored = {verdict: count for (verdict, _), count in counted(state_file).items()}
    assert +acknowledged == +sent == stored
    minutes = query(state_file, "SELECT sum(count) FROM shadow_latencies WHERE arm = 'new'")
    assert minutes == [(sum(sent.values()),)]
    assert query(state_file, "SELECT count FROM shadow_clusters") == [(sent["mismatch"],)]


def test_a_full_disk_costs_comparisons_and_nothing_else(comparer, stream, state_file):
    stream.batch([MATCH])
    limit_file_size(comparer.process, 4_096)
    assert stream.batch([MATCH]) == Nack(2, "store")
    assert stream.batch([MATCH]) == Nack(3, "store")
    limit_file_size(comparer.process, -1)
    answers = poll(lambda: [one] if isinstance(one := stream.batch([MISMATCH]), Ack) else [], "it does not recover")
    assert answers[0].verdicts == {"orders": {"mismatch": 1}}
    assert counted(state_file) == {("match", ""): 1, ("mismatch", ""): 1}
    said = comparer.said()
    assert "comparer.store.failed" in said
    assert "comparer.store.recovered" in said


def test_a_store_that_recovers_while_no_exchanges_come_is_not_said_to_fail(comparer, stream):
    def failing() -> str:
        return comparer.frame("snapshot")["data"]["failing"]

    stream.batch([MATCH])
    limit_file_size(comparer.process, 4_096)
    assert isinstance(stream.batch([MATCH]), Nack)
    poll(lambda: failing() == "full", "it does not say that it fails")
    limit_file_size(comparer.process, -1)
    poll(lambda: failing() == "", "it goes on saying that it fails")
    assert "comparer.store.recovered" in comparer.said()
    assert isinstance(stream.batch([MATCH]), Ack)


@pytest.mark.slow
def test_another_process_that_writes_for_six_seconds_costs_no_exchange(comparer, stream, state_file):
    stream.batch([MATCH])
    with locked(state_file, 6.0):
        began = time.monotonic()
        assert isinstance(stream.batch([MATCH, MISMATCH]), Ack)
        assert time.monotonic() - began > 5
    assert counted(state_file) == {("match", ""): 2, ("mismatch", ""): 1}
    assert "comparer.store.failed" not in comparer.said()


def test_a_database_that_comes_later_is_waited_for(tmp_path):
    blocker = tmp_path / "folder"
    blocker.touch()
    comparer = ComparerProcess(f"sqlite:///{blocker / 'state.db'}").start()
    try:
        poll(lambda: "comparer.store.failed" in comparer.said(), "it says nothing")
        blocker.unlink()
        comparer.frame("ack")
        with Stream(comparer.path) as stream:
            assert isinstance(stream.batch([MATCH]), Ack)
    finally:
        comparer.close()


HOSTILE = [
    pytest.param(exchange(answer(body=b"[" * 100_000), answer(body=b"[" * 100_001)), id="deep"),
    pytest.param(exchange(answer(body=b"{\xff\xfe"), answer(body=b"\0\0")), id="no JSON"),
    pytest.param(exchange(answer(body=b'{"a":' + b"9" * 50_000 + b"}"), {"a": 1}), id="a number"),
    pytest.param(
        exchange(answer(body=b'{"a\\u0000b":"\\ud800"}'), answer(body=b'{"a\\u0000b":"\\udfff"}')), id="half characters"
    ),
    pytest.param(
        exchange({str(number): number for number in range(20_000)}, {str(number): -number for number in range(20_000)}),
        id="many",
    ),
    pytest.param(exchange([*range(5_000)], [*reversed(range(5_000))]), id="reversed"),
    pytest.param(exchange(answer(body=b"", outcome=TOO_LARGE), answer({})), id="too large"),
    pytest.param(exchange(answer(body=b"", outcome=UPGRADED, status=101), answer({})), id="upgraded"),
    pytest.param(exchange(answer(body=b"x" * 100, fields=(("content-encoding", "gzip"),)), answer({})), id="no gzip"),
    pytest.param(
        exchange(
            answer(body=b"<a><b>", fields=(("content-type", "text/xml"),)),
            answer(body=b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", fields=(("content-type", "text/xml"),)),
        ),
        id="XML",
    ),
    pytest.param(exchange({}, {}, at=float("1e300")), id="the end of time"),
    pytest.param(exchange({}, {}, at=-5.0), id="before time"),
    pytest.param(exchange({}, {}, route="nothing"), id="no route"),
    pytest.param(exchange({}, {"a": 1}, identifier="x" * 100_000), id="an id"),
    pytest.param(
        exchange(
            {},
            {"a": 1},
            request=AskedRequest("GET", "/orders/" + "é\x80" * 50_000, "h\0st", fields=(("x", "y\0"),) * 500),
        ),
        id="a request",
    ),
    pytest.param(
        exchange(
            {},
            {"a": 1},
            request=AskedRequest(
                "POST",
                "/orders",
                "h",
                fields=(("content-type", "multipart/form-data; boundary=x"),),
                body=b"--x\r\n" * 10_000,
            ),
        ),
        id="a body",
    ),
]


def test_hostile_exchanges_are_concluded_and_the_next_ones_compared(comparer, stream, state_file):
    pid = comparer.process.pid
    for case in HOSTILE:
        (one,) = case.values
        verdicts = stream.batch([one])
        assert isinstance(verdicts, Ack), case.id
        assert sum(next(iter(verdicts.verdicts.values())).values()) == 1, case.id
    assert stream.batch([MATCH]).verdicts == {"orders": {"match": 1}}
    assert comparer.process.pid == pid
    assert sum(counted(state_file).values()) == len(HOSTILE) + 1
    assert ("not_comparable", "internal") not in counted(state_file), comparer.said()


def test_a_text_made_for_the_pattern_of_a_rule_stops_nothing(tmp_path):
    rules = [{"path": "/a", "pattern": "(a+)+$"}]
    comparer = ComparerProcess(f"sqlite:///{tmp_path / 'state.db'}", routes=[route(compare={"rules": rules})]).start()
    try:
        comparer.frame("ack")
        with Stream(comparer.path) as stream:
            hostile = exchange({"a": "a" * 900 + "!"}, {"a": "a" * 901 + "!"})
            good = exchange({"a": "aa"}, {"a": "aaa"})
            assert stream.batch([hostile, good]).verdicts == {"orders": {"mismatch": 1, "explained": 1}}
    finally:
        comparer.close()


def test_what_is_no_batch_is_refused(comparer, stream):
    stream.connect()
    stream._socket.sendall(b"".join(encode_batch(1, [(b"\0\0\0\1x",)])))
    assert stream.answer() == Nack(1, "malformed")
    stream._socket.sendall(b"\0\0\0\1?")
    with pytest.raises(ConnectionError):
        stream.answer()
    with Stream(comparer.path, "1:other") as other:
        assert isinstance(other.batch([MATCH]), Ack)


async def test_a_live_rule_is_noticed(comparer, stream, state_file):
    assert stream.batch([MISMATCH]).verdicts == {"orders": {"mismatch": 1}}
    store = await ShadowStore.open(f"sqlite:///{state_file}")
    rule = RuleModel("", "/a", "ignore", None, "known", "ann")
    async with store.database.writing() as connection:
        (made,) = await accept_rules(connection, "orders", [rule], who="ann", why="known", evidence=None, now=AT)
    poll(lambda: stream.batch([MISMATCH]).verdicts == {"orders": {"explained": 1}}, "the rule is not noticed")
    async with store.database.writing() as connection:
        await withdraw_rule(connection, made.id, who="ann", why="fixed", now=AT)
    poll(lambda: stream.batch([MISMATCH]).verdicts == {"orders": {"mismatch": 1}}, "its end is not noticed")
    await store.close()


async def test_a_test_that_is_begun_anew_forgets_the_flags_even_if_the_comparer_dies_at_once(
    comparer, stream, state_file
):
    differs = exchange({"a": 1}, {"a": 2}, again=answer({"a": 1}))
    stream.batch([differs] * 40)
    assert comparer.stop() == 0
    comparer.start().frame("ack")
    store = await ShadowStore.open(f"sqlite:///{state_file}")

    async def flagged() -> int:
        async with store.database.reading() as connection:
            return count_flagged((await read_noise(connection))["orders"])

    assert await flagged() == 1
    async with store.database.writing() as connection:
        await restart_test(connection, "orders", who="ann", why="release 2", flagged=1, now=AT)
    comparer.kill()
    assert await flagged() == 0
    comparer.start().frame("ack")
    stream.connect()
    stream.batch([MATCH])
    assert comparer.stop() == 0
    assert await flagged() == 0
    await store.close()


async def test_a_running_comparer_notices_a_test_that_is_begun_anew(comparer, stream, state_file):
    differs = exchange({"a": 1}, {"a": 2}, again=answer({"a": 1}))
    stream.batch([differs] * 40)
    store = await ShadowStore.open(f"sqlite:///{state_file}")
    async with store.database.writing() as connection:
        await restart_test(connection, "orders", who="ann", why="release 2", flagged=1, now=AT)
    await store.close()
    poll(lambda: "comparer.rules.installed" in comparer.said(), "it does not notice")
    stream.batch([differs] * 3)
    assert comparer.stop() == 0
    ((state,),) = query(state_file, "SELECT state FROM shadow_noise")
    noise = RouteNoise.from_json(json.loads(state))
    assert (noise.asked, [one.new_only for one in noise.reports()], noise.flagged()) == (43, [3], ())


def test_another_table_changes_how_is_compared_and_what_was_learned_stays(comparer, stream, state_file):
    again = exchange({"id": "a"}, {"id": "a"}, again=answer({"id": "b"}))
    stream.batch([again] * 3)
    rules = [{"path": "/a", "ignore": True, "reason": "known", "owner": "ann"}]
    comparer.table["config"]["routes"] = [route(compare={"rules": rules})]
    comparer.table["version"] = 2
    comparer.send(comparer.table)
    assert comparer.frame("ack")["version"] == 2
    assert stream.batch([MISMATCH]).verdicts == {"orders": {"explained": 1}}
    assert comparer.stop() == 0
    assert json.loads(query(state_file, "SELECT state FROM shadow_noise")[0][0])["asked"] == 3
    comparer.start().frame("ack")
    stream.batch([again])
    assert comparer.stop() == 0
    assert json.loads(query(state_file, "SELECT state FROM shadow_noise")[0][0])["asked"] == 4


def test_acknowledgements_say_what_is_unsettled_until_it_is_settled_and_after_a_restart_when_it_is_seen_again(
    comparer, stream
):
    assert stream.batch([MATCH]).unsettled == set()
    assert stream.batch([MISMATCH]).unsettled == {"orders"}
    assert comparer.stop() == 0
    comparer.start().frame("ack")
    stream.connect()
    assert stream.batch([MATCH]).unsettled == set()
    assert stream.batch([MISMATCH]).unsettled == {"orders"}
    moves = exchange({"a": 1}, {"a": 2}, again=answer({"a": 3}))
    assert stream.batch([moves] * 3).unsettled == set()
    assert stream.batch([MISMATCH]).unsettled == set()


def test_a_worker_that_speaks_another_version_is_refused(comparer):
    with socket.socket(socket.AF_UNIX) as worker:
        worker.settimeout(20)
        worker.connect(str(comparer.path))
        worker.sendall(encode(Hello("0:old", VERSION - 1)))
        assert worker.recv(100) == b""


def test_sigterm_finishes_the_batch_in_hand(comparer, stream, state_file):
    slow = exchange([{"id": str(n), "v": n} for n in range(3_000)], [{"id": str(n), "v": -n} for n in range(3_000)])
    stream.connect()
    stream.send([slow] * 20, 1)
    poll(lambda: comparer.frame("snapshot"), "it does not live")
    assert comparer.stop() == 0
    tallied = sum(counted(state_file).values())
    assert tallied in {0, 20}  # not begun, or whole
    comparer.start().frame("ack")
    stream.seq = 0
    assert isinstance(stream.batch([slow] * 20), Ack)
    assert sum(counted(state_file).values()) == 20


async def test_a_postgresql_that_restarts_is_found_again(postgresql_url):
    comparer = ComparerProcess(postgresql_url).start()
    stream = Stream(comparer.path)
    try:
        comparer.frame("ack")
        assert isinstance(stream.batch([MATCH]), Ack)
        connection = await asyncpg.connect(postgresql_url)
        await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()")  # fmt: skip
        acknowledged = 1
        deadline = time.monotonic() + 20
        while acknowledged < 3:
            acknowledged += isinstance(stream.batch([MATCH]), Ack)
            assert time.monotonic() < deadline
        counts = await connection.fetchval("SELECT sum(count) FROM shadow_tallies")
        await connection.close()
        assert counts == acknowledged
    finally:
        stream.close()
        comparer.close()


def test_a_database_of_a_newer_release_is_said_and_left_alone(comparer, stream, state_file):
    stream.batch([MATCH])
    comparer.stop()
    with closing(sqlite3.connect(state_file)) as connection:
        connection.execute("UPDATE shadow_schema_version SET version_num = '9999'")
        connection.commit()
    comparer.start()
    poll(lambda: "newer release" in comparer.said(), "it says nothing")
