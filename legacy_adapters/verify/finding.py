"""What a verification finds, and what one look says of a key before it counts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from legacy_adapters.record import Key


class Fault(StrEnum):
    """What is wrong with a record."""

    IN_STEP = "in_step"  # nothing: never reported
    LOST = "lost"  # the source has a state that was never applied
    ROGUE = "rogue"  # the target has a state that the sync did not write
    MAPPING = "mapping"  # the target has not what the mapping makes of the source
    HELD = "held"  # in quarantine: known, waits for a person
    UNSETTLED = "unsettled"  # still on its way after every look: the stream does not get on


@dataclass(frozen=True, slots=True)
class Finding:
    """One record that is not in step.

    Attributes:
        fault: what is wrong.
        source_key: in the source; None where only the target has it.
        target_key: in the target; None where it is not known.
        columns: of the target that differ, for a mapping; empty otherwise.
    """

    fault: Fault
    source_key: Key | None
    target_key: Key | None
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standpoint:
    """What one look said of one key: its fault, if any, and the evidence, to be seen twice.

    Attributes:
        fault: what is wrong.
        evidence: the hashes found and expected.
        other_key: of the same record on the other side, where it is known.
        columns: that differ, for a mapping.
    """

    fault: Fault
    evidence: tuple[int | None, int | None] = (None, None)
    other_key: Key | None = None
    columns: tuple[str, ...] = ()
