"""Notices that the configuration file has changed.

The folder is watched, not the file: editors and deployment tools replace files by renaming, and Kubernetes swaps a
symbolic link (`..data`) next to the one that is named. Whatever happens there, what counts is whether the content is
another one. Where the system cannot notify (network file systems), it is looked at every few seconds.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import structlog
from watchfiles import Change, awatch

#: Looked at even without a notification.
LOOK_S: Final = 5.0
#: Quiet time after a change before the file is read: a rename and the write before it are one change.
DEBOUNCE_MS: Final = 100

log = structlog.get_logger()


async def watch_file(path: Path) -> AsyncIterator[None]:
    """Yield each time the content of the file is another one; while it is missing or unreadable nothing is said.

    Args:
        path: absolute.
    """
    known = await asyncio.to_thread(_digest, path)
    async for _ in _ticks(path):
        digest = await asyncio.to_thread(_digest, path)
        if digest is not None and digest != known:
            known = digest
            yield


async def _ticks(path: Path) -> AsyncIterator[None]:
    """Moments at which the file may have changed."""
    target = await asyncio.to_thread(path.resolve)
    folders = {path.parent, target.parent}
    # What else changes in the folder, such as a log that grows, must not wake anybody.
    interesting = {path.name, target.name, "..data"}

    def is_ours(change: Change, changed: str) -> bool:
        del change
        return Path(changed).name in interesting

    try:
        async for _ in awatch(
            *folders,
            watch_filter=is_ours,
            debounce=1600,
            step=DEBOUNCE_MS,
            rust_timeout=int(LOOK_S * 1000),
            yield_on_timeout=True,
            recursive=False,
        ):
            yield
    except (OSError, RuntimeError) as error:
        log.warning("config.watch.failed", folders=sorted(map(str, folders)), error=str(error), look_every_s=LOOK_S)
    while True:
        await asyncio.sleep(LOOK_S)
        yield


def _digest(path: Path) -> bytes | None:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return None
