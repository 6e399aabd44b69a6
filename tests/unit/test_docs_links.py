"""Every page leads somewhere, and every page can be found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("docs", "examples", "benchmarks")
PAGES = sorted([*ROOT.glob("*.md"), *(page for folder in FOLDERS for page in (ROOT / folder).rglob("*.md"))])

FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(<?([^)\s>]+)>?\)")
FILE = re.compile(r"`((?:tests|docs|examples|benchmarks|proxy|routes|\.ci)/[\w./-]*\w)`")
HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)


def relative(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """The files (and anchors) that a page links to."""
    for target in LINK.findall(prose(page)):
        if "://" not in target and not target.startswith("mailto:"):
            path, _, anchor = target.partition("#")
            yield ((page.parent / path).resolve() if path else page), anchor


def anchors(page: Path) -> set[str]:
    """The anchors that headings get: lower case, without punctuation, with dashes for blanks."""
    texts = (re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in HEADING.findall(prose(page)))
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in texts}


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    missing = [str(target) for target, _ in links(page) if not target.exists()]
    lost = [
        f"{relative(target)}#{anchor}" for target, anchor in links(page) if anchor and anchor not in anchors(target)
    ]
    assert missing + lost == []


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_every_file_that_is_named_is_there(page: Path) -> None:
    assert [name for name in FILE.findall(prose(page)) if not (ROOT / name).exists()] == []


def test_every_page_of_the_docs_can_be_reached_from_their_index() -> None:
    index = ROOT / "docs" / "README.md"
    reached, ahead = {index}, [index]
    while ahead:
        found = {target for target, _ in links(ahead.pop()) if target.suffix == ".md" and target.exists()} - reached
        reached |= found
        ahead += found
    assert [relative(page) for page in PAGES if page.is_relative_to(ROOT / "docs") and page not in reached] == []
