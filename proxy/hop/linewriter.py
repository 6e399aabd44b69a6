"""A thread that writes blocks of lines to a file, a pipe or a terminal, so that nobody else has to wait for it.

The queue is bounded in bytes: where the target is slower than the traffic, or stands still, whole blocks are dropped
and counted. Trouble is reported once, and again only after a minute or once writing has worked in between.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import structlog

from proxy.hop.linefile import LineFile, Stuck

#: Rendered lines, each with its newline.
Block = list[bytes]

_REPORT_EVERY_S: Final = 60.0
_JOIN_S: Final = 1.0

log = structlog.get_logger(__name__)


class LineWriter:
    """Takes blocks from any thread and writes them from its own, which starts with the first block.

    Args:
        path: a file, appended to; None is standard output.
        clock: monotonic seconds, for how often trouble is reported.
        queue_bytes_max: of lines that wait.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(self, path: Path | None, clock: Callable[[], float], queue_bytes_max: int) -> None:
        self._file = LineFile(path)
        self._clock = clock
        self._queue_bytes_max = queue_bytes_max
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        # Guarded by _changed.
        self._blocks: deque[Block] = deque()  # an empty one stands for: open the file anew
        self._queued_bytes = 0
        self._busy = False
        self._closing = False
        self._queue_dropped = 0
        # Of the writer thread.
        self._written = 0
        self._write_dropped = 0
        self._failing = False
        self._reported_s: dict[str, float] = {}

    @property
    def is_terminal(self) -> bool:
        """Whether a person may be reading."""
        return self._file.is_terminal

    @property
    def dropped(self) -> int:
        """Lines that were taken but not written."""
        return self._queue_dropped + self._write_dropped

    @property
    def written(self) -> int:
        """Lines that were written."""
        return self._written

    def put(self, block: Block) -> None:
        """Queues the lines, or drops them all where they do not fit. Never blocks for long, never raises."""
        if not block:
            return
        size = sum(map(len, block))
        with self._changed:
            if self._closing or self._queued_bytes + size > self._queue_bytes_max:
                self._queue_dropped += len(block)
                return
            self._blocks.append(block)
            self._queued_bytes += size
            self._wake()

    def reopen(self) -> None:
        """Opens the file anew once the blocks queued so far are written."""
        with self._changed:
            self._blocks.append([])
            self._wake()

    def flush(self, timeout_s: float) -> bool:
        """Blocks until everything is written or dropped; False after `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._blocks and not self._busy, timeout_s)

    def close(self, timeout_s: float) -> None:
        """Writes what is queued for at most `timeout_s`, drops and counts the rest, ends the thread. Idempotent."""
        self.flush(timeout_s)
        with self._changed:
            self._closing = True
            self._file.abandon()
            self._queue_dropped += sum(map(len, self._blocks))
            self._blocks.clear()
            self._changed.notify_all()
        if self._thread is None:
            self._file.close()
        else:
            # It closes the file. Where another process filled the pipe between poll and write it may stay for longer.
            self._thread.join(_JOIN_S)

    def _wake(self) -> None:
        if self._thread is None and not self._closing:
            self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._blocks or self._closing)
                if self._closing:
                    self._file.close()
                    return
                blocks = list(self._blocks)
                self._blocks.clear()
                self._busy = True
            for block in blocks:
                if block:
                    self._write(block)
                else:
                    self._reopen_file()
            with self._changed:
                self._queued_bytes -= sum(len(line) for block in blocks for line in block)
                self._busy = False
                self._changed.notify_all()

    def _write(self, block: Block) -> None:
        dropped_before = self._queue_dropped
        try:
            self._written += self._file.write(block, self._stuck)
        except Stuck as stuck:  # only when closing
            self._lost(block, stuck.written)
        except OSError as error:
            self._lost(block, self._file.written_before_error)
            self._report("access_log.write.failed", reason=error.strerror or str(error))
            self._failing = True
        else:
            if self._failing:
                self._failing = False
                self._reported_s.pop("access_log.write.failed", None)
                self._log("access_log.write.recovered")
            elif self._queue_dropped > dropped_before:
                self._report("access_log.lines.dropped", reason="the target is slower than the traffic")

    def _lost(self, block: Block, written: int) -> None:
        self._written += written
        self._write_dropped += len(block) - written

    def _stuck(self) -> None:
        self._report("access_log.write.failed", reason="the reader does not read")
        self._failing = True

    def _reopen_file(self) -> None:
        try:
            self._file.reopen()
        except OSError as error:
            self._log("access_log.reopen.failed", reason=error.strerror or str(error))

    def _report(self, event: str, *, reason: str) -> None:
        now = self._clock()
        last_s = self._reported_s.get(event)
        if last_s is None or now - last_s >= _REPORT_EVERY_S:
            self._reported_s[event] = now
            self._log(event, reason=reason)

    def _log(self, event: str, **facts: Any) -> None:
        with contextlib.suppress(OSError, ValueError):  # the log may be as broken as the target
            log.warning(event, target=self._file.name, dropped=self.dropped, **facts)
