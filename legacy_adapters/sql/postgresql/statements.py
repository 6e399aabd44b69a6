"""Parts of statements that take arrays, so that one is prepared for any number of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from legacy_adapters.sql.connection import RefusedError


def unnest(types: Sequence[str]) -> str:
    """A table of arrays of these types, which are the statement's first arguments: w(c1, c2, …)."""
    arrays = ", ".join(f"${at}::{one}" for at, one in enumerate(types, 1))
    return f"unnest({arrays}) w({', '.join(f'c{at}' for at in range(1, len(types) + 1))})"


def require_all(written: int, rows: Sequence[Any]) -> None:
    """See that every row was written: a BEFORE trigger or a rule of the target's may keep some out without a word.

    Raises:
        RefusedError: one was not.
    """
    if written != len(rows):
        raise RefusedError("other", "a trigger or rule of the target keeps rows out, or gives them other keys")
