"""What every entrant has in common: a port, a program on the proxy's core, and how to ask for its version."""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from benchmarks.payloads import CHECKED, Work
from benchmarks.process import Program, free_port

#: Idle connections that every entrant may keep to the upstream.
POOL = 64


@dataclass(frozen=True, slots=True)
class Place:
    """Where an entrant runs: its own folder, the proxy's core, and the ports of the upstreams.

    `copies_port` is that of an upstream which answers nothing but copies.
    """

    folder: Path
    core: int
    upstream_port: int
    bulk_port: int
    copies_port: int


class Entrant(ABC):
    """One proxy in one configuration. Made anew for every round."""

    name: ClassVar[str]
    works: ClassVar[tuple[Work, ...]] = CHECKED  # what it must answer correctly before anything is timed

    def __init__(self, place: Place) -> None:
        self.place = place
        self.port = free_port()
        place.folder.mkdir(parents=True)
        self.program = Program(self.command(), core=place.core, folder=place.folder, environment=self.environment())

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Write the configuration into the folder and return what to start.

        Raises:
            MissingError: the program is not installed.
        """

    def environment(self) -> dict[str, str]:
        """Environment variables on top of this process's own."""
        return {}

    @classmethod
    @abstractmethod
    def version(cls) -> str:
        """The version as the program itself tells it.

        Raises:
            MissingError: the program is not installed.
        """

    def wait_ready(self) -> None:
        """Return once it answers."""
        self.program.wait_ready(self.port, self.works[0].path)

    def stop(self) -> None:
        """End it."""
        self.program.stop()

    @property
    def helpers(self) -> Sequence[Program]:
        """Programs that it needs beside the one that is measured."""
        return ()

    def write(self, name: str, text: str) -> str:
        """Keep a file in the entrant's folder; its path."""
        path = self.place.folder / name
        path.write_text(text)
        return str(path)


def first_line(command: Sequence[str]) -> str:
    """The first line that a program prints, on either stream."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0].strip() if lines else "unknown"
