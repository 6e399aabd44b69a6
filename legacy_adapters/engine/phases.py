"""The phases of one sync, as a table.

`new` captures and waits for its parents' first copy; `backfill` copies, what is captured meanwhile going first; `live`
applies what is captured. A store that is away makes it wait and go on by itself. A flood of refused changes pauses it,
and it looks again now and then. Capture that is not complete or a table that changed stops it until a person resumes it
or the process starts anew: nothing is lost meanwhile, since nothing is taken as applied that was not.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from legacy_adapters.errors import SyncError


class Phase(StrEnum):
    """Where a sync is."""

    NEW = "new"
    BACKFILL = "backfill"
    LIVE = "live"
    WAITING = "waiting"
    PAUSED = "paused"
    STOPPED = "stopped"


class Event(StrEnum):
    """What moves it."""

    COPYING = "copying"  # there are rows to copy, and the parents' are
    COPIED = "copied"  # the end of the table was reached in every direction
    AWAY = "away"  # a store cannot be reached
    FLOODED = "flooded"  # too much would go to quarantine
    BROKEN = "broken"  # capture is not complete, a table changed, or the engine itself is at fault
    AGAIN = "again"  # the wait is over, or a person resumed it


#: Phases in which nothing is applied until a person, or time, lets it go on.
STILL: Final = frozenset({Phase.PAUSED, Phase.STOPPED})

#: (phase, event) -> phase. What is not here cannot happen, and is an error.
TRANSITIONS: Final[dict[tuple[Phase, Event], Phase]] = {
    (Phase.NEW, Event.COPYING): Phase.BACKFILL,
    (Phase.NEW, Event.COPIED): Phase.LIVE,
    (Phase.BACKFILL, Event.COPYING): Phase.BACKFILL,
    (Phase.BACKFILL, Event.COPIED): Phase.LIVE,
    (Phase.LIVE, Event.COPIED): Phase.LIVE,  # the checkpoint was moved: read anew
    (Phase.LIVE, Event.COPYING): Phase.BACKFILL,  # a person asked for another copy
    **{(phase, Event.AWAY): Phase.WAITING for phase in (Phase.NEW, Phase.BACKFILL, Phase.LIVE)},
    **{(phase, Event.FLOODED): Phase.PAUSED for phase in (Phase.NEW, Phase.BACKFILL, Phase.LIVE)},
    **{(phase, Event.BROKEN): Phase.STOPPED for phase in (Phase.NEW, Phase.BACKFILL, Phase.LIVE)},
    **{(phase, Event.AGAIN): Phase.NEW for phase in (Phase.WAITING, Phase.PAUSED, Phase.STOPPED)},
}


def next_phase(phase: Phase, event: Event) -> Phase:
    """Where `event` leads.

    Raises:
        SyncError: it cannot happen there.
    """
    try:
        return TRANSITIONS[phase, event]
    except KeyError:
        raise SyncError(f"a sync in phase {phase} cannot see {event}") from None
