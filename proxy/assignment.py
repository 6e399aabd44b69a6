"""What a supervisor is to run: resolved and bound before it begins."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from socket import socket
from typing import Any

from proxy.takeover import Inheritance


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a supervisor is to run.

    Attributes:
        config: the resolved configuration as JSON.
        config_path: the file it came from.
        overrides: settings of the command line that win over the file, as JSON of the same shape.
        workers: how many.
        drain_timeout_s: how long requests may finish after SIGTERM.
        sockets: configured address -> listening socket, in the order of `listen`.
        inheritance: what the supervisor before this one left.
    """

    config: dict[str, Any]
    config_path: Path
    overrides: dict[str, Any]
    workers: int
    drain_timeout_s: float
    sockets: dict[str, socket]
    inheritance: Inheritance = field(default_factory=lambda: Inheritance({}, None))
