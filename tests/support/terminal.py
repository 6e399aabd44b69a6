"""A command of `strangler` in a terminal of its own: what it draws, and what it does when a key is pressed."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

CTRL_C = b"\x03"
_TIMEOUT_S = 60.0


class Terminal:
    """`strangler …` as the foreground process of a pseudo-terminal. Use as a context manager."""

    def __init__(self, folder: Path, *arguments: str, width: int = 100, height: int = 40) -> None:
        self._command = [sys.executable, "-m", "proxy", *arguments]
        self._folder = folder
        self._size = struct.pack("HHHH", height, width, 0, 0)
        self.drawn = ""
        self._looked = 0

    def __enter__(self) -> Terminal:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, self._size)
        hidden = ("STRANGLER_", "COLUMNS", "LINES", "NO_COLOR")
        environ = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        environ |= {"TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).parents[2])}
        # The first of a session that opens a terminal has it: Ctrl-C is then the terminal's to send.
        opening = ["/bin/sh", "-c", 'exec "$@" <"$0" >"$0" 2>&1', os.ttyname(slave)]
        self._process = subprocess.Popen(
            [*opening, *self._command],
            cwd=self._folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=[slave],  # open until the command has it
        )
        os.close(slave)
        return self

    def __exit__(self, *exc: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        os.close(self._master)

    def until(self, pattern: str) -> re.Match[str]:
        """Read until what was drawn behind the last pattern has this one."""
        deadline = time.monotonic() + _TIMEOUT_S
        while (found := re.compile(pattern).search(self.drawn, self._looked)) is None:
            assert time.monotonic() < deadline, f"{pattern!r} is not drawn, but {self.drawn[self._looked :]!r}"
            assert self._read(), f"it ended, and {pattern!r} is not drawn, but {self.drawn[self._looked :]!r}"
        self._looked = found.end()
        return found

    def press(self, keys: bytes) -> None:
        """Type something."""
        os.write(self._master, keys)

    def end(self) -> int:
        """Read to the end; the exit status."""
        while self._read():
            pass
        return self._process.wait(_TIMEOUT_S)

    def _read(self) -> bool:
        if not select.select([self._master], [], [], _TIMEOUT_S)[0]:
            raise AssertionError(f"nothing is drawn any more after {self.drawn[-2000:]!r}")
        try:
            piece = os.read(self._master, 65536)
        except OSError:  # the last process of the terminal has ended
            return False
        self.drawn += piece.decode("utf-8", "replace")
        return bool(piece)
