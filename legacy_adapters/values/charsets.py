"""Which characters a column's character set has."""

from __future__ import annotations

from functools import cache

_BEYOND_BMP = 0x10000
_CODECS = {"latin1": "cp1252", "cp1252": "cp1252", "ascii": "ascii", "latin2": "iso8859_2", "latin9": "iso8859_15"}
_FULL = frozenset({"utf8mb4", "utf8", "utf-8", "utf16", "utf32", "ucs2"})
_BMP_ONLY = frozenset({"utf8mb3"})


@cache
def encodes(charset: str | None) -> tuple[bool, str | None]:
    """Whether a character set has only the basic plane of Unicode, and the codec to ask, where it has not all of it."""
    name = (charset or "").lower()
    return name in _BMP_ONLY, None if name in _FULL or name in _BMP_ONLY else _CODECS.get(name)


def fault(text: str, charset: str | None) -> str | None:
    """Why a text cannot be stored in a character set; None where it can, or where the set is not known."""
    if text.isascii():
        return None
    bmp_only, codec = encodes(charset)
    if bmp_only and max(map(ord, text)) >= _BEYOND_BMP:
        return f"has a character beyond the basic plane (an emoji), which {charset} does not have"
    try:
        text.encode(codec or "utf-8")
    except UnicodeEncodeError:
        if codec is None:
            return "has half a surrogate pair, which is no character"
        return f"has a character that {charset} does not have"
    return None
