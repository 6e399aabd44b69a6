"""Several columns and one."""

from __future__ import annotations

from typing import Any

from legacy_adapters.mapping.step import TEXT, Shape, Step, text
from routes.config.sync_transform import JoinArguments, SplitArguments


def join(arguments: JoinArguments, shape: Shape) -> Step:
    """The texts that are there, with a separator between them; NULL where there is none."""
    separator = arguments.separator

    def apply(values: Any) -> str | None:
        there = [text(value, "join") for value in values if value is not None and value != ""]
        return separator.join(there) if there else None

    def inverse() -> Step:
        return split(SplitArguments(separator=separator), shape.turned)

    loses = "which column was empty, and where a text has the separator in it, where it ended"
    return Step("join", apply, inverse, loses, TEXT, TEXT, nulls=True, many_in=True, steady=False)


def split(arguments: SplitArguments, shape: Shape) -> Step:
    """Cuts at the separator; the last column gets all that is left, and columns without a part get NULL."""
    count, separator = shape.targets, arguments.separator

    def apply(value: Any) -> tuple[str | None, ...]:
        if value is None:
            return (None,) * count
        parts: list[str | None] = [*text(value, "split").split(separator, count - 1)]
        parts += [None] * (count - len(parts))
        return tuple([part or None for part in parts])

    def inverse() -> Step:
        return join(JoinArguments(separator=separator), shape.turned)

    return Step("split", apply, inverse, None, TEXT, TEXT, nulls=True, many_out=True, steady=False)
