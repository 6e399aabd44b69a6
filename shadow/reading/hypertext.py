"""HTML as JSON values, in the form of `shadow.reading.markup`: built from what the parser comes across.

The parser's own tree is not made: it takes a time that is quadratic in the attributes of one element.
"""

from __future__ import annotations

from typing import Any, Final

from lxml import etree

from shadow.errors import UndecodableError
from shadow.reading.markup import ATTRIBUTES_MAX, DEPTH_MAX, ORDER, TEXT, check_size, child_order

#: Attributes whose presence is their value.
_BOOLEAN: Final = frozenset({
    "allowfullscreen", "async", "autofocus", "autoplay", "checked", "controls", "default", "defer", "disabled",
    "formnovalidate", "hidden", "inert", "ismap", "itemscope", "loop", "multiple", "muted", "nomodule", "novalidate",
    "open", "playsinline", "readonly", "required", "reversed", "selected",
})  # fmt: skip
#: Elements whose white space is shown as it is.
_VERBATIM: Final = frozenset({"pre", "textarea", "script", "style"})


def read_html(text: str) -> dict[str, Any]:
    """The document of an HTML text, as a parser of the web takes it: it is never a syntax error.

    Raises:
        UndecodableError: `too_deep`, `too_large`, and `syntax` where there is no element at all.
    """
    raw = text.encode()
    check_size(raw)
    builder = _Builder()
    target: Any = builder
    parser = etree.HTMLParser(
        target=target, encoding="utf-8", no_network=True, huge_tree=False, remove_comments=True, remove_pis=True,
        collect_ids=False,
    )  # fmt: skip
    try:
        etree.fromstring(raw, parser)
    except (etree.XMLSyntaxError, ValueError, AssertionError) as error:
        raise UndecodableError("syntax", str(error)) from error
    if builder.document is None:
        raise UndecodableError("syntax", "there is no element in it")
    return builder.document


class _Element:
    """An element that is not ended yet."""

    __slots__ = ("document", "name", "order", "pieces", "said", "verbatim")

    def __init__(self, name: str, document: dict[str, Any]) -> None:
        self.name = name
        self.document = document
        self.verbatim = name in _VERBATIM
        self.order: list[str] = []
        self.pieces: list[str] = []
        self.said: list[str] = []  # text since the last tag, as it came

    def end_text(self) -> None:
        """A tag has come: what was said up to it is one text."""
        if not self.said:
            return
        text = "".join(self.said)
        self.said.clear()
        piece = text.replace("\r\n", "\n") if self.verbatim else " ".join(text.split())
        if piece and not (self.verbatim and piece.isspace()):
            self.pieces.append(piece)
            self.order.append(TEXT)

    def end(self) -> None:
        """Its end tag has come."""
        self.end_text()
        if self.pieces:
            self.document[TEXT] = ("" if self.verbatim else " ").join(self.pieces)
        if (order := child_order(self.order, self.pieces)) is not None:
            self.document[ORDER] = order


class _Builder:
    """Takes what the parser comes across.

    Attributes:
        document: with the root element; None before there is one.
    """

    def __init__(self) -> None:
        self.document: dict[str, Any] | None = None
        self._open: list[_Element] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        if len(attributes) > ATTRIBUTES_MAX:
            raise UndecodableError("too_large", f"more than {ATTRIBUTES_MAX} attributes of one element")
        if len(self._open) >= DEPTH_MAX:
            raise UndecodableError("too_deep", f"more than {DEPTH_MAX} levels of elements")
        document: dict[str, Any] = {}
        if self._open:
            parent = self._open[-1]
            parent.end_text()
            parent.order.append(name)
            parent.document.setdefault(name, []).append(document)
        elif self.document is None:
            self.document = {name: [document]}
        for key, value in attributes.items():
            document["@" + key] = _attribute(key, value)
        self._open.append(_Element(name, document))

    def end(self, name: str) -> None:
        """An element ends."""
        if self._open and self._open[-1].name == name:
            self._open.pop().end()

    def data(self, text: str) -> None:
        """Some text."""
        if self._open:
            self._open[-1].said.append(text)

    def close(self) -> None:
        """That was all."""
        while self._open:
            self._open.pop().end()


def _attribute(key: str, value: str) -> str:
    if key == "class":
        return " ".join(sorted(set(value.split())))
    return "" if key in _BOOLEAN else value
