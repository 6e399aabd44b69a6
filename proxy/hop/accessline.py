"""The canonical line of one request: what it is made of, and how it is rendered.

The data plane hands over one plain tuple per request, in the order of `FIELDS`: no class is as cheap to make. A
renderer turns it into the bytes of one line, later and in blocks (`proxy.hop.accesslog`).

The line has the shape of every other event of the log (`timestamp`, `level` and `event` come first, as
`proxy.logging` renders them), but it does not pass structlog's processor chain: binding a logger, merging context
and running five processors costs about six times as much as the renderer here, which fills one dict that is made once
and hands it to orjson. docs/reference/logs.md describes every key; `KEYS` is their order.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import orjson

from proxy.printable import printable

#: What the data plane hands over for one request, in this order. Durations are float seconds, None where that did not
#: happen; bytes are as they came from the client, never decoded before.
FIELDS: Final = (
    "completed_at",  # float, seconds since the epoch
    "route",  # str | None: None where no route matched
    "arm",  # str | None: "legacy" | "new"
    "reason",  # str | None: why that arm
    "bucket",  # int | None: 0 to 9999
    "key",  # str | None: "header:X-Tenant"
    "service",  # str | None
    "url",  # str | None: the endpoint, as configured
    "method",  # bytes
    "host",  # bytes: the Host as received
    "target",  # bytes: raw path and query
    "status",  # int | None: None where the client went away before a response
    "error",  # str | None: Proxy-Status error type
    "bytes_in",  # int: body bytes from the client
    "bytes_out",  # int: body bytes to the client
    "queue_s",  # float | None
    "connect_s",  # float | None
    "first_byte_s",  # float | None
    "total_s",  # float | None
    "reused",  # bool | None: the upstream connection had served before
    "retries",  # int
    "fallback",  # bool
    "mirror",  # str | None: "chosen", "not_sampled", "shed:rate" …; None where nobody gets copies of such requests
    "client_ip",  # str
    "protocol",  # str: "HTTP/1.1"
    "request_id",  # bytes | None
    "trace_id",  # bytes | None
)

#: One request, in the order of FIELDS.
AccessLine = tuple[
    float,
    str | None,
    str | None,
    str | None,
    int | None,
    str | None,
    str | None,
    str | None,
    bytes,
    bytes,
    bytes,
    int | None,
    str | None,
    int,
    int,
    float | None,
    float | None,
    float | None,
    float | None,
    bool | None,
    int,
    bool,
    str | None,
    str,
    str,
    bytes | None,
    bytes | None,
]

#: The keys of a rendered line, in their order.
KEYS: Final = (
    *("timestamp", "level", "event", "route", "arm", "reason", "bucket", "key", "service", "url", "method", "host"),
    *("path", "status", "error", "bytes_in", "bytes_out", "queue_ms", "connect_ms", "first_byte_ms", "total_ms"),
    *("reused", "retries", "fallback", "mirror", "client_ip", "protocol", "request_id", "trace_id", "worker"),
)

#: Longer targets are cut.
TARGET_BYTES_MAX: Final = 2048
#: What the kernel writes to a pipe in one piece (PIPE_BUF on Linux): no line is longer, so that none is torn.
LINE_BYTES_MAX: Final = 4096

#: Makes the bytes of one line, its newline included.
Render = Callable[[AccessLine], bytes]

_MILLISECONDS: Final = tuple(f"{number:03d}Z" for number in range(1000))
_MICROSECOND: Final = 1e-6


def json_renderer(worker: int) -> Render:
    """A renderer of JSON lines.

    It is a closure over one dict that is filled anew for each line: for the 30 keys that costs half of what a dict
    display does. So a renderer belongs to one thread.
    """
    record: dict[str, Any] = dict.fromkeys(KEYS)
    record["event"] = "request.completed"
    record["worker"] = worker
    dumps = orjson.dumps
    newline = orjson.OPT_APPEND_NEWLINE
    second = -1
    prefix = ""

    def render(line: AccessLine) -> bytes:
        nonlocal second, prefix
        (
            completed_at,
            record["route"],
            record["arm"],
            record["reason"],
            record["bucket"],
            record["key"],
            record["service"],
            record["url"],
            method,
            host,
            target,
            record["status"],
            error,
            record["bytes_in"],
            record["bytes_out"],
            queue_s,
            connect_s,
            first_byte_s,
            total_s,
            record["reused"],
            record["retries"],
            record["fallback"],
            record["mirror"],
            record["client_ip"],
            record["protocol"],
            request_id,
            trace_id,
        ) = line
        whole = int(completed_at)
        if whole != second:
            second, prefix = whole, _second_prefix(whole)
        record["timestamp"] = prefix + _MILLISECONDS[int((completed_at - whole) * 1000)]
        record["level"] = "info" if error is None else "warning"
        record["error"] = error
        if len(target) > TARGET_BYTES_MAX:
            target = target[:TARGET_BYTES_MAX]
        try:
            record["path"] = target.decode()
            record["method"] = method.decode()
            record["host"] = host.decode()
            record["request_id"] = request_id and request_id.decode()
            record["trace_id"] = trace_id and trace_id.decode()
        except UnicodeDecodeError:
            record["path"] = _decoded(target)
            record["method"] = _decoded(method)
            record["host"] = _decoded(host)
            record["request_id"] = request_id and _decoded(request_id)
            record["trace_id"] = trace_id and _decoded(trace_id)
        # Whole microseconds: a float with all its digits would make the line a tenth longer.
        record["queue_ms"] = queue_s and queue_s // _MICROSECOND / 1e3
        record["connect_ms"] = connect_s and connect_s // _MICROSECOND / 1e3
        record["first_byte_ms"] = first_byte_s and first_byte_s // _MICROSECOND / 1e3
        record["total_ms"] = total_s and total_s // _MICROSECOND / 1e3
        rendered = dumps(record, None, newline)
        return rendered if len(rendered) <= LINE_BYTES_MAX else _shortened(record)

    return render


def console_renderer(*, colors: bool) -> Render:
    """A renderer of short lines for people: time, status, method, host and path, arm and service, duration, error."""

    def render(line: AccessLine) -> bytes:
        request: dict[str, Any] = dict(zip(FIELDS, line, strict=True))
        status = request["status"]
        paint = _STATUS_COLORS.get(status // 100 if status else 5, "") if colors else ""
        reset = "\x1b[0m" if paint else ""
        where = f"{request['arm']}:{request['service']}" if request["arm"] else "-"
        parts = [
            time.strftime("%H:%M:%S", time.gmtime(request["completed_at"])),
            f"{paint}{status or '---'}{reset}",
            _shown(request["method"], 16),
            _shown(request["host"], 128) + _shown(request["target"], TARGET_BYTES_MAX // 4),
            where,
            f"{(request['total_s'] or 0.0) * 1e3:.1f}ms",
        ]
        if request["retries"]:
            parts.append(f"retries={request['retries']}")
        if request["fallback"]:
            parts.append("fallback")
        if request["mirror"] is not None:
            parts.append(f"mirror={request['mirror']}")
        if request["error"] is not None:
            parts.append(f"{paint}{request['error']}{reset}")
        return " ".join(parts).encode("utf-8", "backslashreplace")[: LINE_BYTES_MAX - 1] + b"\n"

    return render


_STATUS_COLORS: Final = {2: "\x1b[32m", 3: "\x1b[36m", 4: "\x1b[33m", 5: "\x1b[31m"}


def _second_prefix(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second))


def _decoded(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def _shown(value: bytes, length_max: int) -> str:
    return printable(_decoded(value[:length_max]))


def _shortened(record: dict[str, Any]) -> bytes:
    """The line with its texts cut until it fits: clients choose how long their host, method and ids are."""
    for length in (1024, 256, 64, 16):
        short = {key: value[:length] if isinstance(value, str) else value for key, value in record.items()}
        short["event"] = record["event"]
        short["timestamp"] = record["timestamp"]
        rendered = orjson.dumps(short, None, orjson.OPT_APPEND_NEWLINE)
        if len(rendered) <= LINE_BYTES_MAX:
            break
    return rendered
