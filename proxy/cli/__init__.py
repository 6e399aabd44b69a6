"""The command line: one module a command, loaded when it is asked for."""

from __future__ import annotations

import importlib

import click

#: Command name -> the module that has a click command called `command`.
COMMANDS = {
    "run": "proxy.cli.run",
    "check": "proxy.cli.check",
    "explain": "proxy.cli.explain",
    "status": "proxy.cli.status",
    "routes": "proxy.cli.routes",
    "report": "proxy.cli.report",
    "exchange": "proxy.cli.exchange",
    "replay": "proxy.cli.replay",
    "rules": "proxy.cli.rules",
    "sync": "proxy.cli.sync",
    "schema": "proxy.cli.schema",
    "version": "proxy.cli.version",
}


class LazyGroup(click.Group):
    """Imports a command's module only when that command is used, so that `strangler version` starts at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table above."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None where there is none."""
        del ctx
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = importlib.import_module(module).command
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """strangler: an async reverse proxy for replacing a legacy system piece by piece."""
