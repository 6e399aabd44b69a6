"""The case of people's names and places, as they are written.

Words are what white space and hyphens separate. A word that is all capitals or all small gets a capital and small
letters; a word in mixed case was typed on purpose and stays (`deVries`, `LaTonya`). Then:

- `O'` and `D'` and other single letters before an apostrophe keep the capital after it: `O'Neil`, `D'Angelo`.
- `Mc` is followed by a capital: `McDonald`. `Mac` is not, since Mack, Macey and Macedo would be wrong: `Macdonald`.
- Particles stay small unless they come first: `Vincent van Gogh`, `Van Gogh`, `Maria de la Cruz`.
- Roman numerals from II to VIII and IX are capitals behind the first word: `John Smith III`.
"""

from __future__ import annotations

import re

#: Small unless first.
PARTICLES = frozenset(
    {"af", "al", "and", "av", "bin", "da", "das", "de", "del", "della", "den", "der", "di", "do", "dos", "du", "e"}
    | {"el", "het", "in", "la", "las", "le", "los", "of", "ten", "ter", "the", "und", "van", "von", "y", "zu", "zum"}
    | {"zur", "'t"}
)
_NUMERALS = frozenset({"ii", "iii", "iv", "vi", "vii", "viii", "ix"})
_PARTS = re.compile(r"([^\s\-]+)")
_MC_LETTERS_MIN = 4
_WORDS_MAX = 65_536
_APOSTROPHES = "'\u2019"

_known: dict[tuple[bool, str], str] = {}


def title_case(value: str) -> str:
    """`"JEAN-LUC O'NEIL"` → `"Jean-Luc O'Neil"`. Applied twice it changes nothing more."""
    parts = _PARTS.split(value)
    first = True
    for index in range(1, len(parts), 2):
        key = (first, parts[index])
        cased = _known.get(key)
        if cased is None:
            if len(_known) >= _WORDS_MAX:
                _known.clear()
            cased = _known[key] = _word(parts[index], first=first)
        parts[index] = cased
        first = False
    return "".join(parts)


def _word(word: str, *, first: bool) -> str:
    small = word.lower()
    letters = [character for character in word if character.isalpha()]
    if not (word in {small, word.upper()} or len(letters) == 1):
        return word
    if not first and small in PARTICLES:
        return small
    if not first and small in _NUMERALS:
        return small.upper()
    at = next((index for index, character in enumerate(small) if character.isalpha()), len(small))
    lead, rest = small[:at], small[at:]
    if len(rest) >= _MC_LETTERS_MIN and rest.startswith("mc"):
        return lead + "Mc" + _capital(rest[2:])
    if len(rest) > len("o'") and rest[1] in _APOSTROPHES:
        return lead + _capital(rest[0]) + rest[1] + _capital(rest[2:])
    return lead + _capital(rest)


def _capital(word: str) -> str:
    return word[:1].title() + word[1:]
