"""The page on record sync has the phases, verdicts and events of the code."""

from __future__ import annotations

import re
from pathlib import Path

from legacy_adapters.engine.decision import Verdict
from legacy_adapters.engine.phases import TRANSITIONS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explanation" / "sync.md").read_text("utf-8")


def test_phases_are_drawn_as_they_are():
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)` \| `(\w+)` \|$", PAGE, re.MULTILINE)
    assert rows == [(str(phase), str(event), str(then)) for (phase, event), then in TRANSITIONS.items()]


def test_every_verdict_is_explained():
    assert {verdict.name for verdict in Verdict} <= set(re.findall(r"`([A-Z]+)`", PAGE))


def test_every_event_of_the_engine_is_documented():
    code = "".join(path.read_text("utf-8") for path in (ROOT / "legacy_adapters" / "engine").glob("*.py"))
    logged = set(re.findall(r'"(sync(?:\.[a-z_]+){2})"', code))
    assert set(re.findall(r"^\| `(sync[a-z_.]+)` \|", PAGE, re.MULTILINE)) == logged
