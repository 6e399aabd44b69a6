"""What commands exit with: one table, in words for their help and in docs/reference/command-line.md.

What 1 means is the command's own: what was asked about is not as it should be. `run` and `explain` have meanings of
their own above 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EXIT_OK: Final = 0
EXIT_WRONG: Final = 1
EXIT_USAGE: Final = 2
EXIT_UNREACHABLE: Final = 3
EXIT_TOKEN: Final = 4
#: A fault of strangler itself, as sysexits.h has it.
EXIT_FAULT: Final = 70
#: Ended by Ctrl-C or SIGTERM before it was done, as shells have it.
EXIT_INTERRUPTED: Final = 130

#: Of commands that ask the running proxy.
ASKING: Final = {
    EXIT_OK: "fine",
    EXIT_WRONG: "the proxy is not ready",
    EXIT_USAGE: "wrong usage or configuration",
    EXIT_UNREACHABLE: "control cannot be reached",
    EXIT_TOKEN: "the token is refused",
}
#: Of commands that work on the stores of syncs.
SYNCING: Final = {
    EXIT_OK: "fine",
    EXIT_WRONG: "something is wrong with a sync or its records (see what is printed)",
    EXIT_USAGE: "wrong usage or configuration",
    EXIT_UNREACHABLE: "a store or the proxy cannot be reached",
    EXIT_FAULT: "a fault of strangler",
    EXIT_INTERRUPTED: "interrupted",
}


def told(words: Mapping[int, str]) -> str:
    """The end of a command's help."""
    return f"Exit codes: {', '.join(f'{status} {words[status]}' for status in sorted(words))}."
