"""How far long work is: in a terminal one line that changes, elsewhere a line every few seconds; on standard error."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

import click
from rich.console import Console
from rich.live import Live

from proxy.cli.figures import age, rate, share
from proxy.cli.screen import plain
from proxy.printable import printable

#: Between two drawings in a terminal, and between two lines elsewhere.
DRAW_S: Final = 0.1
LINES_S: Final = 5.0


def progress_text(
    what: str, done: int, total: int | None, *, per_s: float | None, left_s: float | None, unit: str = "rows"
) -> str:
    """`customers to_new: 24,000 of about 50,000 rows, 48%, 3,400.0/s, 8s left`; what is not known is left out."""
    parts = [f"{done:,} of about {total:,} {unit}" if total else f"{done:,} {unit}"]
    if total:
        parts.append(share(min(1.0, done / total)))
    if per_s:
        parts.append(rate(per_s))
    if left_s is not None:
        parts.append(f"{age(left_s)} left")
    return f"{what}: {', '.join(parts)}"


class Meter:
    """Shows one piece of work after the other. Use as a context manager; nothing of it stays in a terminal.

    Args:
        clock: seconds, which only grow.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._live: Live | None = None
        self._what = ""
        self._began_at = self._told_at = clock()
        self._began_with = 0

    def __enter__(self) -> Self:
        """Take a line of the terminal, where there is one."""
        if sys.stderr.isatty():
            screen = Console(stderr=True, highlight=False, markup=False)
            self._live = Live(
                console=screen, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give it back."""
        if self._live is not None:
            self._live.stop()

    def tell(self, what: str, done: int, total: int | None = None, unit: str = "rows") -> None:
        """So much of it is done.

        Args:
            what: the work; another name begins another piece.
            done: so far.
            total: about how much there is; None is unknown.
            unit: what is counted.
        """
        now = self._clock()
        if what != self._what:
            self._what, self._began_at, self._began_with = what, now, done
        if now - self._told_at < (LINES_S if self._live is None else DRAW_S):
            return
        self._told_at = now
        passed = now - self._began_at
        per_s = (done - self._began_with) / passed if passed > 0 else None
        left_s = (total - done) / per_s if per_s and total and total > done else None
        self._say(progress_text(what, done, total, per_s=per_s, left_s=left_s, unit=unit))

    def _say(self, text: str) -> None:
        if self._live is None:
            click.echo(printable(text), err=True)
        else:
            self._live.update(plain(text), refresh=True)
