"""How hard a sync works, and when it complains."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from routes.config.part import Part
from routes.config.scalar import Whole
from routes.units import Rate


class Backfill(Part):
    """The first copy of all rows."""

    chunk_rows: Annotated[Whole, Field(ge=1, le=1_000_000)] = 5000
    """Rows that are read, mapped and written at a time: the unit of resuming, and what is held in memory."""
    rate_max: Rate | None = None
    """Rows per second at most, such as `2000/s`. Default: as fast as both stores bear."""
    parallel: Annotated[Whole, Field(ge=1, le=64)] = 2
    """Accepted and without effect: one chunk is read and mapped while the one before it is written."""


class Apply(Part):
    """Writing captured changes."""

    parallel: Annotated[Whole, Field(ge=1, le=64)] = 4
    """Accepted and without effect: a batch is written as a set, in one transaction."""
