"""The plain aiohttp proxy (`aiohttp_app`) as an entrant."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import ClassVar

from benchmarks.peers.base import POOL, Entrant

ROOT = Path(__file__).resolve().parents[2]


class Aiohttp(Entrant):
    """aiohttp server and client on uvloop, one process."""

    name: ClassVar[str] = "aiohttp"

    def command(self) -> Sequence[str]:
        """This Python, with the app."""
        log = str(self.place.folder / "access.log")
        arguments = [str(self.port), str(self.place.upstream_port), log, str(POOL)]
        return [sys.executable, "-m", "benchmarks.peers.aiohttp_app", *arguments]

    def environment(self) -> dict[str, str]:
        """Find this package from the entrant's folder."""
        return {"PYTHONPATH": str(ROOT)}

    @classmethod
    def version(cls) -> str:
        """Versions of aiohttp and uvloop."""
        return f"aiohttp {version('aiohttp')}, uvloop {version('uvloop')}, Python {sys.version.split()[0]}"
