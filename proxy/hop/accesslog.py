"""The access log: takes one line per request and never makes a request wait for it.

    event loop      write(line): render it; at 1,024 lines, or 100 ms after the first: queue the block
    writer thread   take blocks off the queue and write them (`proxy.hop.linewriter`)

Lines are rendered on the loop, each when it comes: a block of them rendered at once would be a pause for whoever asks
next. Rendering in the writer thread saves no CPU, and makes the loop wait for the interpreter's lock (figures:
docs/reference/logs.md). For the same reason blocks are large: each one handed over costs
some 200 µs, whatever its size.

What the target does not take is dropped in whole lines, counted in `dropped` and reported. No line is torn, also where
several workers share a pipe or a file (`proxy.hop.linefile`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

from proxy.hop.accessline import FIELDS, AccessLine, Render, console_renderer, json_renderer
from proxy.hop.linewriter import Block, LineWriter

__all__ = ["FIELDS", "AccessLine", "AccessLog"]

_BLOCK_LINES: Final = 1024
_SWEEP_S: Final = 0.1
_QUEUE_BYTES_MAX: Final = 4 * 1024 * 1024
_ODD = (TypeError, ValueError, AttributeError, OverflowError)


class AccessLog:
    """The access log of one worker. Belongs to the thread of the event loop.

    The writer thread starts with the first block: make the log before or after a fork, but write after it.

    Args:
        target: `"stdout"`, `"off"`, or the path of a file, which is appended to.
        format: `"json"`, or `"console"` for people (with colours on a terminal).
        clock: monotonic seconds, for how often the same trouble is reported.
        worker: the number that every line carries.
        queue_bytes_max: of rendered lines that wait for the writer thread.

    Raises:
        OSError: the file cannot be opened.
    """

    __slots__ = ("_lines", "_odd", "_render", "_sweep", "_writer", "enabled")

    def __init__(
        self,
        target: str | Path = "stdout",
        format: Literal["json", "console"] = "json",  # noqa: A002 - the setting's name
        clock: Callable[[], float] = time.monotonic,
        *,
        worker: int = 0,
        queue_bytes_max: int = _QUEUE_BYTES_MAX,
    ) -> None:
        self._lines: Block = []
        self._odd = 0
        self._sweep: asyncio.TimerHandle | None = None
        self._writer: LineWriter | None = None
        self._render: Render = json_renderer(worker)
        #: Whether lines are wanted: where not, the caller need not make them.
        self.enabled = target != "off"
        if self.enabled:
            path = None if target == "stdout" else Path(target)
            self._writer = LineWriter(path, clock, queue_bytes_max)
            if format == "console":
                self._render = console_renderer(colors=self._writer.is_terminal)

    @property
    def dropped(self) -> int:
        """Lines that were not written, since the start."""
        return self._odd + (self._writer.dropped if self._writer is not None else 0)

    @property
    def written(self) -> int:
        """Lines that were written, since the start."""
        return self._writer.written if self._writer is not None else 0

    def write(self, line: AccessLine) -> None:
        """Takes one line: a tuple in the order of `FIELDS`. Never waits for the target, never raises."""
        lines = self._lines
        try:
            lines.append(self._render(line))
        except _ODD:  # the line is dropped and counted: the request it tells of must not suffer
            self._odd += 1
            return
        if len(lines) >= _BLOCK_LINES:
            self._hand_over()
        elif self._sweep is None:
            self._plan_sweep()

    def reopen(self) -> None:
        """Opens the file anew, after it has been renamed. Lines until now go to the old one."""
        self._hand_over()
        if self._writer is not None:
            self._writer.reopen()

    def flush(self, timeout_s: float = 5.0) -> bool:
        """Blocks until every line until now is written or dropped (and the file reopened, where that was asked).

        Returns:
            False where the target took longer than `timeout_s`.
        """
        self._hand_over()
        return self._writer is None or self._writer.flush(timeout_s)

    def close(self, timeout_s: float = 2.0) -> None:
        """Writes what is left for at most `timeout_s`, then drops and counts the rest. Idempotent."""
        self._hand_over()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        if self._writer is not None:
            self._writer.close(timeout_s)

    def _plan_sweep(self) -> None:
        try:
            self._sweep = asyncio.get_running_loop().call_later(_SWEEP_S, self._swept)
        except RuntimeError:  # no loop runs here, so nothing can be kept waiting
            self._hand_over()

    def _swept(self) -> None:
        self._sweep = None
        self._hand_over()

    def _hand_over(self) -> None:
        lines = self._lines
        if not lines:
            return
        self._lines = []
        if self._writer is not None:
            self._writer.put(lines)
