"""Sets up the log: events of this program, of its libraries, and Python's warnings, one line each, in one stream.

    structlog event ─┐
    logging record  ─┼─▶ level ─▶ timestamp, level, event first ─▶ exception as text ─▶ JSON or console ─▶ stream
    warning         ─┘

Logging never raises: values that JSON does not know are shown by their `repr`, and a stream that is closed, full or
broken loses lines, not requests. The access log has a writer of its own (`proxy.hop.accesslog`).
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor

from proxy.logline import console_line, json_line, put_first, render_exception, shown

_STANDARD_ATTRIBUTES: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def configure_logging(
    level: str = "info",
    format: Literal["json", "console"] = "json",  # noqa: A002 - the setting's name
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.time,
) -> None:
    """Sets up structlog, the standard library's logging and warnings. May be called again: the last call counts.

    Args:
        level: the least severe level that is logged: `debug`, `info`, `warning` or `error`.
        format: `json` for machines, `console` for people, with colours on a terminal.
        stream: where lines go; None is standard error, whatever that is at the time of each line.
        clock: seconds since the epoch.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    output = _Output(stream)
    chain: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        put_first(clock),
        render_exception,
        json_line if format == "json" else console_line(colors=output.is_terminal()),
    ]
    structlog.configure(
        processors=chain,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        context_class=dict,
        logger_factory=output.logger,
        cache_logger_on_first_use=False,  # so that a reload may change level and format
    )
    _take_over_standard_logging(number, _Handler(chain, output))


def _take_over_standard_logging(level: int, new: _Handler) -> None:
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Handler)]:
        root.removeHandler(handler)
    root.addHandler(new)
    root.setLevel(level)
    logging.captureWarnings(capture=True)


class _Output:
    """A stream that takes whole lines and never raises."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def logger(self, *_: Any) -> _Output:
        """As structlog's logger factory: the output is what lines end up in."""
        return self

    def is_terminal(self) -> bool:
        """Whether a person may be reading."""
        try:
            return (self._stream if self._stream is not None else sys.stderr).isatty()
        except (AttributeError, ValueError):  # no standard error at all, or a closed one
            return False

    def write(self, line: bytes) -> None:
        """Writes one line. Where the stream is closed (ValueError), broken (OSError) or absent, nobody can be told."""
        stream = self._stream if self._stream is not None else sys.stderr
        try:
            with self._lock:
                binary = getattr(stream, "buffer", None)
                if binary is None:
                    stream.write(line.decode("utf-8", "backslashreplace"))
                else:
                    binary.write(line)
                stream.flush()
        except (OSError, ValueError, AttributeError):
            return

    #: structlog calls the method named after the level.
    debug = info = warning = error = critical = write


class _Handler(logging.Handler):
    """Turns records of the standard library into events of the same shape."""

    def __init__(self, chain: list[Processor], output: _Output) -> None:
        super().__init__()
        self._chain = chain
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the record; never raises, whatever its arguments are."""
        event: EventDict = {"event": _message(record), "logger": record.name}
        event.update({key: value for key, value in record.__dict__.items() if key not in _STANDARD_ATTRIBUTES})
        if record.exc_info:
            event["exc_info"] = record.exc_info
        line: Any = event
        for processor in self._chain:
            line = processor(None, record.levelname.lower(), line)
        self._output.write(line)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage().strip()
    except Exception:  # noqa: BLE001 - a library's wrong format string, or a __str__ that raises
        return f"{shown(record.msg)} {shown(record.args)}"
