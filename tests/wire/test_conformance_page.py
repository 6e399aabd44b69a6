"""The page that lists the rules names only tests and files that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/explanation/http-conformance.md").read_text()


def test_every_test_it_names_exists():
    source = "".join(path.read_text() for path in (ROOT / "tests/wire").glob("test_*.py"))
    named = set(re.findall(r"`(test_\w+)(?:\[…\])?`", PAGE))
    assert len(named) > 30
    assert [name for name in sorted(named) if f"def {name}(" not in source] == []


def test_every_file_it_names_exists():
    named = set(re.findall(r"`(tests/[\w/.]+)`", PAGE))
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
