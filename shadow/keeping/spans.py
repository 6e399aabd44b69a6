"""Where a value inside of a text ends: at its quote, its bracket, its end tag, the end of its line.

Quotes may be escaped, as where JSON stands inside of JSON: at level n a quote has 2^n - 1 backslashes before it, and
one with others is a character of the value. Everything here looks at each character a bounded number of times, and
what it returns is a part of the text that the caller need not look at again: so a whole text takes linear time.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_QUOTE: Final = re.compile(r"(\\*+)([\"'])")
#: What matters inside of brackets.
_MARKS: Final = re.compile(r"(?<!\\)\\*+\"|[\[\]{}]")
_OPENING: Final = "[{"
_ENTITIES: Final = ("&quot;", "&#34;", "&apos;", "&#39;", "%22", "%27")
_PLAIN: Final = re.compile(r"[^\s\"'&;,<>]++")
#: To the end of the line, which inside of JSON is written as two characters.
_LINE: Final = re.compile(r"(?:[^\r\n\\]|\\(?![rn]))*+")
_PARAMETER: Final = re.compile(r"[^\r\n&#\s\"'<>]*+")


class Span(NamedTuple):
    """A part of a text: from `start` up to `end`, which is not in it."""

    start: int
    end: int


def value_span(text: str, at: int) -> Span | None:
    """The value that begins at a place, without its quotes; None where there is none.

    What begins with a quote or a bracket that is never closed goes on to the end of the text.
    """
    quote = _QUOTE.match(text, at)
    if quote is not None:
        return _filled(quote.end(), quoted_end(text, quote.end(), quote[2], len(quote[1])))
    entity = next((entity for entity in _ENTITIES if text.startswith(entity, at)), None)
    if entity is not None:
        start = at + len(entity)
        end = text.find(entity, start)
        return _filled(start, len(text) if end < 0 else end)
    if text[at : at + 1] in _OPENING and at < len(text):
        return _filled(at + 1, _bracket_end(text, at))
    plain = _PLAIN.match(text, at)
    return None if plain is None else Span(*plain.span())


def quoted_end(text: str, at: int, quote: str, backslashes: int) -> int:
    """Where the quote is that ends what began before `at` with a quote and so many backslashes."""
    while True:
        found = text.find(quote, at)
        if found < 0:
            return len(text)
        before = found
        while before > at and text[before - 1] == "\\":
            before -= 1
        if (found - before) % (2 * (backslashes + 1)) == backslashes:
            return found - backslashes
        at = found + 1


def line_span(text: str, at: int) -> Span:
    """From a place to the end of its line."""
    found = _LINE.match(text, at)
    return Span(at, at if found is None else found.end())


def parameter_span(text: str, at: int) -> Span:
    """From a place to the end of a parameter of a URL."""
    found = _PARAMETER.match(text, at)
    return Span(at, at if found is None else found.end())


def _bracket_end(text: str, at: int) -> int:
    """Where the bracket is that closes the one at a place."""
    depth = 0
    while True:
        mark = _MARKS.search(text, at)
        if mark is None:
            return len(text)
        sign = mark[0][-1]
        at = mark.end()
        if sign == '"':
            backslashes = len(mark[0]) - 1
            at = quoted_end(text, at, sign, backslashes) + backslashes + 1
        elif sign in _OPENING:
            depth += 1
        else:
            depth -= 1
            if depth == 0:
                return mark.start()


def _filled(start: int, end: int) -> Span | None:
    return Span(start, end) if start < end else None
