"""Tells systemd how the service is (sd_notify), where it asked for that with `Type=notify`."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping
from typing import Final

_VARIABLE: Final = "NOTIFY_SOCKET"


def notify(environ: Mapping[str, str], *states: str) -> None:
    """Send states such as `READY=1` or `MAINPID=7`; without a systemd that listens, nothing happens."""
    address = environ.get(_VARIABLE, "")
    if not address.startswith(("/", "@")):
        return
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.setblocking(False)
        # An address in the abstract namespace is written with @ and begins with NUL.
        sock.connect("\0" + address[1:] if address.startswith("@") else address)
        sock.send("\n".join(states).encode())
