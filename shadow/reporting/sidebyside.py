"""A kept exchange for a terminal: what was asked, what differs, and both answers side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any, Final, NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from shadow.reporting.figures import NOTHING, count, duration, moment
from shadow.reporting.marking import Piece, excerpts, json_text, mark, visible

#: Lines of one document that are shown; and equal lines around a difference.
LINES_MAX: Final = 2000
CONTEXT_LINES: Final = 3
_DIFFERENCES_MAX: Final = 100


class Row(NamedTuple):
    """One line of both documents; a fold has a text of its own on both sides."""

    legacy: str | None
    new: str | None
    differs: bool


def render_exchange(record: dict[str, Any]) -> RenderableType:
    """A kept exchange as the control API answers it."""
    request = record["request"]
    parts: list[RenderableType] = [
        Text.assemble(
            (visible(f"{request['method']} {request['target']}"), "bold"),
            (f"  route {visible(record['route'])}, {moment(record['at'])}, served by {record['served']}", "dim"),
        ),
        _verdict(record),
        "",
        _answers(record),
    ]
    if record["differences"]:
        parts += ["", _differences(record)]
    rows = side_by_side(lines(record["legacy"]["document"]), lines(record["new"]["document"]))
    if rows:
        parts += ["", _documents(rows)]
    if record.get("cut"):
        parts.append(Text("The documents were too long to be kept.", style="dim"))
    if record.get("redactions"):
        parts.append(Text("Values that begin with ~hmac: are secrets; equal tokens are equal values.", style="dim"))
    return Group(*parts)


def _verdict(record: dict[str, Any]) -> Text:
    good = record["verdict"] in {"match", "explained"}
    text = Text(record["verdict"].replace("_", " "), style="bold green" if good else "bold red")
    if record["reason"]:
        text.append(visible(f" ({record['reason']})"), style="default")
    return text


def _answers(record: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("", "legacy", "new"):
        table.add_column(name, overflow="fold", header_style="bold")
    legacy, new = record["legacy"], record["new"]
    for name, value in (
        ("status", lambda arm: str(arm["status"]) if arm["status"] else NOTHING),
        ("outcome", lambda arm: arm["outcome"] + (f", {arm['error']}" if arm["error"] else "")),
        ("took", lambda arm: duration(arm["total_s"])),
        ("body", lambda arm: f"{count(arm['body_bytes'])} bytes"),
    ):
        table.add_row(Text(name, style="dim"), visible(value(legacy)), visible(value(new)))
    for name in dict.fromkeys(name for arm in (legacy, new) for name, _ in arm["fields"]):
        one, other = (", ".join(value for key, value in arm["fields"] if key == name) for arm in (legacy, new))
        left, right = mark(visible(one), visible(other))
        table.add_row(Text(visible(name), style="dim"), pieces(left), pieces(right))
    return table


def _differences(record: dict[str, Any]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("differs at", "kind", "legacy", "new", "explained by"):
        table.add_column(name, overflow="fold", header_style="bold")
    for one in record["differences"][:_DIFFERENCES_MAX]:
        legacy = None if one["kind"] == "extra" else json_text(one["legacy"])
        new = None if one["kind"] == "missing" else json_text(one["new"])
        left, right = mark(*excerpts(legacy, new))
        why = Text(visible(one["explained_by"]), style="dim")
        table.add_row(Text(visible(one["path"]) or "/", style="cyan"), one["kind"], pieces(left), pieces(right), why)
    left_out = max(0, len(record["differences"]) - _DIFFERENCES_MAX) + max(0, record["more"])
    if left_out or record["more"] < 0:
        table.add_row(Text(f"and {count(left_out) if record['more'] >= 0 else 'an unknown number'} more", style="dim"))
    return table


def pieces(given: tuple[Piece, ...]) -> Text:
    """Marked text; nothing at all is said."""
    if not given:
        return Text("nothing", style="dim italic")
    return Text.assemble(*((piece.text, "bold red" if piece.differs else "") for piece in given))


def lines(document: Any) -> list[str]:
    """A document as lines to compare."""
    if document is None:
        return []
    text = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False, indent=2, default=str)
    return [visible(line) for line in text.split("\n")[:LINES_MAX]]


def side_by_side(legacy: list[str], new: list[str]) -> list[Row]:
    """Both documents line by line, with long stretches of equal lines folded."""
    rows: list[Row] = []
    # Of long documents, lines that stand everywhere begin no match: else a thousand of them take a minute.
    matcher = SequenceMatcher(None, legacy, new)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            rows += [Row(line, line, differs=False) for line in legacy[i1:i2]]
            continue
        left, right = legacy[i1:i2], new[j1:j2]
        for index in range(max(len(left), len(right))):
            one = left[index] if index < len(left) else None
            other = right[index] if index < len(right) else None
            rows.append(Row(one, other, differs=True))
    return list(_folded(rows))


def _folded(rows: list[Row]) -> Iterator[Row]:
    """Equal lines farther than `CONTEXT_LINES` from any difference become one line that counts them."""
    near: set[int] = set()
    for index, row in enumerate(rows):
        if row.differs:
            near.update(range(index - CONTEXT_LINES, index + CONTEXT_LINES + 1))
    skipped = 0
    for index, row in enumerate(rows):
        if index in near:
            if skipped:
                yield Row(fold := f"… {skipped} equal lines", fold, differs=False)
            skipped = 0
            yield row
        else:
            skipped += 1
    if skipped:
        yield Row(fold := f"… {skipped} equal lines", fold, differs=False)


def _documents(rows: list[Row]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in ("legacy", "new"):
        table.add_column(name, overflow="fold", header_style="bold")
    for row in rows:
        if not row.differs:
            table.add_row(Text(row.legacy or "", style="dim"), Text(row.new or "", style="dim"))
            continue
        left, right = mark(row.legacy, row.new)
        table.add_row(Text() if row.legacy is None else pieces(left), Text() if row.new is None else pieces(right))
    return table
