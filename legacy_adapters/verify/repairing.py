"""Repair: what was found at fault goes once more through the normal path, the source's state winning.

Nothing is written past the engine. A record that only the target has is deleted there only where the sync once wrote
it: what no ledger knows is somebody else's, and is told apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from legacy_adapters.engine.operations import Operations
from legacy_adapters.engine.tally import Tally
from legacy_adapters.record import Key
from legacy_adapters.verify.finding import Fault, Finding

#: Records of one transaction, for which the streams stand still.
KEYS_MAX: Final = 200
#: Faults that a repair mends; those in quarantine wait for a person, those on their way arrive by themselves.
MENDED: Final = frozenset({Fault.LOST, Fault.ROGUE, Fault.MAPPING})


@dataclass(slots=True)
class Repaired:
    """What a repair did.

    Attributes:
        tally: what became of the records, as of any batch.
        foreign: target keys that no ledger knows: not the sync's, left alone.
    """

    tally: Tally = field(default_factory=Tally)
    foreign: list[Key] = field(default_factory=list)


async def repair(
    operations: Operations,
    direction: str,
    findings: Sequence[Finding],
    *,
    by: str,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Repaired:
    """Bring the records of these findings in step.

    Cancellation rolls back the transaction under way; those before stay. Doing it again is nothing.

    Args:
        operations: on the sync.
        direction: `to_new` or `to_legacy`: the one that was verified.
        findings: of the verification.
        by: who asked for it.
        on_progress: called with how many records were gone through, and how many there are.

    Raises:
        StaleError: the sync was never begun.
        CaptureError, SchemaChangedError, StoreUnavailableError: as any step.
    """
    done = Repaired()
    keys: list[Key] = []
    for finding in findings:
        if finding.fault not in MENDED:
            continue
        if finding.source_key is not None:
            keys.append(finding.source_key)
        elif finding.target_key is not None:
            done.foreign.append(finding.target_key)
    for start in range(0, len(keys), KEYS_MAX):
        on_progress(start, len(keys))
        done.tally.add(await operations.repair(direction, keys[start : start + KEYS_MAX], by=by))
    return done
