"""Counts what one request costs in bytecodes and calls: `python -m benchmarks.bytecodes`.

Time is noisy; this is not. The same code on the same Python version gives the same numbers on any machine, so a change
can be judged on a busy one. It counts our own packages only, in a data plane that serves itself one small JSON response
after the other on the loopback interface. Time inside C (sockets, parsers, orjson) is not in it: see `profile`.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import click
import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.bench import ROOT
from benchmarks.payloads import JSON
from proxy.hop.accesslog import AccessLog
from proxy.hop.plane import DataPlane
from routes.loading import load_config
from routes.table import compile_table

REQUESTS = 512  # a multiple of the access log's block, so that rendering is counted whole
REQUEST = f"GET {JSON.path} HTTP/1.1\r\nHost: bench.example\r\n\r\n".encode()
RESPONSE = (
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 05 Jan 2026 10:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\nConnection: keep-alive\r\n\r\n%b" % (len(JSON.body), JSON.body)
)
OURS = tuple(f"{ROOT}/{package}/" for package in ("proxy", "routes"))


@dataclass(slots=True)
class Counts:
    """Bytecodes and calls by function, over all counted requests."""

    bytecodes: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)

    def trace(self, frame: FrameType, event: str, argument: object) -> Any:
        """For `sys.settrace`: counts bytecodes of our packages and leaves other code alone."""
        del argument
        code = frame.f_code
        if not code.co_filename.startswith(OURS):
            return None
        name = f"{code.co_filename.removeprefix(f'{ROOT}/')}:{code.co_firstlineno} {code.co_name}"
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            self.calls[name] += 1
        elif event == "opcode":
            self.bytecodes[name] += 1
        return self.trace


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The upstream: the same response to every request, until the proxy closes."""
    try:
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(RESPONSE)
    except asyncio.IncompleteReadError:
        writer.close()


async def count(folder: Path, *, mirrored: bool = False) -> Counts:
    """Serve `REQUESTS` requests under the tracer, after as many without it."""
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    sock = socket.create_server(("127.0.0.1", 0))
    config = load_config(
        json.dumps(_config(sock.getsockname()[1], server.sockets[0].getsockname()[1], mirrored=mirrored)),
        name="config.yaml", folder=folder, env={},
    )  # fmt: skip
    log = AccessLog(str(folder / "access.log"), "json", time.time)
    plane = DataPlane(config, compile_table(config), access_log=log)
    await plane.start()
    await plane.listen(sock, config.listen[0])
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    counts = Counts()
    for tracer in (None, counts.trace):
        sys.settrace(tracer)
        for _ in range(REQUESTS):
            writer.write(REQUEST)
            await reader.readuntil(JSON.body)
        sys.settrace(None)
    writer.close()
    await plane.close()
    server.close()
    return counts


def _config(port: int, upstream_port: int, *, mirrored: bool) -> dict[str, Any]:
    shadow = {"mode": "shadow", "new": "upstream", "shadow": {"noise_sample": "0%"}}
    mode = shadow if mirrored else {"mode": "legacy"}
    return {
        "listen": [{"address": f"127.0.0.1:{port}"}],
        "services": {"upstream": {"urls": [f"http://127.0.0.1:{upstream_port}"]}},
        "routes": [{"name": "everything", "match": {"path": "/**"}, "legacy": "upstream", **mode}],
    }


def _table(counts: Counts, top: int) -> Table:
    table = Table(title_justify="left")
    table.title = (
        f"{counts.bytecodes.total() / REQUESTS:,.0f} bytecodes and {counts.calls.total() / REQUESTS:,.1f} calls of "
        f"Python functions for a request, Python {sys.version.split()[0]}"
    )
    for title in ("bytecodes", "calls", "function"):
        table.add_column(title, justify="left" if title == "function" else "right")
    for name, bytecodes in counts.bytecodes.most_common(top):
        table.add_row(f"{bytecodes / REQUESTS:,.1f}", f"{counts.calls[name] / REQUESTS:,.2f}", name)
    return table


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--top", type=click.IntRange(min=1), default=40, show_default=True, help="Functions printed.")
@click.option("--mirrored", is_flag=True, help="Mirror every request; what hands it to the comparer is left out.")
def main(top: int, *, mirrored: bool) -> None:
    """Count the bytecodes that one small request costs, by function."""
    with tempfile.TemporaryDirectory(prefix="strangler-bytecodes-") as folder:
        counts = uvloop.run(count(Path(folder), mirrored=mirrored))
    Console().print(_table(counts, top))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.bytecodes")
