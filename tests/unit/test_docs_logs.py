"""The reference has every key of the access line, in its order, and every event of the data plane."""

from __future__ import annotations

import re
from pathlib import Path

from proxy.hop.accessline import KEYS, LINE_BYTES_MAX, TARGET_BYTES_MAX

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "logs.md").read_text("utf-8")


def first_cells(text: str) -> list[str]:
    return re.findall(r"^\| `([a-z_.]+)` \|", text, re.MULTILINE)


def test_every_key_of_the_access_line_is_documented_in_its_order():
    access, _, _ = PAGE.partition("\n## Events")
    assert tuple(first_cells(access)) == KEYS


def test_every_event_of_the_data_plane_is_documented():
    code = "".join(
        path.read_text("utf-8") for part in ("hop", "mirroring") for path in (ROOT / "proxy" / part).glob("*.py")
    )
    logged = set(re.findall(r"(?:log\.\w+|_log|_report)\(\s*(?:logging[^\n]*,\s*)?\"([a-z_]+(?:\.[a-z_]+)+)\"", code))
    _, _, events = PAGE.partition("\n## Events")
    assert set(first_cells(events)) == logged


def test_the_limits_are_those_of_the_code():
    assert f"the first {TARGET_BYTES_MAX:,} bytes" in PAGE
    assert f"at most {LINE_BYTES_MAX:,} bytes" in PAGE
