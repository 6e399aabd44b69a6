"""The command line: one module a command, loaded when it is asked for."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import Any, Final

import click

from proxy.cli.lazy import Lazy, LazyGroup

#: Command name -> the module that has a click command called `command`.
COMMANDS: Final = {
    "run": Lazy("proxy.cli.run", "Start the proxy, and stay in the foreground."),
    "check": Lazy("proxy.cli.check", "Validate the configuration without starting anything."),
    "explain": Lazy("proxy.cli.explain", "Say which arm would serve a request, and why."),
    "status": Lazy("proxy.cli.status", "Show the running proxy: processes, services, what is wrong."),
    "routes": Lazy("proxy.cli.routes", "Show what each route of the running proxy does."),
    "report": Lazy("proxy.cli.report", "Show what differs between legacy and new."),
    "exchange": Lazy("proxy.cli.exchange", "Show one kept exchange, side by side."),
    "replay": Lazy("proxy.cli.replay", "Send a kept request again, and compare."),
    "rules": Lazy("proxy.cli.rules", "Show, prove and change what may differ."),
    "retest": Lazy("proxy.cli.retest", "Count anew whether new differs more often than legacy from itself."),
    "sync": Lazy("proxy.cli.sync", "Keep records of the legacy and the new store in step."),
    "schema": Lazy("proxy.cli.schema", "Print the JSON Schema of the configuration."),
    "version": Lazy("proxy.cli.version", "Print the release."),
}


#: Errors of whoever takes the output: a disk that is full, a device that fails.
_NOT_TAKEN: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
EXIT_NOT_WRITTEN: Final = 2


class Strangler(LazyGroup):
    """The command itself."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; where its output is not taken, say so in a line."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except OSError as error:
            if error.errno not in _NOT_TAKEN or error.filename is not None:
                raise
            click.echo(f"What there is to say cannot be written: {error.strerror}.", err=True)
            with contextlib.suppress(OSError), open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device
                os.dup2(
                    nowhere.fileno(), sys.stdout.fileno()
                )  # what is left in the buffer would fail once more at the end
            sys.exit(EXIT_NOT_WRITTEN)
        return result


@click.group(cls=Strangler, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """strangler: an async reverse proxy for replacing a legacy system piece by piece."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that is not UTF-8 is no reason to fail
