"""Two values side by side: cut to what can be read, and with the characters marked that differ."""

from __future__ import annotations

import json
from difflib import SequenceMatcher
from typing import Any, Final, NamedTuple

#: Longest text of one value in a report.
VALUE_CHARACTERS_MAX: Final = 240
#: What stays before the first difference of values that have to be cut.
_CONTEXT_CHARACTERS: Final = 40
#: Values that share less than this are marked as a whole: a scatter of marks says nothing.
_ALIKE_MIN: Final = 0.5
#: Equal characters between two marks that are too few to read are marked with them.
_ISLAND_MAX: Final = 2
#: Longer values are marked from their first to their last difference.
_MATCHED_CHARACTERS_MAX: Final = 2_000
_CUT: Final = "…"
_HIGHEST_IN_FOUR_DIGITS: Final = 0xFFFF


class Piece(NamedTuple):
    """A stretch of a value, and whether it differs from the other side."""

    text: str
    differs: bool


def visible(text: str) -> str:
    r"""The text with everything that does not print (control, direction and private characters) as `\u` escapes.

    A terminal acts on none of it, XML allows all of it, and inside of JSON text it still means the same.
    """
    if text.isprintable():
        return text
    return "".join(character if character.isprintable() else _escaped(character) for character in text)


def _escaped(character: str) -> str:
    code = ord(character)
    if code <= _HIGHEST_IN_FOUR_DIGITS:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def json_text(value: Any) -> str:
    """A JSON value as compact, printable text."""
    return visible(json.dumps(value, ensure_ascii=False, separators=(", ", ": "), default=str))


def excerpts(legacy: str | None, new: str | None) -> tuple[str | None, str | None]:
    """Both texts, cut around their first difference where one is too long."""
    if max(len(legacy or ""), len(new or "")) <= VALUE_CHARACTERS_MAX:
        return legacy, new
    start = max(0, _common_start(legacy or "", new or "") - _CONTEXT_CHARACTERS) if legacy and new else 0
    return _cut(legacy, start), _cut(new, start)


def _common_start(one: str, other: str) -> int:
    length = min(len(one), len(other))
    return next((index for index in range(length) if one[index] != other[index]), length)


def _cut(text: str | None, start: int) -> str | None:
    if text is None:
        return None
    end = start + VALUE_CHARACTERS_MAX
    return (_CUT if start else "") + text[start:end] + (_CUT if len(text) > end else "")


def mark(legacy: str | None, new: str | None) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """The pieces of both texts, in order; none for a value that is missing."""
    if legacy is None or new is None:
        return _whole(legacy), _whole(new)
    if max(len(legacy), len(new)) > _MATCHED_CHARACTERS_MAX:
        return _marked_between_ends(legacy, new)
    matcher = SequenceMatcher(None, legacy, new, autojunk=False)
    if matcher.ratio() < _ALIKE_MIN:
        return _whole(legacy), _whole(new)
    left: list[Piece] = []
    right: list[Piece] = []
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        inside = i1 > 0 and i2 < len(legacy)
        differs = tag != "equal" or (inside and i2 - i1 <= _ISLAND_MAX)
        _append(left, legacy[i1:i2], differs=differs)
        _append(right, new[j1:j2], differs=differs)
    return tuple(left), tuple(right)


def _marked_between_ends(legacy: str, new: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """All between what both begin and end with: finding more takes a time that is quadratic in the length."""
    start = _common_start(legacy, new)
    rest = min(len(legacy), len(new)) - start
    ending = min(rest, _common_start(legacy[::-1], new[::-1]))
    made = []
    for text in (legacy, new):
        pieces: list[Piece] = []
        end = len(text) - ending
        for piece, differs in ((text[:start], False), (text[start:end], True), (text[end:], False)):
            _append(pieces, piece, differs=differs)
        made.append(tuple(pieces))
    return made[0], made[1]


def _whole(text: str | None) -> tuple[Piece, ...]:
    return () if text is None else (Piece(text, differs=True),)


def _append(pieces: list[Piece], text: str, *, differs: bool) -> None:
    if not text:
        return
    if pieces and pieces[-1].differs == differs:
        text = pieces.pop().text + text
    pieces.append(Piece(text, differs))
