"""The reference of errors has every answer that the proxy makes itself, and no other."""

from __future__ import annotations

from pathlib import Path

from proxy.hop import errors
from proxy.hop.errors import Failure

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"


def documented() -> set[tuple[str, str, str]]:
    """(status, error, title) of every row of the page's tables."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.read_text().splitlines()]
    return {(row[0], row[1].strip("`"), row[2]) for row in rows if row and row[0].isdigit()}


def test_every_answer_of_the_proxy_is_documented_as_it_is() -> None:
    failures = [value for value in vars(errors).values() if isinstance(value, Failure)]
    assert {(str(failure.status), failure.error, failure.title) for failure in failures} == documented()


def test_conditions_of_retry_and_fallback_are_documented() -> None:
    text = PAGE.read_text()
    for failure in vars(errors).values():
        if isinstance(failure, Failure) and failure.on:
            assert f"| {failure.status} | `{failure.error}` | {failure.title} | `{failure.on}` |" in text
