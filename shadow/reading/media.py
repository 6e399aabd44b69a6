"""What Content-Type says, normalised, and which kind of document that is.

Source: RFC 9110 section 8.3.1 (media types), RFC 6839 (structured syntax suffixes).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from shadow.reading.charset import canonical_charset

JSON: Final = "json"
JSON_LINES: Final = "json_lines"  # a way to read; its documents are `json`
XML: Final = "xml"
HTML: Final = "html"
FORM: Final = "form"
TEXT: Final = "text"
MULTIPART: Final = "multipart"
BINARY: Final = "binary"
EMPTY: Final = "empty"

_PARAMETER: Final = re.compile(r';\s*([^\s=;]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;]*)')
_KINDS: Final = {
    "application/json": JSON,
    "text/json": JSON,
    "application/x-json": JSON,
    "application/ndjson": JSON_LINES,
    "application/x-ndjson": JSON_LINES,
    "application/jsonl": JSON_LINES,
    "application/x-jsonlines": JSON_LINES,
    "application/json-lines": JSON_LINES,
    "application/json-seq": JSON_LINES,
    "application/xml": XML,
    "text/xml": XML,
    "text/html": HTML,
    "application/x-www-form-urlencoded": FORM,
    "application/javascript": TEXT,
    "application/x-javascript": TEXT,
    "application/ecmascript": TEXT,
    "application/yaml": TEXT,
    "application/x-yaml": TEXT,
    "application/graphql": TEXT,
    "application/sql": TEXT,
}
#: Every parameter that changes how a body is read or what it means; the others, such as `boundary`, are framing.
_FRAMING: Final = frozenset({"boundary"})
_CONTENT_TYPES_KEPT: Final = 512
_FIELD_CHARACTERS_MAX: Final = 1000


@dataclass(frozen=True, slots=True)
class MediaType:
    """A Content-Type, read.

    Attributes:
        name: `application/json`, in lower case; "" where the field is absent.
        kind: one of the constants of this module.
        charset: as it was declared; None where it was not.
        boundary: of a multipart body; "" where there is none.
        normalised: what is compared: names in lower case, parameters sorted, one name per charset, no boundary.
    """

    name: str
    kind: str
    charset: str | None
    boundary: str
    normalised: str


@lru_cache(maxsize=_CONTENT_TYPES_KEPT)
def media_type(content_type: str) -> MediaType:
    """Reads a Content-Type; "" is an absent one. What cannot be read is kept as it is, and binary."""
    name, _, _ = content_type[:_FIELD_CHARACTERS_MAX].partition(";")
    name = name.strip().lower()
    parameters = {
        key.lower(): re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
        for key, value in _PARAMETER.findall(content_type[:_FIELD_CHARACTERS_MAX])
    }
    kind = _kind(name)
    charset = parameters.get("charset") or None
    shown = {key: value for key, value in parameters.items() if key not in _FRAMING}
    if charset is not None:
        shown["charset"] = canonical_charset(charset) or charset.lower()
        if kind in (JSON, JSON_LINES) and shown["charset"] == "utf-8":
            del shown["charset"]  # RFC 8259 section 11: no such parameter is defined, and UTF-8 is the only one
    normalised = "; ".join([name, *(f"{key}={value}" for key, value in sorted(shown.items()))])
    return MediaType(name, kind, charset, parameters.get("boundary", ""), normalised)


def _kind(name: str) -> str:
    known = _KINDS.get(name)
    if known is not None:
        return known
    if name.endswith("+json"):
        return JSON
    if name.endswith("+xml"):
        return XML
    if name.startswith("multipart/"):
        return MULTIPART
    return TEXT if name.startswith("text/") else BINARY
