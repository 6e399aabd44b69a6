"""Names of what record sync keeps in a store. All begin with `strangler_`, so that a person sees whose they are."""

from __future__ import annotations

import hashlib
import re

from legacy_adapters.record import Side

#: The shortest limit of the stores: PostgreSQL's 63 bytes.
NAME_BYTES_MAX = 63
_DIGEST_CHARS = 8

CHECKPOINT = "strangler_checkpoint"
QUARANTINE = "strangler_quarantine"
CAPTURE = "strangler_capture"
CONSUMER = "strangler_consumer"
ORIGIN = "strangler_origin"


def ledger(sync: str, side: Side) -> str:
    """The ledger of what a sync has written into that side."""
    return fitting(f"strangler_ledger_{sync}_to_{side.value}")


def duplicates(sync: str) -> str:
    """The table of which records of the new store agree with others."""
    return fitting(f"strangler_duplicates_{sync}")


def outbox(table: str) -> str:
    """The outbox of a table."""
    return fitting(f"strangler_outbox_{table}")


def trigger(table: str, event: str) -> str:
    """The trigger that fills the outbox of a table on an event."""
    return fitting(f"strangler_{event.lower()}_{table}")


def fitting(name: str) -> str:
    """A name that every store takes: lower case ASCII, short enough, and another one for every other `name`."""
    plain = re.sub(r"[^a-z0-9_]", "_", name.lower())
    if plain == name and len(plain) <= NAME_BYTES_MAX:
        return plain
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST_CHARS]
    return f"{plain[: NAME_BYTES_MAX - _DIGEST_CHARS - 1]}_{digest}"
