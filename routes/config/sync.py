"""A sync: one record type kept in step between the legacy store and the new store."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ModelWrapValidatorHandler, model_validator

from routes.config.part import Part
from routes.config.scalar import Whole
from routes.config.sync_checks import sync_clashes
from routes.config.sync_field import SyncField
from routes.config.sync_rules import Authority, Duplicates, SyncRule
from routes.config.sync_run import Apply, Backfill
from routes.config.sync_store import Capture, SyncStore
from routes.config.text import Name
from routes.faults import gather
from routes.units import Duration


class Sync(Part):
    """One record type that is kept in step between the legacy store and the new store."""

    name: Name
    """Its name in logs, metrics, commands and the stores' own tables; unique."""
    legacy: SyncStore
    """Where the records are in the legacy system."""
    new: SyncStore
    """Where they are in the new one."""
    direction: Literal["to_new", "to_legacy", "both"] = "to_new"
    """Which way changes go. `both` sees conflicts: where both sides changed one record, `authority` decides."""
    capture: Capture = Field(default_factory=Capture)
    """How changes are noticed."""
    fields: list[SyncField] = Field(min_length=1, max_length=1000)
    """The columns, in pairs. Columns that no field names are left alone."""
    rules: list[SyncRule] = Field(default_factory=list, max_length=1000)
    """What a record must be like to be written."""
    duplicates: Duplicates | None = None
    """Which records may be the same one. Default: none is looked for."""
    authority: Authority = Field(default_factory=Authority)
    """Who wins a conflict, in direction `both`."""
    batch_rows: Annotated[Whole, Field(ge=1, le=100_000)] = 1000
    """Captured changes that are read and written at a time."""
    backfill: Backfill = Field(default_factory=Backfill)
    """The first copy of all rows."""
    apply: Apply = Field(default_factory=Apply)
    """Writing captured changes."""
    lag_alarm: Duration = 60.0
    """A change that is older than this and not applied is an alarm."""

    @model_validator(mode="wrap")
    @classmethod
    def _together(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return gather(data, handler, sync_clashes(data))
