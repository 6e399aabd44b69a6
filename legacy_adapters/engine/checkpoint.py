"""How far a direction has come, as it is kept in the store that is written.

Two streams per direction: `live` (the capture's cursor) and `backfill` (the last key of the last chunk). Each carries a
turn: whoever works on a direction from outside its runner (a person who settles a conflict, a second syncer by mistake)
moves it, so that the runner sees at its next fence that what it read before is stale.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from legacy_adapters.change import Cursor
from legacy_adapters.record import Key

LIVE: Final = "live"
BACKFILL: Final = "backfill"


def stream_name(sync: str, direction: str, kind: str) -> str:
    """A stream's name, unique in its store: several syncs may write to one."""
    return f"{sync}.{direction}.{kind}"


@dataclass(frozen=True, slots=True)
class LiveMark:
    """How far captured changes were applied.

    Attributes:
        cursor: the capture's, as it was given.
        turn: moved by whoever else works on this direction.
    """

    cursor: Cursor
    turn: int = 0

    def encode(self) -> Cursor:
        """As JSON."""
        return {"cursor": self.cursor, "turn": self.turn}

    @classmethod
    def decode(cls, data: Cursor | None) -> LiveMark | None:
        """From JSON; None where the stream never began, or was told to begin anew."""
        return None if data is None or data["cursor"] is None else cls(data["cursor"], data["turn"])

    @staticmethod
    def anew(data: Cursor | None) -> Cursor:
        """In the place of `data`: the stream is to begin again."""
        return {"cursor": None, "turn": 1 + (0 if data is None else data["turn"])}

    def next_turn(self) -> LiveMark:
        """The same place, for others to see that somebody was here."""
        return replace(self, turn=self.turn + 1)


@dataclass(frozen=True, slots=True)
class BackfillMark:
    """How far the backfill has come.

    Attributes:
        after: key of the last row; None before the first.
        rows: read so far.
        done: the end of the table was reached.
        version: of the mapping that it was begun with; another one begins anew.
    """

    after: Key | None = None
    rows: int = 0
    done: bool = False
    version: int = 0

    def encode(self) -> Cursor:
        """As JSON."""
        after = None if self.after is None else [_encode(value) for value in self.after]
        return {"after": after, "rows": self.rows, "done": self.done, "version": self.version}

    @classmethod
    def decode(cls, data: Cursor | None) -> BackfillMark | None:
        """From JSON; None where it never began."""
        if data is None:
            return None
        after = None if data["after"] is None else tuple(_decode(value) for value in data["after"])
        return cls(after, data["rows"], data["done"], data["version"])


_DECODERS: Final[dict[str, Callable[[str], Any]]] = {
    "decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "microseconds": lambda text: timedelta(microseconds=int(text)),
    "bytes": base64.b64decode,
    "uuid": UUID,
}
_MICROSECOND: Final = timedelta(microseconds=1)


def _encode(value: Any) -> Any:
    """A key's value as JSON: what JSON has stays, the rest is `{type: text}`."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Decimal():
            return {"decimal": str(value)}
        case datetime():
            return {"datetime": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case time():
            return {"time": value.isoformat()}
        case timedelta():
            return {"microseconds": str(value // _MICROSECOND)}
        case bytes():
            return {"bytes": base64.b64encode(value).decode()}
        case UUID():
            return {"uuid": str(value)}
    raise TypeError(f"a key cannot have a value of type {type(value).__name__}")


def _decode(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, text),) = value.items()
    return _DECODERS[kind](text)
