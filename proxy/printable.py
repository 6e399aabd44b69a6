"""Text from strangers, made safe for a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    r"""The text with everything that a terminal would act on (escape sequences, newlines) as backslash escapes.

    `"a\x1b[2J"` becomes `"a\\x1b[2J"`. Printable text, of any language, comes back as the same object.
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )
