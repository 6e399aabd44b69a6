"""One data plane whose every request is mirrored, beside nginx's `mirror`, which throws the second answer away.

The data plane runs alone, as `plane_app`, so that what is measured is the worker: what becomes of an exchange in the
comparer is measured there. Copies go to an upstream of their own, so that it can be told from the clients' one what
each got, and so that it can give way to the other.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from benchmarks.payloads import JSON, Work
from benchmarks.peers.base import POOL, Place
from benchmarks.peers.nginx import Nginx
from benchmarks.peers.strangler import Strangler
from benchmarks.process import Program, free_port

COPIES = """    upstream copies {
        server 127.0.0.1:%d;
        keepalive %d;
        keepalive_requests 1000000000;
    }
"""
ROOT = Path(__file__).resolve().parents[2]


class StranglerPlane(Strangler):
    """The data plane alone, nothing mirrored: what the others are compared with."""

    name: ClassVar[str] = "strangler-plane"
    works: ClassVar[tuple[Work, ...]] = (JSON,)
    mirrors: ClassVar[bool] = False
    broken: ClassVar[str] = ""  # kind of `broken_app`; "" is a healthy new system

    def __init__(self, place: Place) -> None:
        self._helpers: list[Program] = []
        super().__init__(place)

    def routes(self) -> list[dict[str, Any]]:
        """One, for everything."""
        route = {"name": "everything", "match": {"path": "/**"}, "legacy": "upstream", "new": "copy"}
        if not self.mirrors:
            return [{**route, "mode": "legacy"}]
        return [{**route, "mode": "shadow", "shadow": {"noise_sample": "0%"}}]

    def command(self) -> Sequence[str]:
        """Write config.yaml; the plane, its comparer and what it mirrors to."""
        port = self.place.copies_port
        if self.broken:
            port = free_port()
            self._help("benchmarks.peers.broken_app", str(port), self.broken)
        socket = str(self.place.folder / "c.sock")
        self._help("benchmarks.peers.drain_app", socket)
        config = self._config()
        config["services"]["copy"] = {**config["services"]["upstream"], "urls": [f"http://127.0.0.1:{port}"]}
        return [
            sys.executable,
            "-m",
            "benchmarks.peers.plane_app",
            self.write("config.yaml", json.dumps(config)),
            socket,
        ]

    def environment(self) -> dict[str, str]:
        """Find this package from the entrant's folder."""
        return {"PYTHONPATH": str(ROOT)}

    def stop(self) -> None:
        """End it and its helpers."""
        super().stop()
        for helper in self._helpers:
            helper.stop()

    @property
    def helpers(self) -> Sequence[Program]:
        """What takes exchanges, and the new system where it is not well."""
        return self._helpers

    def _help(self, module: str, *arguments: str) -> None:
        folder = self.place.folder / module.rpartition(".")[2]
        folder.mkdir()
        core = (self.place.core + 1) % (os.cpu_count() or 1)
        command = [sys.executable, "-m", module, *arguments]
        self._helpers.append(Program(command, core=core, folder=folder, environment=self.environment()))


class StranglerBeside(StranglerPlane):
    """Nothing mirrored, but another process sends as many requests to the upstream of copies: see `rows.shadowed`."""

    name: ClassVar[str] = "strangler-plane-beside"


class StranglerShadow(StranglerPlane):
    """Every request mirrored, both answers captured and handed over."""

    name: ClassVar[str] = "strangler-shadow"
    mirrors: ClassVar[bool] = True


class StranglerShadowHung(StranglerShadow):
    """The same with a new system that never answers."""

    name: ClassVar[str] = "strangler-shadow-hung"
    broken: ClassVar[str] = "hung"


class StranglerShadowResetting(StranglerShadow):
    """The same with a new system that resets every connection."""

    name: ClassVar[str] = "strangler-shadow-resetting"
    broken: ClassVar[str] = "resetting"


class StranglerShadowGarbage(StranglerShadow):
    """The same with a new system that does not speak HTTP."""

    name: ClassVar[str] = "strangler-shadow-garbage"
    broken: ClassVar[str] = "garbage"


class NginxMirror(Nginx):
    """nginx with `mirror`: the copy is sent, its answer is read and thrown away."""

    name: ClassVar[str] = "nginx-mirror"
    works: ClassVar[tuple[Work, ...]] = (JSON,)

    def configured(self, text: str) -> str:
        """The same configuration with a mirror for every request."""
        mirror = "location = /mirrored { internal; proxy_pass http://copies$request_uri; }"
        served = "location / { mirror /mirrored; proxy_pass http://service; }"
        copies = COPIES % (self.place.copies_port, POOL)
        text = text.replace("    server {\n", f"{copies}    server {{\n", 1)
        return text.replace("location / { proxy_pass http://service; }", f"{served}\n        {mirror}")
