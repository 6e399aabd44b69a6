from __future__ import annotations

import asyncio
import fcntl
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from proxy.hop.accessline import FIELDS, KEYS, LINE_BYTES_MAX, console_renderer, json_renderer
from proxy.hop.accesslog import AccessLog
from support.poll import poll

LINE = {
    "completed_at": 1700000000.9994,
    "route": "orders",
    "arm": "new",
    "reason": "percent",
    "bucket": 1234,
    "key": "cookie:session",
    "service": "orders",
    "url": "http://10.0.0.7:8000",
    "method": b"GET",
    "host": b"shop.example",
    "target": b"/api/orders/7?page=2",
    "status": 200,
    "error": None,
    "bytes_in": 0,
    "bytes_out": 812,
    "queue_s": 0.0,
    "connect_s": None,
    "first_byte_s": 0.00312345678,
    "total_s": 0.5,
    "reused": True,
    "retries": 0,
    "fallback": False,
    "mirror": None,
    "client_ip": "10.1.2.3",
    "protocol": "HTTP/1.1",
    "request_id": b"0af7651916cd43dd",
    "trace_id": None,
}


#: For processes that this file starts: they import it too.
ENVIRONMENT = os.environ | {
    "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(Path(__file__).parents[1])]),
}


def line(**changes):
    assert not changes.keys() - LINE.keys()
    return tuple((LINE | changes).values())


def names(events):
    return [event["event"] for event in events]


def rendered(**changes):
    data = json_renderer(3)(line(**changes))
    assert data.endswith(b"\n")
    assert data.count(b"\n") == 1
    return json.loads(data)


class Pipe:
    """A pipe of one page that takes the place of standard output in this process and those it starts."""

    def __init__(self) -> None:
        self._saved = os.dup(1)
        self.received = bytearray()
        self._thread = threading.Thread(target=self._read_all)
        self.reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        os.dup2(writer, 1)
        os.close(writer)

    def __enter__(self) -> Pipe:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_back()
        if self._thread.is_alive():
            self._thread.join(10)
        if self.reader >= 0:
            os.close(self.reader)
        os.close(self._saved)

    def give_back(self) -> None:
        os.dup2(self._saved, 1)

    def hang_up(self) -> None:
        os.close(self.reader)
        self.reader = -1

    def start_reading(self) -> None:
        self._thread.start()

    def numbers(self) -> list[int]:
        """`bytes_in` of every line, once nobody can write any more."""
        return [entry["bytes_in"] for entry in self.entries()]

    def entries(self) -> list[dict[str, object]]:
        self.give_back()
        if not self._thread.ident:
            self._thread.start()
        self._thread.join(10)
        assert not self._thread.is_alive(), "somebody still holds the pipe"
        return [json.loads(text) for text in self.received.splitlines()]

    def _read_all(self) -> None:
        while data := os.read(self.reader, 65536):
            self.received += data


# The line


def test_the_tuple_of_the_tests_is_in_the_documented_order():
    assert tuple(LINE) == FIELDS


def test_a_line_has_every_key_in_the_documented_order():
    assert rendered() == {
        "timestamp": "2023-11-14T22:13:20.999Z",
        "level": "info",
        "event": "request.completed",
        "route": "orders",
        "arm": "new",
        "reason": "percent",
        "bucket": 1234,
        "key": "cookie:session",
        "service": "orders",
        "url": "http://10.0.0.7:8000",
        "method": "GET",
        "host": "shop.example",
        "path": "/api/orders/7?page=2",
        "status": 200,
        "error": None,
        "bytes_in": 0,
        "bytes_out": 812,
        "queue_ms": 0.0,
        "connect_ms": None,
        "first_byte_ms": 3.123,
        "total_ms": 500.0,
        "reused": True,
        "retries": 0,
        "fallback": False,
        "mirror": None,
        "client_ip": "10.1.2.3",
        "protocol": "HTTP/1.1",
        "request_id": "0af7651916cd43dd",
        "trace_id": None,
        "worker": 3,
    }
    assert tuple(rendered()) == KEYS


def test_nothing_of_one_line_stays_in_the_next():
    render = json_renderer(0)
    render(line(error="connection_refused", host=b"\xff"))
    assert json.loads(render(line())) == rendered() | {"worker": 0}


def test_an_error_makes_the_line_a_warning():
    assert rendered(error="connection_timeout", status=504)["level"] == "warning"


def test_time_goes_on_and_may_go_back():
    render = json_renderer(0)
    stamps = [json.loads(render(line(completed_at=at)))["timestamp"] for at in (0.5, 1.0, 0.001)]
    assert stamps == ["1970-01-01T00:00:00.500Z", "1970-01-01T00:00:01.000Z", "1970-01-01T00:00:00.001Z"]


def test_bytes_that_are_not_utf8_are_shown_as_backslash_escapes():
    shown = rendered(target=b"/caf\xc3\xa9/\xff", host=b"\xfe", method=b"G\x80", request_id=b"\xfd", trace_id=b"\xfc")
    assert shown["path"] == "/café/\\xff"
    assert (shown["host"], shown["method"], shown["request_id"], shown["trace_id"]) == (
        "\\xfe",
        "G\\x80",
        "\\xfd",
        "\\xfc",
    )


def test_a_client_cannot_write_lines_of_its_own():
    forged = b'/\n{"event":"forged"}\r\x1b[2J"'
    data = json_renderer(0)(line(target=forged, host=forged))
    assert data.count(b"\n") == 1
    assert b"\x1b" not in data
    assert json.loads(data)["path"] == forged.decode()


def test_long_targets_are_cut():
    assert len(rendered(target=b"/" + b"a" * 5000)["path"]) == 2048


@pytest.mark.parametrize("filler", [b'"', b"\xff", b"\x01", b"a"])
def test_no_line_is_longer_than_a_pipe_takes_in_one_piece(filler):
    odd = filler * 20_000
    data = json_renderer(0)(line(target=odd, host=odd, method=odd, request_id=odd, trace_id=odd))
    assert len(data) <= LINE_BYTES_MAX
    assert json.loads(data)["status"] == 200


def test_console_lines_are_short_and_show_control_characters_as_escapes():
    shown = console_renderer(colors=False)(line(target=b"/a\x1b[2J\n", error="dns_error", status=502, retries=1))
    assert shown == b"22:13:20 502 GET shop.example/a\\x1b[2J\\n new:orders 500.0ms retries=1 dns_error\n"
    assert b"\x1b[32m200\x1b[0m" in console_renderer(colors=True)(line())


def test_console_lines_of_requests_without_route_and_response():
    shown = console_renderer(colors=True)(line(route=None, arm=None, service=None, status=None, total_s=None))
    assert b" - 0.0ms" in shown


# Files


def test_lines_reach_the_file_in_order(tmp_path):
    target = tmp_path / "access.log"
    target.write_text("{}\n")
    log = AccessLog(target)
    for number in range(1000):
        log.write(line(bytes_in=number))
    log.close()
    written = [json.loads(text) for text in target.read_text().splitlines()]
    assert [entry.get("bytes_in") for entry in written] == [None, *range(1000)]
    assert (log.written, log.dropped) == (1000, 0)


async def test_few_lines_are_written_soon(tmp_path):
    target = tmp_path / "access.log"
    log = AccessLog(str(target))
    log.write(line())
    log.write(line())
    assert target.read_text() == "", "nothing is written while the loop is busy with requests"
    deadline = asyncio.get_running_loop().time() + 5
    while target.read_text().count("\n") < 2:
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)
    log.close()


def test_off_takes_lines_and_forgets_them():
    log = AccessLog("off")
    assert not log.enabled
    for _ in range(200):
        log.write(line())
    log.reopen()
    assert log.flush()
    log.close()
    assert (log.written, log.dropped) == (0, 0)


def test_a_file_that_cannot_be_opened_is_an_error_at_once(tmp_path):
    with pytest.raises(OSError, match="missing"):
        AccessLog(tmp_path / "missing" / "access.log")


def test_rotation_by_rename_and_reopen_loses_nothing(tmp_path):
    target, old = tmp_path / "access.log", tmp_path / "access.log.1"
    log = AccessLog(target)
    for number in range(100):
        log.write(line(bytes_in=number))
    target.rename(old)
    log.reopen()
    for number in range(100, 150):
        log.write(line(bytes_in=number))
    log.close()
    numbers = [[json.loads(text)["bytes_in"] for text in file.read_text().splitlines()] for file in (old, target)]
    assert numbers == [list(range(100)), list(range(100, 150))]


def test_where_reopening_fails_the_old_file_stays_in_use(tmp_path):
    folder = tmp_path / "logs"
    folder.mkdir()
    log = AccessLog(folder / "access.log")
    folder.rename(tmp_path / "gone")
    with capture_logs() as events:
        log.reopen()
        log.write(line())
        log.close()
    assert [event["event"] for event in events] == ["access_log.reopen.failed"]
    assert (tmp_path / "gone" / "access.log").read_text().count("\n") == 1


def test_a_full_disk_is_counted_and_reported_once():
    now = [0.0]
    log = AccessLog("/dev/full", clock=lambda: now[0])
    with capture_logs() as events:
        for _ in range(5):
            log.write(line())
            assert log.flush()
        assert len(events) == 1
        now[0] = 61.0
        log.write(line())
        log.close()
    assert [event["event"] for event in events] == ["access_log.write.failed"] * 2
    assert events[0]["reason"] == "No space left on device"
    assert (log.written, log.dropped) == (0, 6)


def test_a_disk_that_fills_up_in_the_middle_of_a_line_spoils_that_line_only(tmp_path):
    """A file size limit makes the kernel cut a write short exactly as a full disk does."""
    program = f"""
import resource, signal
from test_hop_accesslog import line
from proxy.hop.accesslog import AccessLog
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = AccessLog({str(tmp_path / "access.log")!r})
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
for number in range(10):
    log.write(line(bytes_in=number))
log.flush()
assert log.dropped, "the limit was not met"
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
log.write(line(bytes_in=99))
log.close()
print(log.written, log.dropped)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=ENVIRONMENT)
    texts = (tmp_path / "access.log").read_text().splitlines()
    whole = [json.loads(text)["bytes_in"] for text in texts if text.endswith("}")]
    assert whole[-1] == 99
    assert len(texts) == len(whole) + 1
    assert done.stdout.split()[-2:] == [str(len(whole)), str(11 - len(whole))]


def test_one_odd_line_does_not_cost_the_others(tmp_path):
    target = tmp_path / "access.log"
    log = AccessLog(target)
    for bad in (line(host=None), line(client_ip="\ud800"), line()[:-1], line(bytes_out=2**80)):
        log.write(line())
        log.write(bad)
    log.close()
    assert (log.written, log.dropped) == (4, 4)
    assert target.read_text().count("\n") == 4


# Pipes


def test_a_reader_that_stops_reading_never_blocks_the_caller():
    with Pipe() as pipe, capture_logs() as events:
        log = AccessLog("stdout", queue_bytes_max=100_000)
        longest_s = 0.0
        for number in range(5000):
            begun = time.perf_counter()
            log.write(line(bytes_in=number))
            longest_s = max(longest_s, time.perf_counter() - begun)
        assert longest_s < 1.0
        assert log.dropped > 4000
        poll(lambda: "access_log.write.failed" in names(events), "the trouble is reported")
        begun = time.monotonic()
        log.close(0.1)
        assert time.monotonic() - begun < 2.0
        numbers = pipe.numbers()
    assert numbers == list(range(len(numbers))), "whole lines, in order"
    assert log.written == len(numbers)
    assert log.written + log.dropped == 5000
    assert names(events).count("access_log.write.failed") == 1


def test_a_reader_that_reads_again_gets_whole_lines_and_an_event_says_so():
    with Pipe() as pipe, capture_logs() as events:
        log = AccessLog("stdout", queue_bytes_max=50_000)
        for number in range(1000):
            log.write(line(bytes_in=number))
        poll(lambda: "access_log.write.failed" in names(events), "the trouble is reported")
        pipe.start_reading()
        assert log.flush()
        log.write(line(bytes_in=1001))
        log.close()
        numbers = pipe.numbers()
    assert numbers[-1] == 1001
    assert log.written == len(numbers)
    assert [name for name in names(events) if name != "access_log.lines.dropped"] == [
        "access_log.write.failed",
        "access_log.write.recovered",
    ]
    assert log.dropped == 1001 - len(numbers)


def test_a_reader_that_closes_is_counted_and_reported_once():
    with Pipe() as pipe, capture_logs() as events:
        log = AccessLog("stdout")
        pipe.hang_up()
        for _ in range(3):
            log.write(line())
            assert log.flush()
        log.close()
    assert [event["event"] for event in events] == ["access_log.write.failed"]
    assert events[0]["reason"] == "Broken pipe"
    assert (log.written, log.dropped) == (0, 3)


def test_two_processes_on_one_pipe_tear_no_line():
    program = """
import sys
from test_hop_accesslog import line
from proxy.hop.accesslog import AccessLog
log = AccessLog("stdout", worker=int(sys.argv[1]), queue_bytes_max=1 << 26)
for number in range(3000):
    log.write(line(bytes_in=number, target=b"/" + b"x" * (number * 7 % 2500)))
log.close(60)
assert log.dropped == 0
"""
    with Pipe() as pipe:
        pipe.start_reading()
        workers = [subprocess.Popen([sys.executable, "-c", program, str(number)], env=ENVIRONMENT) for number in (0, 1)]
        assert [worker.wait(60) for worker in workers] == [0, 0]
        entries = pipe.entries()
    for worker in (0, 1):
        assert [entry["bytes_in"] for entry in entries if entry["worker"] == worker] == list(range(3000))


def test_a_fifo_whose_readers_come_and_go(tmp_path):
    fifo = tmp_path / "access.fifo"
    os.mkfifo(fifo)
    log = AccessLog(fifo)
    log.write(line(bytes_in=1))
    assert log.flush()
    with fifo.open("rb") as reader:
        assert json.loads(reader.readline())["bytes_in"] == 1
    log.write(line(bytes_in=2))
    with fifo.open("rb") as reader:
        assert log.flush()
        assert json.loads(reader.readline())["bytes_in"] == 2
    log.close()


def test_a_pipe_that_another_process_made_non_blocking_loses_nothing():
    with Pipe() as pipe:
        os.set_blocking(1, False)
        log = AccessLog("stdout")
        pipe.start_reading()
        for number in range(2000):
            log.write(line(bytes_in=number))
        log.close(10)
        numbers = pipe.numbers()
    assert numbers == list(range(2000))
    assert log.written == 2000
