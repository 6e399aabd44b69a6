"""Where lines go: a file, a pipe, a socket or a terminal. Never half a line, as far as the kernel allows.

* A regular file is opened for appending and gets a block of lines in one write.
* Anything else gets at most PIPE_BUF bytes at a time, which go into a pipe in one piece, also where several processes
  share it. It is polled first, so that a reader that stands still can be noticed and given up on.
* Where a full disk cut a line short, the next write begins with a newline: at most that one line is spoilt.
"""

from __future__ import annotations

import contextlib
import os
import select
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final

_PIPE_BYTES_MAX: Final = select.PIPE_BUF
_POLL_MS: Final = 200
#: Polls without room until the reader counts as stuck.
_POLLS_MAX: Final = 5


class Stuck(Exception):  # noqa: N818 - an outcome, not an error
    """Waiting for a reader was given up.

    Attributes:
        written: lines of the block that were written before.
    """

    def __init__(self, written: int) -> None:
        self.written = written
        super().__init__(written)


class LineFile:
    """An open target. Belongs to one thread, but for `abandon`.

    Args:
        path: a file, appended to, or a FIFO; None is standard output.

    Raises:
        OSError: it cannot be opened.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._descriptor = -1
        self._regular = False
        self._torn = False
        self._abandoned = False
        #: Lines of the last block that were written before an OSError was raised.
        self.written_before_error = 0
        self.name = "stdout" if path is None else str(path)
        self.reopen()

    @property
    def is_terminal(self) -> bool:
        """Whether a person may be reading."""
        return os.isatty(self._descriptor)

    def reopen(self) -> None:
        """Opens the path anew and closes the old file; where that fails, the old one stays in use."""
        descriptor = os.dup(1) if self._path is None else _open(self._path)
        self.close()
        self._descriptor = descriptor
        self._regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        self._torn = False

    def write(self, lines: list[bytes], stuck: Callable[[], None]) -> int:
        """Writes whole lines and returns how many: all of them.

        Args:
            lines: each with its newline.
            stuck: called each second in which the reader takes nothing.

        Raises:
            OSError: it cannot be written; `written_before_error` lines were.
            Stuck: abandoned meanwhile.
        """
        self.written_before_error = 0
        if self._regular:
            self._write_piece(b"".join(lines))
            return len(lines)
        for first, last in _pieces(lines):
            self._wait_for_room(stuck)
            self._write_piece(b"".join(lines[first:last]))
        return len(lines)

    def abandon(self) -> None:
        """Makes a write that waits for its reader give up. From any thread."""
        self._abandoned = True

    def close(self) -> None:
        """Closes the file. Idempotent."""
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):  # what was written is with the kernel; nothing else can be done
                os.close(self._descriptor)
            self._descriptor = -1

    def _wait_for_room(self, stuck: Callable[[], None]) -> None:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        polls = 0
        while not poll.poll(0 if self._abandoned else _POLL_MS):
            if self._abandoned:
                raise Stuck(self.written_before_error)
            polls += 1
            if polls % _POLLS_MAX == 0:
                stuck()

    def _write_piece(self, piece: bytes) -> None:
        """All of the piece, in one write but for a full disk or a socket."""
        offset = 0
        if self._torn:
            os.write(self._descriptor, b"\n")
            self._torn = False
        try:
            while offset < len(piece):
                try:
                    offset += os.write(self._descriptor, piece[offset:] if offset else piece)
                except BlockingIOError:  # another process made the shared pipe non-blocking
                    select.select([], [self._descriptor], [], _POLL_MS / 1000)
                    if self._abandoned:
                        raise
        finally:
            done = piece[:offset] if offset < len(piece) else piece
            self.written_before_error += done.count(b"\n")
            self._torn = offset < len(piece) and not done.endswith(b"\n") and offset > 0


def _open(path: Path) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISFIFO(path.stat().st_mode):
            # Write-only would wait here for a reader, and fail when it goes: with both ends open readers may change.
            flags = os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC
    return os.open(path, flags, 0o640)


def _pieces(lines: list[bytes]) -> list[tuple[int, int]]:
    """Slices of the lines, each of at most PIPE_BUF bytes (a longer line stands alone)."""
    pieces: list[tuple[int, int]] = []
    first = size = 0
    for index, line in enumerate(lines):
        if size + len(line) > _PIPE_BYTES_MAX and index > first:
            pieces.append((first, index))
            first, size = index, 0
        size += len(line)
    pieces.append((first, len(lines)))
    return pieces
