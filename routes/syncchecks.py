"""What a sync's settings do not do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from routes.finding import Finding

if TYPE_CHECKING:
    from routes.config import Sync


def sync_findings(index: int, sync: Sync) -> Iterator[Finding]:
    """What the sync at `index` of the file sets without effect."""
    for name, part in (("backfill", sync.backfill), ("apply", sync.apply)):
        if "parallel" in part.model_fields_set:
            message = f"{name}.parallel of {sync.name} has no effect: a sync writes one transaction at a time"
            yield Finding("warning", "parallel_unused", message, ("syncs", index, name, "parallel"))
