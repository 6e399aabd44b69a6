"""Multipart bodies: parts by name. Framing only; reading a part is `shadow.reading.body`'s.

Source: RFC 2046 section 5.1, RFC 7578 (form-data).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from shadow.errors import UndecodableError

#: Parts of one body.
PARTS_MAX: Final = 1000
_PART_HEADER_BYTES_MAX: Final = 16 << 10
_FIELD_NAME: Final = re.compile(r'(?:^|;)\s*name\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))', re.IGNORECASE)
_UNNAMED: Final = "part"


@dataclass(frozen=True, slots=True)
class Part:
    """One part.

    Attributes:
        name: of the form field, else Content-ID, else `part`.
        fields: its headers, names in lower case, the first of each.
        body: without the line break before the next boundary.
    """

    name: str
    fields: dict[str, str]
    body: bytes


def split_multipart(raw: bytes, boundary: str) -> list[Part]:
    """The parts of a body, in order.

    Raises:
        UndecodableError: `syntax`: no boundary, no end, or more parts than `PARTS_MAX`.
    """
    if not boundary:
        raise UndecodableError("syntax", "multipart without a boundary")
    mark = b"--" + boundary.encode("utf-8", "surrogateescape")
    pieces = (b"\n" + raw.replace(b"\r\n" + mark, b"\n" + mark)).split(b"\n" + mark, PARTS_MAX + 2)
    end = next((index for index, piece in enumerate(pieces) if index and piece.startswith(b"--")), None)
    if end is None:
        raise UndecodableError("syntax", "multipart without its last boundary")
    if end - 1 > PARTS_MAX:
        raise UndecodableError("syntax", f"more than {PARTS_MAX} parts")
    return [_part(piece) for piece in pieces[1:end]]


def _part(piece: bytes) -> Part:
    _, _, content = piece.partition(b"\n")  # what follows the boundary on its line is padding
    if content.startswith((b"\r\n", b"\n")):
        return Part(_UNNAMED, {}, content.partition(b"\n")[2])
    head, separator, body = content.partition(b"\r\n\r\n")
    if not separator:
        head, separator, body = content.partition(b"\n\n")
    if len(head) > _PART_HEADER_BYTES_MAX:
        raise UndecodableError("syntax", "the headers of a part are too long")
    fields: dict[str, str] = {}
    for line in re.sub(r"\r?\n[ \t]+", " ", head.decode("utf-8", "backslashreplace")).splitlines():
        name, colon, value = line.partition(":")
        if colon:
            fields.setdefault(name.strip().lower(), value.strip())
    return Part(_part_name(fields), fields, body)


def _part_name(fields: dict[str, str]) -> str:
    found = _FIELD_NAME.search(fields.get("content-disposition", ""))
    if found:
        return re.sub(r"\\(.)", r"\1", found[1]) if found[1] is not None else found[2]
    return fields.get("content-id", _UNNAMED).strip("<>")
