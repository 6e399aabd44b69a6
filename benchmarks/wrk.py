"""Drives an entrant as fast as it goes with wrk, and reads what wrk measured."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.cores import pinned
from benchmarks.errors import InvalidError
from benchmarks.payloads import Work
from benchmarks.process import find_program

HINT = "apt-get install wrk"
MARK = "RESULT "

#: wrk prints rounded text; its `done` hook gives the plain numbers. Requests are prepared once, so Lua costs nothing.
SCRIPT = """
wrk.method = {method}
wrk.body = {body}
{headers}
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '{mark}{{"requests":%d,"duration_us":%d,"bytes":%d,"connect":%d,"read":%d,"write":%d,"status":%d,"timeout":%d,' ..
    '"p50_us":%d,"p99_us":%d,"max_us":%d}}\\n',
    summary.requests, summary.duration, summary.bytes, e.connect, e.read, e.write, e.status, e.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
"""


@dataclass(frozen=True, slots=True)
class WrkResult:
    """What one run of wrk measured."""

    requests: int
    duration_s: float
    p50_us: float
    p99_us: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.duration_s


#: A field that differs from request to request.
VARIED = """
local count = 0
function request()
  count = count + 1
  wrk.headers["X-Nonce"] = tostring(count)
  return wrk.format(nil, nil)
end
"""


class Wrk:
    """One thread, a fixed number of keep-alive connections, pinned to the load core."""

    def __init__(self, folder: Path, *, core: int, connections: int) -> None:
        self._program = find_program("wrk", HINT)
        self._script = folder / "request.lua"
        self._core = core
        self._connections = connections

    def run(self, port: int, work: Work, duration_s: float) -> WrkResult:
        """Send `work` as fast as it is answered.

        Raises:
            InvalidError: wrk reports a socket error, a time-out or an answer other than 2xx/3xx.
        """
        self._script.write_text(_script(work))
        command = [
            self._program, "-t1", f"-c{self._connections}", f"-d{max(1, round(duration_s))}s", "--timeout", "10s",
            "-s", str(self._script), f"http://127.0.0.1:{port}{work.path}",
        ]  # fmt: skip
        with pinned(self._core):
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=duration_s + 60)
        line = next((line for line in done.stdout.splitlines() if line.startswith(MARK)), None)
        if line is None:
            raise InvalidError(f"wrk said nothing usable: {(done.stderr or done.stdout)[-200:]!r}")
        return _parse(json.loads(line.removeprefix(MARK)))


def _script(work: Work) -> str:
    headers = "\n".join(f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in work.headers)
    body = json.dumps(work.posted.decode()) if work.posted else "nil"
    varied = VARIED if work.varied else ""
    return SCRIPT.format(method=json.dumps(work.method), body=body, headers=headers, mark=MARK) + varied


def _parse(values: dict[str, int]) -> WrkResult:
    kinds = ("connect", "read", "write", "status", "timeout")
    errors = [f"{values[kind]} {kind}" for kind in kinds if values[kind]]
    if errors:
        raise InvalidError("wrk counted errors: " + ", ".join(errors))
    if not values["requests"]:
        raise InvalidError("no request was answered")
    return WrkResult(
        requests=values["requests"],
        duration_s=values["duration_us"] / 1e6,
        p50_us=values["p50_us"],
        p99_us=values["p99_us"],
    )
