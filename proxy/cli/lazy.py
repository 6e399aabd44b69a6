"""Groups of commands whose modules are loaded when a command is asked for, not when the group is."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click


@dataclass(frozen=True, slots=True)
class Lazy:
    """A command that is not loaded yet.

    Attributes:
        module: that has it.
        words: what it does, in a line: for the group's `--help`, which loads nothing.
        attribute: its name in the module.
    """

    module: str
    words: str
    attribute: str = "command"

    def load(self) -> click.Command:
        """The command."""
        found: click.Command = getattr(importlib.import_module(self.module), self.attribute)
        return found


class LazyGroup(click.Group):
    """A group that knows its commands from a table, so that `--help` and quick commands start at once.

    Args:
        table: command name -> where it is, in the order in which they are listed.
        arguments: as any group has them.
    """

    def __init__(self, *, table: Mapping[str, Lazy], **arguments: Any) -> None:
        super().__init__(**arguments)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        del ctx
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None where there is none."""
        del ctx
        lazy = self.table.get(cmd_name)
        return None if lazy is None else lazy.load()

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands as the table has them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, lazy.words) for name, lazy in self.table.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is meant; where there is none, name the nearest."""
        name = args[0]
        if name not in self.table and not name.startswith("-") and not ctx.resilient_parsing:
            near = difflib.get_close_matches(name, self.table, n=1)
            ctx.fail(f"There is no command {name!r}." + (f" Did you mean {near[0]}?" if near else ""))
        return super().resolve_command(ctx, args)
