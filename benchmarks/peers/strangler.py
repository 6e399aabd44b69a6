"""Ours, through `strangler run` with one worker, and its variants.

On in every variant, as a user has it: access log to a file, metrics and control API, request ids, forwarded headers.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, ClassVar

from benchmarks.payloads import CANARY, LAST_ROUTE, Work
from benchmarks.peers.base import POOL, Entrant
from benchmarks.process import find_program, free_port

HINT = "make setup"

ROUTES_MANY = 500
ROUTES_CANARY = 21


def _resource(number: int) -> dict[str, Any]:
    """A route of the kind that applications have: below /api, with one captured segment."""
    return {
        "name": f"resource-{number}", "match": {"path": f"/api/resource-{number}/{{id}}"}, "legacy": "upstream",
        "mode": "legacy",
    }  # fmt: skip


class Strangler(Entrant):
    """One route for everything."""

    name: ClassVar[str] = "strangler"

    def routes(self) -> list[dict[str, Any]]:
        """The routes of the configuration."""
        return [
            {"name": "bulk", "match": {"path": "/bulk/**"}, "legacy": "bulk", "mode": "legacy"},
            {"name": "everything", "match": {"path": "/**"}, "legacy": "upstream", "mode": "legacy"},
        ]

    def command(self) -> Sequence[str]:
        """Write config.yaml (JSON is YAML); `strangler run`."""
        strangler = find_program("strangler", HINT)
        return [strangler, "run", self.write("config.yaml", json.dumps(self._config(), indent=1))]

    def _config(self) -> dict[str, Any]:
        service = {"idle_connections_max": POOL, "connect_timeout": "5s"}
        return {
            "listen": [{"address": f"127.0.0.1:{self.port}"}],
            "workers": 1,
            "log": {"access": "access.log", "level": "info", "format": "json"},
            "control": {"address": f"127.0.0.1:{free_port()}"},
            "services": {
                "upstream": {"urls": [f"http://127.0.0.1:{self.place.upstream_port}"], **service},
                "bulk": {"urls": [f"http://127.0.0.1:{self.place.bulk_port}"], **service},
            },
            "routes": self.routes(),
        }

    @classmethod
    def version(cls) -> str:
        """The distribution's version."""
        find_program("strangler", HINT)
        return f"strangler {version('strangler-proxy')}, Python {sys.version.split()[0]}, uvloop {version('uvloop')}"


class StranglerRoute(Strangler):
    """Only the route that `StranglerRoutes` has last: what 500 routes are compared with."""

    name: ClassVar[str] = "strangler-1-route"
    works: ClassVar[tuple[Work, ...]] = (LAST_ROUTE,)

    def routes(self) -> list[dict[str, Any]]:
        """The last of the many, alone."""
        return [_resource(ROUTES_MANY)]


class StranglerRoutes(Strangler):
    """500 routes below one first segment, so that no prefilter by first segment helps."""

    name: ClassVar[str] = "strangler-500-routes"
    works: ClassVar[tuple[Work, ...]] = (LAST_ROUTE,)

    def routes(self) -> list[dict[str, Any]]:
        """All of them."""
        return [_resource(number) for number in range(1, ROUTES_MANY + 1)]


class StranglerCanary(Strangler):
    """21 routes, the last in canary by a cookie's hash, with a sticky cookie for clients that have none."""

    name: ClassVar[str] = "strangler-canary"
    works: ClassVar[tuple[Work, ...]] = (CANARY,)

    def routes(self) -> list[dict[str, Any]]:
        """20 plain routes and the one in canary."""
        plain = [_resource(number) for number in range(1, ROUTES_CANARY)]
        canary = {"percent": "10%", "key": ["header:X-Tenant", "cookie:session"], "sticky_cookie": "strangler_arm"}
        last = {**_resource(ROUTES_CANARY), "new": "upstream", "mode": "canary", "canary": canary}
        return [*plain, last]
