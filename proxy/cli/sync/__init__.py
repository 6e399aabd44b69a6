"""`strangler sync …`: plan, run, watch, verify and mend the syncs of a configuration, on the stores themselves."""

from __future__ import annotations

from typing import Final

import click

from proxy.cli.exits import SYNCING, told
from proxy.cli.lazy import Lazy, LazyGroup

_VERIFYING: Final = "proxy.cli.sync.verifying"
_RUNNING: Final = "proxy.cli.sync.running"
#: Command name -> where it is.
COMMANDS: Final = {
    "plan": Lazy("proxy.cli.sync.plan", "Say what a sync would do; nothing is changed.", "plan_command"),
    "run": Lazy(_RUNNING, "Run syncs without a proxy, until Ctrl-C.", "run_command"),
    "backfill": Lazy(_RUNNING, "Run syncs until the first copy of each is done.", "backfill_command"),
    "status": Lazy("proxy.cli.sync.status", "Show how far the syncs are, and what is wrong.", "status_command"),
    "verify": Lazy(_VERIFYING, "Hold both stores against each other.", "verify_command"),
    "repair": Lazy(_VERIFYING, "Verify, and mend what is found.", "repair_command"),
    "quarantine": Lazy(
        "proxy.cli.sync.quarantine", "Show and settle changes that could not be applied.", "quarantine_command"
    ),
    "duplicates": Lazy(
        "proxy.cli.sync.duplicates", "List records of the new store that may be the same one.", "duplicates_command"
    ),
}


@click.group(cls=LazyGroup, table=COMMANDS, epilog=told(SYNCING))
def command() -> None:
    """Keep records of the legacy and the new store in step."""
