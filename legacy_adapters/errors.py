"""What can go wrong in record sync.

```
SyncError
├── MappingError          a sync's mapping is not usable, or a row cannot be mapped (names field and value kind)
├── StoreUnavailableError a store cannot be reached right now: retry later, nothing was lost
├── CaptureError          changes cannot be captured, or what was captured is incomplete: stop, alarm
├── SchemaChangedError    a table is not what it was when the sync started: stop, alarm, nothing was lost
└── PlanError             the sync as configured would lose data: says what and what to do
```
"""

from __future__ import annotations


class SyncError(Exception):
    """Anything that this package raises on purpose."""


class MappingError(SyncError):
    """A mapping is not usable, or a row cannot be mapped.

    Attributes:
        field: the field at fault, "" where it is the whole row.
    """

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class StoreUnavailableError(SyncError):
    """A store cannot be reached right now."""


class CaptureError(SyncError):
    """Changes cannot be captured, or what was captured is incomplete."""


class SchemaChangedError(SyncError):
    """A table is not what it was when the sync started."""


class PlanError(SyncError):
    """The sync as configured would lose data."""
