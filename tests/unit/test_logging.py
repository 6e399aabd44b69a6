from __future__ import annotations

import io
import json
import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import structlog

from proxy.logging import configure_logging

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def as_before():
    """Takes back what `configure_logging` set up for the whole process."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError("no")

    __str__ = __repr__


class Log:
    """A configured log, and the lines that came out of it."""

    def __init__(self, level: str = "info", kind: str = "json") -> None:
        self.stream = io.StringIO()
        configure_logging(level, kind, self.stream, clock=lambda: 1700000000.1239)
        self.log = structlog.get_logger("test")
        del logging.getLogger().handlers[:-1]  # pytest's own raise where ours must not

    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    def events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.lines()]


def test_an_event_is_one_json_line_with_timestamp_level_and_event_first():
    log = Log()
    log.log.warning("service.health.changed", url="http://a", healthy=False)
    (line,) = log.lines()
    start = '{"timestamp":"2023-11-14T22:13:20.123Z","level":"warning","event":"service.health.changed",'
    assert line == start + '"url":"http://a","healthy":false}'


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_level_holds_for_events_and_for_libraries(level, shown):
    log = Log(level)
    for name in ("debug", "info", "warning", "error"):
        getattr(log.log, name)("ours")
        getattr(logging.getLogger("library"), name)("theirs")
    assert [event["level"] for event in log.events()] == [name for name in shown for _ in range(2)]


def test_a_second_call_replaces_the_first():
    first, second = Log("info"), Log("error", "console")
    log = structlog.get_logger()
    log.info("hidden")
    log.error("seen")
    logging.getLogger("library").error("seen too")
    assert first.lines() == []
    assert len(second.lines()) == 2


def test_exceptions_are_rendered_as_text():
    log = Log()
    try:
        int("broken\x1b")
    except ValueError as error:
        log.log.exception("one")
        log.log.warning("two", exc_info=error)
        logging.getLogger("library").exception("three")
    assert all("ValueError: invalid literal" in str(event["exception"]) for event in log.events())
    assert [event["event"] for event in log.events()] == ["one", "two", "three"]


@pytest.mark.parametrize("kind", ["json", "console"])
def test_exceptions_that_cannot_be_shown_do_not_raise(kind):
    class HostileError(Exception):
        __str__ = Hostile.__repr__

    def fail():
        raise HostileError

    log = Log(kind=kind)
    try:
        fail()
    except HostileError:
        log.log.exception("one")
        logging.getLogger("library").exception("two")
    assert "HostileError" in log.stream.getvalue()
    assert "two" in log.stream.getvalue()


@pytest.mark.parametrize("kind", ["json", "console"])
@pytest.mark.parametrize(
    "value",
    [
        b"\xff",
        Hostile(),
        "\ud800",
        2**70,
        float("nan"),
        {1: 2, (1, 2): 3, Hostile(): 4},
        {1, 2},
        object(),
        ValueError("x"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_odd_values_never_raise(kind, value):
    log = Log(kind=kind)
    log.log.info("odd", value=value, nested=[{"deep": value}])
    logging.getLogger("library").info("odd", extra={"value": value})
    assert len(log.lines()) == 2
    if kind == "json":
        assert all(event["event"] == "odd" for event in log.events())


@pytest.mark.parametrize("kind", ["json", "console"])
def test_cycles_never_raise(kind):
    cycle: dict[str, object] = {}
    cycle["self"] = cycle
    log = Log(kind=kind)
    log.log.info("cycle", value=cycle)
    assert len(log.lines()) == 1


def test_values_cannot_forge_lines_or_drive_a_terminal():
    forged = "x\n2023 [error] forged\x1b[2J\x9b1m"
    for kind in ("json", "console"):
        log = Log(kind=kind)
        log.log.info(forged, value=forged, **{"key\n": 1})
        logging.getLogger("library").info(forged)
        assert len(log.lines()) == 2
        assert "\x1b" not in log.stream.getvalue()


def test_tracebacks_on_the_console_cannot_drive_a_terminal():
    log = Log(kind="console")
    try:
        int("\x1b[2J\n")
    except ValueError as error:
        log.log.warning("odd", exc_info=ValueError("\x1b[2J", error))
    assert "\x1b" not in log.stream.getvalue()
    assert "ValueError" in log.stream.getvalue()


def test_library_records_with_wrong_arguments_are_still_logged():
    log = Log()
    logging.getLogger("library").info("%s and %d", "one", "two")
    logging.getLogger("library").info("%s", Hostile())
    first, second = log.events()
    assert "'one', 'two'" in str(first["event"])
    assert first["logger"] == "library"
    assert "raised RuntimeError" in str(second["event"])


def test_warnings_become_events():
    log = Log()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        configure_logging("info", "json", log.stream)
        warnings.warn("careful", UserWarning, stacklevel=1)
    (event,) = log.events()
    assert event["level"] == "warning"
    assert event["logger"] == "py.warnings"
    assert "careful" in str(event["event"])


def test_console_lines_are_readable_and_plain_when_no_terminal_reads_them():
    log = Log(kind="console")
    log.log.info("worker.ready", worker=1)
    assert log.lines() == ["2023-11-14T22:13:20.123Z [info     ] worker.ready                     worker=1"]


def test_a_closed_stream_loses_lines_but_nothing_else():
    log = Log()
    log.stream.close()
    log.log.error("unheard")
    logging.getLogger("library").error("unheard")
    configure_logging("info", "console", log.stream)


def run(program: str, **settings) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True, **settings
    )


PROGRAM = """
import sys, logging, structlog
from proxy.logging import configure_logging
configure_logging("info", {kind!r})
log = structlog.get_logger()
log.info("first")
{between}
for _ in range(100):
    log.error("unheard", text="x" * 1000)
    logging.getLogger("library").error("unheard")
print("alive", flush=True)
"""


@pytest.mark.parametrize("kind", ["json", "console"])
def test_a_reader_of_stderr_that_goes_away_does_not_stop_the_program(kind):
    reader, writer = os.pipe()
    process = run(PROGRAM.format(kind=kind, between="sys.stdin.readline()"), stderr=writer, stdin=subprocess.PIPE)
    os.close(writer)
    assert b"first" in os.read(reader, 1000)
    os.close(reader)
    output, _ = process.communicate("go\n", timeout=20)
    assert output == "alive\n"


@pytest.mark.parametrize("between", ["sys.stderr.close()", "sys.stderr = None", "import os; os.close(2)"])
def test_a_stderr_that_is_closed_or_missing_does_not_stop_the_program(between):
    process = run(PROGRAM.format(kind="json", between=between), stderr=subprocess.PIPE)
    output, _ = process.communicate(timeout=20)
    assert output == "alive\n"


def test_a_full_disk_under_stderr_does_not_stop_the_program():
    with Path("/dev/full").open("w") as full:
        process = run(PROGRAM.format(kind="json", between=""), stderr=full)
        output, _ = process.communicate(timeout=20)
    assert output == "alive\n"
