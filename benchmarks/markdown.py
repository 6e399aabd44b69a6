"""Turns a kept JSON file into the tables of docs/explanation/performance.md.

`python -m benchmarks.markdown FILE` prints them; with `--into PAGE` they replace what stands between the page's two
markers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from benchmarks.rows.base import Column

BEGIN = "<!-- measured: begin -->"
END = "<!-- measured: end -->"


def render(kept: dict[str, Any]) -> str:
    """All tables of one run as Markdown."""
    return "\n".join(_lines(kept))


def _lines(kept: dict[str, Any]) -> Iterator[str]:
    machine, settings = kept["machine"], kept["settings"]
    yield (
        f"Measured on {machine['processor']}, {machine['cores']} cores, {machine['kernel']}: median of "
        f"{settings['rounds']} interleaved rounds of {settings['duration_s']:g} s, "
        f"{settings['connections']} connections."
    )
    yield ""
    yield "Versions: " + "; ".join(dict.fromkeys(kept["versions"].values())) + "."
    yield ""
    yield from _table(
        ["work", "figure", "limit", "measured", ""],
        [[bar["title"], bar["figure"], bar["limit_text"], bar["value_text"], bar["verdict"]] for bar in kept["bars"]],
    )
    for row in kept["rows"]:
        columns = [Column(**column) for column in row["columns"]]
        yield f"### {row['title']}"
        yield ""
        yield from _table(
            ["proxy", *(column.title for column in columns)],
            [
                [name, *(column.text(found["values"]) for column in columns)] if not found["invalid"]
                else [name, f"invalid: {found['invalid']}", *("" for _ in columns[1:])]
                for name, found in row["entrants"].items()
            ],
        )  # fmt: skip


def _table(titles: Sequence[str], lines: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(titles) + " |"
    yield "| --- |" + " ---: |" * (len(titles) - 1)
    for cells in lines:
        yield "| " + " | ".join(cells) + " |"
    yield ""


def insert(page: str, text: str) -> str:
    """The page with the text between its markers.

    Raises:
        click.ClickException: the page has no markers.
    """
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise click.ClickException(f"the page has no {BEGIN} … {END}")
    return f"{head}{BEGIN}\n\n{text.strip()}\n\n{END}{tail}"


@click.command()
@click.argument("kept", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--into", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The page to update.")
def main(kept: Path, into: Path | None) -> None:
    """Print the tables of a run, or put them into a page."""
    text = render(json.loads(kept.read_text()))
    if into is None:
        click.echo(text)
    else:
        into.write_text(insert(into.read_text(), text))


if __name__ == "__main__":
    main()
