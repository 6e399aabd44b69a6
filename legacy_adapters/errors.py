"""What can go wrong in record sync.

```
SyncError
├── MappingError          a sync's mapping is not usable, or a row cannot be mapped (names field and value kind)
├── StoreUnavailableError a store cannot be reached right now: retry later, nothing was lost
├── CaptureError          changes cannot be captured, or what was captured is incomplete: stop, alarm
├── StaleError            somebody else has moved this sync's checkpoint: read it again and go on
├── FloodError            too much of a batch would go to quarantine: pause, alarm, nothing was lost
│   └── QuarantineFullError   as much is in quarantine as is allowed
├── SchemaChangedError    a table is not what it was when the sync started: stop, alarm, nothing was lost
└── PlanError             the sync as configured would lose data: says what and what to do
```
"""

from __future__ import annotations

import traceback
from typing import Any


class SyncError(Exception):
    """Anything that this package raises on purpose."""


class MappingError(SyncError):
    """A mapping is not usable, or a row cannot be mapped.

    Attributes:
        field: the field at fault, "" where it is the whole row.
        reason: one word for counters: `mapping`, `rule`, or `lookup` where the other record is not there yet.
    """

    def __init__(self, message: str, *, field: str = "", reason: str = "mapping") -> None:
        super().__init__(message)
        self.field = field
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        """Survives the way from one process to another."""
        return (_mapping_error, (str(self), self.field, self.reason))


def _mapping_error(message: str, field: str, reason: str) -> MappingError:
    return MappingError(message, field=field, reason=reason)


def trace_of(error: BaseException) -> str:
    """Where an error was raised, without its text: that of a library's error may hold values of a record."""
    return "".join(traceback.format_tb(error.__traceback__)).rstrip()


class StoreUnavailableError(SyncError):
    """A store cannot be reached right now."""


class CaptureError(SyncError):
    """Changes cannot be captured, or what was captured is incomplete."""


class StaleError(SyncError):
    """Somebody else has moved this sync's checkpoint: nothing was written."""


class FloodError(SyncError):
    """Too much would go to quarantine: the cause is hardly in the rows. Nothing was written.

    Attributes:
        reason: the most frequent one.
        refused: changes that would have gone to quarantine.
        total: changes of the batch.
    """

    def __init__(self, reason: str, refused: int, total: int) -> None:
        super().__init__(f"{refused} of {total} changes would go to quarantine, most of them for {reason}")
        self.reason = reason
        self.refused = refused
        self.total = total


class QuarantineFullError(FloodError):
    """As much is in quarantine as is allowed: someone has to decide first. Nothing was written."""

    def __init__(self, count: int, count_max: int) -> None:
        super().__init__("full", count, count)
        self.args = (f"{count} changes are in quarantine, and {count_max} may be: retry, drop or mend them",)


class SchemaChangedError(SyncError):
    """A table is not what it was when the sync started."""


class PlanError(SyncError):
    """The sync as configured would lose data."""
