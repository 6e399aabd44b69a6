r"""Bytes to text: the declared charset, a byte order mark, a `meta` element, or the best guess.

Text never fails on a byte: one that the charset does not have is shown as `\xff`, and differs from what is right.

Source: RFC 9110 section 8.3.2; WHATWG Encoding, "BOM sniff"; HTML, "prescan a byte stream".
"""

from __future__ import annotations

import codecs
import re
from typing import Final

from shadow.errors import UndecodableError

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: Python also knows "codecs" that are no charsets, and slow ones: only these are used.
_CHARSET: Final = re.compile(
    r"(utf-8|utf-16(-le|-be)?|utf-32(-le|-be)?|ascii|iso8859-\d+|cp\d+|koi8-[rut]|mac-\w+|gb2312|gbk|gb18030|big5"
    r"|big5hkscs|hz|johab|shift_jis(_2004|x0213)?|euc_(jp|kr|jis_2004|jisx0213)|iso2022_(jp|kr)\w*|tis-620|ptcp154"
    r"|hp-roman8|viscii|kz1048)\Z"
)
_META: Final = re.compile(rb"<meta[^>]{0,200}?charset\s{0,8}=\s{0,8}[\"']?\s{0,8}([\w.:-]{1,40})", re.IGNORECASE)
_META_BYTES: Final = 1024


def canonical_charset(name: str) -> str | None:
    """The one name of a charset: `UTF8` is `utf-8`, `latin1` is `iso8859-1`; None where there is no such charset."""
    try:
        found = codecs.lookup(name.strip().strip("\"'")).name
    except (LookupError, ValueError):
        return None
    return found if _CHARSET.match(found) else None


def decode_text(raw: bytes, declared: str | None, *, html: bool = False) -> str:
    """Text of a body.

    Args:
        raw: without its Content-Encoding.
        declared: charset of its Content-Type.
        html: whether a `meta` element may say it.

    Raises:
        UndecodableError: `charset`: one that there is not.
    """
    for mark, charset in _BOMS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(charset, "backslashreplace")
    if declared is None and html and (meta := _META.search(raw, 0, _META_BYTES)):
        declared = meta[1].decode("ascii")
        if declared.lower().startswith("utf-16"):  # it cannot be: the element was read as ASCII
            declared = "utf-8"
    if declared is not None:
        name = canonical_charset(declared)
        if name is None:
            raise UndecodableError("charset", f"no charset is called {declared[:40]}")
        return raw.decode(name, "backslashreplace")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("iso8859-1")
