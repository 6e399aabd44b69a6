"""What the commands of `strangler sync` exit with."""

from __future__ import annotations

from typing import Final

EXIT_OK: Final = 0
EXIT_WRONG: Final = 1
EXIT_USAGE: Final = 2
EXIT_UNREACHABLE: Final = 3
#: A fault of strangler itself, as sysexits.h has it.
EXIT_FAULT: Final = 70
#: Ended by Ctrl-C or SIGTERM before it was done, as shells have it.
EXIT_INTERRUPTED: Final = 130

EPILOG: Final = (
    "Exit codes: 0 fine, 1 something is wrong with a sync or its records (see what is printed), 2 wrong usage or "
    "configuration, 3 a store or the proxy cannot be reached, 70 a fault of strangler, 130 interrupted."
)
