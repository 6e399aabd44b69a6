"""What the stores tell of all syncs of a configuration, read by a command that found no proxy to ask."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from legacy_adapters.kept import read_kept
from proxy.cli.sync.working import load
from routes.config import Sync


def ask_stores(config: Path) -> list[dict[str, Any]]:
    """Each sync as `read_kept` has it; ends the command where the configuration cannot be used."""
    return asyncio.run(_read_all(load(config).syncs, config.resolve().parent))


async def _read_all(syncs: list[Sync], folder: Path) -> list[dict[str, Any]]:
    return list(await asyncio.gather(*(read_kept(sync, folder) for sync in syncs)))
