"""The socket on which the comparer takes exchanges: bound before anything starts, and kept while comparers come and go.

It lies in a folder of its own that nobody else may enter. The listening descriptor is inherited by the comparer, the
path is given to the workers. What a worker connects and sends while no comparer runs waits in the kernel for the next.
"""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

#: Longest path that a unix socket may have on Linux, its closing NUL taken off.
PATH_BYTES_MAX: Final = 107
#: Connections that may wait for a comparer: more than there are workers.
_BACKLOG: Final = 1024
_NAME: Final = "exchanges"


class ExchangeSocket:
    """A listening unix socket in a folder of its own.

    Attributes:
        path: where workers connect.
    """

    def __init__(self) -> None:
        """Make the folder and listen.

        Raises:
            OSError: there is no folder for temporary files, or no descriptor left.
        """
        folder = Path(tempfile.mkdtemp(prefix="strangler-"))
        if len(os.fsencode(folder / _NAME)) > PATH_BYTES_MAX:
            folder.rmdir()
            folder = Path(tempfile.mkdtemp(prefix="strangler-", dir="/tmp"))
        self.path = folder / _NAME
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.bind(str(self.path))
            self._socket.listen(_BACKLOG)
            self._socket.setblocking(False)
        except OSError:
            self.close()
            raise

    def fileno(self) -> int:
        """The listening descriptor."""
        return self._socket.fileno()

    def close(self) -> None:
        """Listen no more, and leave nothing behind."""
        self._socket.close()
        self.path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # somebody put a file there: it stays, and so does the folder
            self.path.parent.rmdir()


def mirrors_anything(config: Mapping[str, Any]) -> bool:
    """Whether a route of this configuration (as JSON) may bring exchanges."""
    return any(
        route.get("mode") == "shadow" or (route.get("shadow") is not None and route.get("mode") in {"canary", "new"})
        for route in config.get("routes", ())
    )
