"""XML, SOAP and HTML as JSON values, the same form for all, so that one comparison and one kind of path serve them.

An element is an object: `@name` for each attribute, `@xmlns` for its namespace where that is not its parent's, the
name of each child element with the array of all children of that name, `#text` for its text, and `#order` for how
children of different names follow one another:

```
<order id="7"><item>a</item><item>b</item></order>
{"order": [{"@id": "7", "item": [{"#text": "a"}, {"#text": "b"}]}]}        /order/0/item/1/#text is "b"
```

What does not count is not there: prefixes, the order of attributes, comments, processing instructions, white space
around text, the form of quotes. No DTD, no entity beyond the predefined ones, nothing from the network.

Source: XML 1.0, Namespaces in XML 1.0; OWASP XML External Entity Prevention.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from lxml import etree

from shadow.errors import UndecodableError

_ENTITY_DECLARATION: Final = re.compile(rb"<!(ENTITY|ELEMENT|ATTLIST|NOTATION)")
#: A start tag to its end or that of the text; it never tries anything twice.
_START_TAG: Final = re.compile(rb"<[A-Za-z](?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|[^\"'>])*+")
_OWN_DECLARATIONS: Final = "it declares entities or elements of its own"
_XSI_TYPE: Final = "{http://www.w3.org/2001/XMLSchema-instance}type"
_XML_SPACE: Final = "{http://www.w3.org/XML/1998/namespace}space"
#: Levels of elements: each is two of the document.
DEPTH_MAX: Final = 100
#: Tags and attributes of one text, counted before it is parsed.
TAGS_MAX: Final = 500_000
#: Attributes of one element.
ATTRIBUTES_MAX: Final = 1_000
#: Words within one start tag, and between two tags: so many attributes are not even read.
WORDS_MAX: Final = 10_000
TEXT: Final = "#text"
ORDER: Final = "#order"


class ChildOrder(list[str]):
    """How children of different names, and pieces of text, follow one another.

    Compared as one: what one side lacks altogether is reported where it is missing, not here again.
    """

    __slots__ = ()

    @property
    def names(self) -> list[str]:
        """Without lengths of texts."""
        return self


class TextOrder(ChildOrder):  # noqa: PLW1641 - a list has no hash
    """The same with several pieces of text, which `#text` has as one: `#text 5` says how many characters stand where.

    Two of the same names are equal, so that text which changed makes an element no less like another one.
    """

    __slots__ = ()

    @property
    def names(self) -> list[str]:
        """Without lengths of texts."""
        return [TEXT if name.startswith(TEXT) else name for name in self]

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) or (isinstance(other, ChildOrder) and self.names == other.names)

    def __ne__(self, other: object) -> bool:
        return not self == other  # a list has a way of its own


def child_order(names: list[str], pieces: Sequence[str]) -> ChildOrder | None:
    """The order of children; None where there is nothing that could stand in another one.

    Args:
        names: of children, and `#text` for each piece of text.
        pieces: of the text.
    """
    if len(pieces) > 1:
        lengths = iter(pieces)
        return TextOrder([f"{TEXT} {len(next(lengths))}" if name == TEXT else name for name in names])
    return ChildOrder(names) if len(set(names)) > 1 else None


def read_xml(raw: bytes) -> dict[str, Any]:
    """The document of an XML text, in the encoding that it declares.

    Raises:
        UndecodableError: `syntax`, `too_deep`, `too_large`.
    """
    check_size(raw)
    # UTF-16 and UTF-32 hide what is looked for between zero bytes.
    if b"<" in raw and _ENTITY_DECLARATION.search(raw.replace(b"\0", b"")):
        raise UndecodableError("syntax", _OWN_DECLARATIONS)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, attribute_defaults=False,
        huge_tree=False, remove_comments=True, remove_pis=True, collect_ids=False, recover=False,
    )  # fmt: skip
    try:
        root = etree.fromstring(raw.lstrip(b" \t\r\n"), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise UndecodableError("too_deep" if "depth" in str(error) else "syntax", str(error)) from error
    declared: Any = root.getroottree().docinfo.internalDTD  # and a stranger encoding may hide it altogether
    if declared is not None and (next(declared.iterentities(), None) or next(declared.iterelements(), None)):
        raise UndecodableError("syntax", _OWN_DECLARATIONS)
    name, namespace = _name(root.tag)
    return {name: [_element(root, namespace="", own=namespace, verbatim=False, depth=1)]}


def check_size(raw: bytes) -> None:
    """Refuse a text with too many tags or attributes before it is parsed, as far as that shows.

    Raises:
        UndecodableError: `too_large`.
    """
    if raw.count(b"<") + raw.count(b"=") > TAGS_MAX:
        raise UndecodableError("too_large", f"more than {TAGS_MAX} tags and attributes")
    if _has_many_words(raw):
        raise UndecodableError("too_large", f"more than {ATTRIBUTES_MAX} attributes of one element")


def _has_many_words(raw: bytes) -> bool:
    """Whether a start tag may have so many attributes that reading it takes a lot of memory."""
    if len(raw) < 2 * ATTRIBUTES_MAX:
        return False
    if any(len(part) > 2 * WORDS_MAX and len(part.split()) > WORDS_MAX for part in raw.split(b"<")):
        return True
    tags = (found[0] for found in _START_TAG.finditer(raw))
    return any(len(tag) > 2 * ATTRIBUTES_MAX and len(tag.replace(b"=", b" ").split()) > ATTRIBUTES_MAX for tag in tags)


def _name(tag: Any) -> tuple[str, str]:
    """Local name and namespace."""
    if not isinstance(tag, str):  # an entity reference that was left as it is
        raise UndecodableError("syntax", "it refers to an entity that is not predefined")
    if tag.startswith("{"):
        namespace, _, local = tag[1:].partition("}")
        return local, namespace
    return tag, ""


def _element(element: Any, *, namespace: str, own: str, verbatim: bool, depth: int) -> dict[str, Any]:
    """One element; `namespace` is its parent's, `own` its own, `verbatim` whether white space counts."""
    if depth > DEPTH_MAX:
        raise UndecodableError("too_deep", f"more than {DEPTH_MAX} levels of elements")
    document: dict[str, Any] = {}
    if own != namespace:
        document["@xmlns"] = own
    for key, value in element.items():
        document["@" + key] = _typed(element, value) if key == _XSI_TYPE and ":" in value else value
    if (space := element.get(_XML_SPACE)) is not None:
        verbatim = space == "preserve"
    order: list[str] = []
    pieces: list[str] = []
    _put_text(element.text, pieces, order, verbatim=verbatim)
    for child in element:
        name, child_namespace = _name(child.tag)
        document.setdefault(name, []).append(
            _element(child, namespace=own, own=child_namespace, verbatim=verbatim, depth=depth + 1)
        )
        order.append(name)
        _put_text(child.tail, pieces, order, verbatim=verbatim)
    if pieces:
        document[TEXT] = ("" if verbatim else " ").join(pieces)
    if (whole := child_order(order, pieces)) is not None:
        document[ORDER] = whole
    return document


def _put_text(text: str | None, pieces: list[str], order: list[str], *, verbatim: bool) -> None:
    if not text:
        return
    piece = text.replace("\r\n", "\n") if verbatim else text.strip()
    if piece and not (verbatim and piece.isspace()):
        pieces.append(piece)
        order.append(TEXT)


def _typed(element: Any, value: str) -> str:
    """A prefix inside of a value means its namespace, too."""
    prefix, _, local = value.strip().partition(":")
    return "{" + (element.nsmap.get(prefix) or prefix) + "}" + local
