"""From an answer to its document: coding off, charset, then by media type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final
from unicodedata import normalize
from urllib.parse import unquote_to_bytes

from shadow.errors import UndecodableError
from shadow.exchange import Answer
from shadow.reading import media
from shadow.reading.charset import canonical_charset, decode_text
from shadow.reading.codings import decode_content
from shadow.reading.hypertext import read_html
from shadow.reading.jsontext import JsonDocument, read_json, read_json_lines
from shadow.reading.markup import read_xml
from shadow.reading.media import MediaType, media_type
from shadow.reading.multipart import Part, split_multipart
from shadow.reading.pointer import escape

#: Multipart in multipart.
_NESTED_MAX: Final = 5
#: Fields of one form; one pair per `&`.
FORM_FIELDS_MAX: Final = 10_000
#: Lines of one text.
LINES_MAX: Final = 500_000
_PART_FIELDS: Final = ("content-type", "content-disposition", "content-range")
_NO_BODY_STATUS: Final = frozenset({204, 205, 304})
_WHITE_SPACE: Final = b" \t\r\n"


@dataclass(frozen=True, slots=True)
class Reading:
    """A body that was read.

    Attributes:
        kind: `json`, `xml`, `html`, `form`, `text`, `multipart`, `binary` or `empty`.
        document: a JSON value; text is an array of its lines, binary its length and hash.
        canonical: bytes that are equal only for documents that are equal in value and type; None where there are none.
        duplicates: path of every key that stood more than once in its object, with all its values.
    """

    kind: str
    document: Any = None
    canonical: bytes | None = None
    duplicates: dict[str, list[Any]] = field(default_factory=dict)

    @property
    def stored(self) -> Any:
        """The document as `Comparison` has it: text as one string, binary as None."""
        if self.kind == media.TEXT:
            return "\n".join(self.document)
        return None if self.kind == media.BINARY else self.document


EMPTY: Final = Reading(media.EMPTY)


def has_no_body(method: str, status: int) -> bool:
    """Whether a response to this method with this status has no body, whatever its headers say (RFC 9112, 6.3)."""
    return method == "HEAD" or status in _NO_BODY_STATUS


def content_of(answer: Answer, decoded_bytes_max: int) -> bytes:
    """The body without its Content-Encoding.

    Raises:
        UndecodableError: `encoding`, `too_large`.
    """
    codings = [value for name, value in answer.fields if name == "content-encoding"]
    if not codings:
        if len(answer.body) > decoded_bytes_max:
            raise UndecodableError("too_large", f"more than {decoded_bytes_max} bytes")
        return answer.body
    return decode_content(answer.body, ",".join(codings), decoded_bytes_max)


def read(content: bytes, content_type: MediaType, *, nested: int = 0) -> Reading:
    """Reads a body as what its Content-Type says.

    Args:
        content: without its Content-Encoding.
        content_type: read by `media_type`.
        nested: how many multipart bodies this one is inside of.

    Raises:
        UndecodableError: it is not that; `reason` says in what way.
    """
    if not content:
        return EMPTY
    if content_type.kind == media.MULTIPART:
        return _read_multipart(content, content_type, nested)
    return _READERS[content_type.kind](content, content_type)


def guess(content: bytes) -> MediaType:
    """What a body without a Content-Type looks like; it may still not be that."""
    start = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start[:1] in (b"{", b"["):
        return media_type("application/json")
    if start.startswith((b"<!doctype html", b"<html")):
        return media_type("text/html")
    if start.startswith(b"<"):
        return media_type("application/xml")
    if b"\0" in content[:512]:
        return media_type("application/octet-stream")
    try:
        content.decode()
    except UnicodeDecodeError:
        return media_type("application/octet-stream")
    return media_type("text/plain")


def read_binary(content: bytes, _: MediaType | None = None) -> Reading:
    """Any body by its length and hash."""
    digest = sha256(content).hexdigest()
    return Reading(media.BINARY, {"bytes": len(content), "sha256": digest}, digest.encode())


def read_text(content: bytes, content_type: MediaType) -> Reading:
    """Text as its lines, in NFC; how they end does not count."""
    text = decode_text(content, content_type.charset)
    if not text.isascii():
        text = normalize("NFC", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.count("\n") >= LINES_MAX:
        raise UndecodableError("too_large", f"more than {LINES_MAX} lines")
    return Reading(media.TEXT, text.split("\n"), text.encode())


def _read_json(content: bytes, content_type: MediaType) -> Reading:
    return _json_reading(read_json(_utf8(content, content_type)))


def _read_json_lines(content: bytes, content_type: MediaType) -> Reading:
    return _json_reading(read_json_lines(_utf8(content, content_type)))


def _json_reading(document: JsonDocument) -> Reading:
    return Reading(media.JSON, document.value, document.canonical, document.duplicates)


def _utf8(content: bytes, content_type: MediaType) -> bytes:
    """JSON is UTF-8; some declare another charset and mean it, some write UTF-16 with its mark."""
    if content_type.charset is not None and canonical_charset(content_type.charset) != "utf-8":
        return decode_text(content, content_type.charset).encode()
    return decode_text(content, None).encode() if content[:2] in (b"\xff\xfe", b"\xfe\xff") else content


def _read_xml(content: bytes, content_type: MediaType) -> Reading:
    charset = content_type.charset and canonical_charset(content_type.charset)
    if charset and charset != "utf-8" and not content.lstrip(_WHITE_SPACE).startswith(b"<?xml"):
        content = decode_text(content, charset).encode()
    return Reading(media.XML, read_xml(content))


def _read_html(content: bytes, content_type: MediaType) -> Reading:
    text = normalize("NFC", decode_text(content, content_type.charset, html=True))
    return EMPTY if not text.strip() else Reading(media.HTML, read_html(text))


def _read_form(content: bytes, content_type: MediaType) -> Reading:
    pairs = content.strip(_WHITE_SPACE).split(b"&", FORM_FIELDS_MAX)
    if len(pairs) > FORM_FIELDS_MAX:
        raise UndecodableError("too_large", f"more than {FORM_FIELDS_MAX} form fields")
    document: dict[str, list[str]] = {}
    for pair in pairs:
        if pair:
            name, _, value = (
                decode_text(unquote_to_bytes(piece.replace(b"+", b" ")), content_type.charset)
                for piece in pair.partition(b"=")
            )
            document.setdefault(name, []).append(value)
    return Reading(media.FORM, document)


def _read_multipart(content: bytes, content_type: MediaType, nested: int) -> Reading:
    if nested >= _NESTED_MAX:
        raise UndecodableError("too_deep", f"more than {_NESTED_MAX} multipart bodies one in the other")
    document: dict[str, list[Any]] = {}
    duplicates: dict[str, list[Any]] = {}
    for part in split_multipart(content, content_type.boundary):
        same_name = document.setdefault(part.name, [])
        at = f"/{escape(part.name)}/{len(same_name)}/body"
        body = _read_part(part, nested)
        same_name.append(_shown_part(part, body))
        duplicates.update((at + path, values) for path, values in body.duplicates.items())
    return Reading(media.MULTIPART, document, None, duplicates)


def _read_part(part: Part, nested: int) -> Reading:
    # A part without a type is text (RFC 2046, 5.1); one with a file name and none may be anything.
    content_type = media_type(part.fields.get("content-type", "text/plain"))
    try:
        return read(part.body, content_type, nested=nested + 1)
    except UndecodableError as error:
        if error.reason in ("too_deep", "too_large"):
            raise
        return read_binary(part.body)


def _shown_part(part: Part, body: Reading) -> dict[str, Any]:
    shown: dict[str, Any] = {name: part.fields[name] for name in _PART_FIELDS if name in part.fields}
    if "content-type" in shown:
        shown["content-type"] = media_type(shown["content-type"]).normalised
    return {**shown, "body": body.document}


_READERS: Final[dict[str, Callable[[bytes, MediaType], Reading]]] = {
    media.JSON: _read_json,
    media.JSON_LINES: _read_json_lines,
    media.XML: _read_xml,
    media.HTML: _read_html,
    media.FORM: _read_form,
    media.TEXT: read_text,
    media.BINARY: read_binary,
}
