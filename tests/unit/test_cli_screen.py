"""Lists on screens of any width: everything that is in them can be read, and a terminal acts on none of it."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from proxy.cli.screen import Field, Listing, plain

FIELDS = (
    Field("sync", folds=True, heads=True),
    Field("way", heads=True),
    Field("rows", right=True),
    Field("detail", folds=True),
)
LONG = "".join(f"{number:03}" for number in range(100))
ROWS = (
    ("customers", "to_new", "1,234,567", "both sides changed, and authority leaves it to a person"),
    (LONG, "to_legacy", "7", "short"),
)


def drawn(width: int, rows: object = ROWS) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(Listing(FIELDS, rows))
    return console.file.getvalue()


def letters(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 200])
def test_no_cell_is_cut_at_any_width(width: int) -> None:
    lines = drawn(width).splitlines()
    assert max(map(len, lines)) <= width
    for cell in ("1,234,567", "to_legacy", "short"):
        assert any(cell in line for line in lines)
    assert "…" not in "".join(lines)


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 200])
@pytest.mark.parametrize("at", [0, 3])
def test_a_long_cell_is_there_whole_and_in_order_at_any_width(width: int, at: int) -> None:
    row = ["", "", "", ""]
    row[at] = LONG
    assert LONG in letters(drawn(width, [row]))


def test_a_wide_screen_has_one_line_for_each_row_under_the_titles() -> None:
    title, first, second = drawn(400).splitlines()
    assert title.split() == ["sync", "way", "rows", "detail"]
    assert first.startswith("customers")
    assert second.startswith(LONG)
    assert first.index("1,234,567") + 9 == title.index("rows") + 4


def test_wide_characters_and_markup_and_escape_sequences_are_shown_as_they_are() -> None:
    text = drawn(200, [("日本語🌵", "[bold]x[/bold]", "1", "\x1b[31mred\x1b]0;pwned\x07\n")])
    assert "日本語🌵" in text
    assert "[bold]x[/bold]" in text
    assert "\\x1b[31mred\\x1b]0;pwned\\x07\\n" in text
    assert "\x1b" not in text


def test_plain_text_counts_no_markup() -> None:
    assert plain("[red]x[/red]").plain == "[red]x[/red]"
