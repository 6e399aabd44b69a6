"""Differing characters: what is marked, what is cut, what is made visible."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.reporting.marking import VALUE_CHARACTERS_MAX, excerpts, json_text, mark, visible


def shown(legacy: str | None, new: str | None) -> tuple[str, str]:
    """Marked characters in brackets."""
    left, right = (
        "".join(f"[{piece.text}]" if piece.differs else piece.text for piece in side) for side in mark(legacy, new)
    )
    return left, right


@pytest.mark.parametrize(
    ("legacy", "new", "left", "right"),
    [
        ("10.9575", "10.96", "10.9[575]", "10.9[6]"),
        ('"active"', '"ACTIVE"', '["active"]', '["ACTIVE"]'),
        ('"2026-03-01T08:59:12Z"', '"2026-03-01T03:59:12Z"', '"2026-03-01T0[8]:59:12Z"', '"2026-03-01T0[3]:59:12Z"'),
        ("12", "1200", "12", "12[00]"),
        ("same", "same", "same", "same"),
        ("1", None, "[1]", ""),
        (None, "1", "", "[1]"),
        ("true", '"Y"', "[true]", '["Y"]'),
    ],
)
def test_differing_characters_are_marked(legacy: str | None, new: str | None, left: str, right: str) -> None:
    assert shown(legacy, new) == (left, right)


@given(st.text(max_size=60), st.text(max_size=60))
def test_marking_loses_no_character(legacy: str, new: str) -> None:
    left, right = mark(legacy, new)
    assert "".join(piece.text for piece in left) == legacy
    assert "".join(piece.text for piece in right) == new


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_visible_json_still_means_the_same(value: object) -> None:
    text = json_text(value)
    assert text.isprintable()
    assert json.loads(text) == value


@given(st.text(max_size=2000), st.text(max_size=2000))
def test_excerpts_are_bounded(legacy: str, new: str) -> None:
    for text in excerpts(legacy, new):
        assert text is not None
        assert len(text) <= VALUE_CHARACTERS_MAX + 2


def test_direction_overrides_and_escapes_are_made_visible() -> None:
    assert visible("a\x1b[2J\u202eb\U000e0001") == "a\\u001b[2J\\u202eb\\udb40\\udc01"
    assert visible("naïve — ✓") == "naïve — ✓"
