"""How commands put things on a screen, or into a pipe: nothing is cut off, and nothing that a terminal would act on.

In a terminal, lists are as wide as it: long cells are folded, and where even that does not fit, each row becomes a few
lines. Into a file or a pipe, lines are as long as they have to be, and end where their text ends.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from proxy.printable import printable

#: Characters that a folded column has at least.
_FOLDED_MIN: Final = 14
#: Between two columns: as much as there is room for.
_GAPS: Final = (2, 1)
#: As good as unlimited: the longest line of a pipe.
_PIPE_WIDTH: Final = 1_000_000


def plain(text: object, style: str = "") -> Text:
    """Text as it is: no markup in it counts, and a terminal acts on nothing."""
    return Text(printable(str(text)), style=style)


def on_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def console() -> Console:
    """A console on standard output."""
    return Console(highlight=False, markup=False, width=None if on_terminal() else _PIPE_WIDTH)


def show(*shown: RenderableType) -> None:
    """Print one below the other."""
    screen = console()
    if on_terminal():
        screen.print(*shown, sep="\n")
        return
    with screen.capture() as captured:
        screen.print(*shown, sep="\n")
    for line in captured.get().splitlines():
        sys.stdout.write(f"{line.rstrip()}\n")  # in the encoding that was asked for: click's echo would take another


@dataclass(frozen=True, slots=True)
class Field:
    """A column of a list.

    Attributes:
        title: above it.
        folds: its cells may be folded; those of others stay in one piece.
        right: its cells stand at the right, as numbers do.
        heads: it names the row, where a row becomes several lines.
    """

    title: str
    folds: bool = False
    right: bool = False
    heads: bool = False


class Listing:
    """A list with titles, laid out for the width that there is.

    Args:
        fields: the columns.
        rows: a cell for each column; those that are no `Text` are made `plain`.
    """

    def __init__(self, fields: Sequence[Field], rows: Sequence[Sequence[Text | object]]) -> None:
        self._fields = fields
        self._rows = [[cell if isinstance(cell, Text) else plain(cell) for cell in row] for row in rows]
        titles = (cell_len(field.title) for field in fields)
        #: Cells of each column's longest cell.
        self._widths = [
            max([title, *(cell_len(row[at].plain) for row in self._rows)]) for at, title in enumerate(titles)
        ]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it."""
        del console
        for gap in _GAPS:
            if self._least(gap) <= options.max_width:
                yield self._table(gap)
                return
        yield from self._lines()

    def _least(self, gap: int) -> int:
        """The least width that a table needs to cut nothing off."""
        kept = [
            min(width, max(_FOLDED_MIN, cell_len(field.title))) if field.folds else width
            for field, width in zip(self._fields, self._widths, strict=True)
        ]
        return sum(kept) + gap * (len(kept) - 1)

    def _table(self, gap: int) -> Table:
        titled = any(field.title for field in self._fields)
        table = Table(box=None, pad_edge=False, show_header=titled, padding=(0, gap, 0, 0), header_style="bold")
        for field, width in zip(self._fields, self._widths, strict=True):
            table.add_column(
                Text(field.title),
                justify="right" if field.right else "left",
                no_wrap=not field.folds,
                overflow="fold",
                min_width=min(width, _FOLDED_MIN) if field.folds else None,
            )
        for row in self._rows:
            table.add_row(*row)
        return table

    def _lines(self) -> Iterator[RenderableType]:
        titles = max((cell_len(field.title) for field in self._fields if not field.heads), default=0)
        for row in self._rows:
            named = [cell for field, cell in zip(self._fields, row, strict=True) if field.heads]
            yield Text(" ").join(named)
            rest = Table.grid(padding=(0, 1, 0, 0))
            rest.add_column(min_width=titles)
            rest.add_column(overflow="fold")
            for field, cell in zip(self._fields, row, strict=True):
                if not field.heads and cell.plain:
                    rest.add_row(Text(field.title, style="dim"), cell)
            yield Padding(rest, (0, 0, 0, 2))
