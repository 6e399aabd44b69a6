"""`strangler sync quarantine …`: changes that could not be applied, until somebody decides."""

from __future__ import annotations

from typing import Final

import click

from proxy.cli.exits import SYNCING, told
from proxy.cli.lazy import Lazy, LazyGroup

_DECIDING: Final = "proxy.cli.sync.deciding"
#: Command name -> where it is.
COMMANDS: Final = {
    "list": Lazy(_DECIDING, "List what is in quarantine, or what was settled.", "list_command"),
    "show": Lazy(_DECIDING, "Show one record, both sides beside each other.", "show_command"),
    "retry": Lazy(_DECIDING, "Try records again with their newest state.", "retry_command"),
    "drop": Lazy(_DECIDING, "Give changes up: both sides stay as they are.", "drop_command"),
    "take": Lazy(_DECIDING, "Settle a conflict: one side's state wins.", "take_command"),
}


@click.group("quarantine", cls=LazyGroup, table=COMMANDS, epilog=told(SYNCING))
def quarantine_command() -> None:
    """Show and settle what could not be applied. A later change of the same record waits behind it."""
