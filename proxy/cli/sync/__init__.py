"""`strangler sync …`: plan, run, watch, verify and mend the syncs of a configuration, on the stores themselves."""

from __future__ import annotations

import importlib

import click

from proxy.cli.sync.working import EPILOG

#: Command name -> the module that has a click command of that name with `_command` behind it.
COMMANDS = {
    "plan": "proxy.cli.sync.plan",
    "run": "proxy.cli.sync.running",
    "backfill": "proxy.cli.sync.running",
    "status": "proxy.cli.sync.status",
    "verify": "proxy.cli.sync.verifying",
    "repair": "proxy.cli.sync.verifying",
    "quarantine": "proxy.cli.sync.quarantine",
}


class _Group(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        found: click.Command = getattr(importlib.import_module(module), f"{cmd_name}_command")
        return found


@click.group(cls=_Group, epilog=EPILOG)
def command() -> None:
    """Keep records of the legacy and the new store in step."""
