"""From an event to the bytes of one line: the processors of the log, as structlog calls them.

None of them raises, whatever values an event carries.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
import structlog
from structlog.typing import EventDict, Processor

from proxy.printable import printable

_DEPTH_MAX: Final = 6
_OPTIONS: Final = orjson.OPT_NON_STR_KEYS | orjson.OPT_APPEND_NEWLINE


def put_first(clock: Callable[[], float]) -> Processor:
    """Puts timestamp (RFC 3339, UTC, milliseconds), level and event before the event's own keys."""

    def process(logger: Any, method: str, event: EventDict) -> EventDict:
        del logger
        now = clock()
        whole = int(now)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
        first: EventDict = {
            "timestamp": f"{stamp}.{int((now - whole) * 1000):03d}Z",
            "level": event.pop("level", method),
            "event": event.pop("event", ""),
        }
        first.update(event)
        return first

    return process


def render_exception(logger: Any, method: str, event: EventDict) -> EventDict:
    """Replaces `exc_info` by the traceback as text, under `exception`."""
    given = event.get("exc_info")
    try:
        return dict(structlog.processors.format_exc_info(logger, method, event))
    except Exception as error:  # noqa: BLE001 - an exception's own __str__ may raise
        event.pop("exc_info", None)
        event["exception"] = f"{type(given).__name__}, which raised {type(error).__name__} while it was rendered"
        return event


def json_line(logger: Any, method: str, event: EventDict) -> bytes:
    """One line of JSON. What orjson does not know is shown by its `repr`."""
    del logger, method
    try:
        return orjson.dumps(event, shown, _OPTIONS)
    except (TypeError, ValueError, RecursionError):  # a cycle, a lone surrogate, an integer of more than 64 bits
        return orjson.dumps(_plain(event, _DEPTH_MAX), None, _OPTIONS)


def console_line(*, colors: bool) -> Processor:
    """One line for people, tracebacks below it."""
    renderer = structlog.dev.ConsoleRenderer(
        colors=colors, pad_event_to=32, exception_formatter=structlog.dev.plain_traceback, sort_keys=False
    )

    def process(logger: Any, method: str, event: EventDict) -> bytes:
        safe = {
            _one_line(key): _lines(value) if key == "exception" else _one_line(value) for key, value in event.items()
        }
        try:
            text = renderer(logger, method, safe)
        except Exception as error:  # noqa: BLE001 - what is logged must not be able to stop the program
            text = f"{safe.get('event')} (not rendered: {type(error).__name__})"
        return text.encode("utf-8", "backslashreplace") + b"\n"

    return process


def shown(value: Any) -> str:
    """Any value as text; never raises."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    try:
        text = str(value) if isinstance(value, BaseException) else repr(value)
    except Exception as error:  # noqa: BLE001 - a __repr__ that raises
        return f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"
    return text.encode("utf-8", "backslashreplace").decode()


def _one_line(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return printable(value if isinstance(value, str) else shown(value))


def _lines(text: Any) -> str:
    return "\n".join(printable(line) for line in str(text).split("\n"))


def _plain(value: Any, depth: int) -> Any:
    """The value with everything in it that JSON cannot say as text, and cut at a depth (cycles)."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**64 else str(value)
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        return {_key(key): _plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item, depth - 1) for item in value]
    return shown(value)


def _key(key: Any) -> str:
    return str(_plain(key, 1)) if isinstance(key, str | int | float) else shown(key)
