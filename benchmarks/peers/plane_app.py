"""One data plane as a worker runs it, alone: `CONFIG [SOCKET]`. What it uses is the worker's share."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from pathlib import Path

import uvloop

from proxy.heap import keep_freed_memory
from proxy.hop.accesslog import AccessLog
from proxy.hop.plane import DataPlane
from proxy.worker import GC_THRESHOLD
from routes.config import Config
from routes.loading import load_config
from routes.table import compile_table


async def serve(config: Config, comparer: str | None) -> None:
    """Serve until the process is ended."""
    log = AccessLog(config.log.access, config.log.format)
    plane = DataPlane(config, compile_table(config), access_log=log, comparer=comparer)
    await plane.start()
    for listen in config.listen:
        with socket.create_server((listen.host, listen.port), backlog=4096) as sock:
            await plane.listen(sock, listen)
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 20)
    await asyncio.Event().wait()


if __name__ == "__main__":
    keep_freed_memory()
    path = Path(sys.argv[1])
    given = load_config(path.read_text("utf-8"), name=path.name, folder=path.parent, env={})
    uvloop.run(serve(given, sys.argv[2] if len(sys.argv) > 2 else None))
