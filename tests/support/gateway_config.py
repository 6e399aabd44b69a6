"""Configurations for `strangler run` in front of the usual origins."""

from __future__ import annotations

from typing import Any


def one_route(url: str, **parts: Any) -> dict[str, Any]:
    """One service and one route for everything; `parts` are merged in at the top."""
    return {
        "services": {"legacy": {"urls": [url]}},
        "routes": [{"name": "all", "match": {"path": "/{rest...}"}, "legacy": "legacy"}],
        **parts,
    }
