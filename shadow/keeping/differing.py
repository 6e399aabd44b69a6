"""One difference with its secrets taken out: values as tokens, and a path that ends where something secret begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from shadow.comparison import Difference, Kind
from shadow.keeping.places import Trie
from shadow.keeping.redaction import Redaction
from shadow.reading.pointer import unescape

#: Where the hash of a part of a multipart body stands that cannot be looked into.
_PART_HASH: Final = ["body", "sha256"]


def redact_difference(redaction: Redaction, difference: Difference) -> Difference:
    """A difference as it may be kept. Where it lies inside of something secret, its path ends there.

    Args:
        redaction: of its exchange. The documents come first: what was hidden in them is hidden here as well, however
            short it is.
        difference: as it was found.
    """
    legacy, new = redaction.unless_hidden(difference.legacy), redaction.unless_hidden(difference.new)
    first, *segments = difference.path.split("/")
    if first == "@header" and segments:
        name = segments[0]
        return difference._replace(legacy=_of_field(redaction, name, legacy), new=_of_field(redaction, name, new))
    if first == "@cookie":
        return _of_cookie(redaction, difference, segments)
    if first == "@rule":
        return _of_rule(redaction, difference)
    if difference.path == "@body" and difference.kind is Kind.VALUE:  # hashes of what cannot be looked into
        return difference._replace(legacy=redaction.keyed(legacy), new=redaction.keyed(new))
    if first:
        return difference._replace(legacy=redaction.value(legacy, (), 0), new=redaction.value(new, (), 0))
    if segments[-2:] == _PART_HASH:
        legacy, new = redaction.keyed(legacy), redaction.keyed(new)
    return _of_document(redaction, difference._replace(legacy=legacy, new=new), segments)


def _of_document(redaction: Redaction, difference: Difference, segments: Sequence[str]) -> Difference:
    depth, nodes = redaction.places.hidden_depth(segments)
    pattern = redaction.places.place(difference.pattern).pattern
    if depth is None:
        several = difference.kind is Kind.DUPLICATE
        return difference._replace(
            legacy=_values(redaction, difference.legacy, nodes, several=several),
            new=_values(redaction, difference.new, nodes, several=several),
            path=_path("", redaction, segments),
            pattern=pattern,
        )
    return difference._replace(
        legacy=redaction.hide_value(difference.legacy),
        new=redaction.hide_value(difference.new),
        path=_path("", redaction, segments[: depth + 1]),
        pattern="/".join(pattern.split("/")[: depth + 2]),
    )


def _of_field(redaction: Redaction, name: str, value: Any) -> Any:
    return redaction.field(name, value) if isinstance(value, str) else redaction.value(value, (), 0)


def _of_cookie(redaction: Redaction, difference: Difference, segments: Sequence[str]) -> Difference:
    legacy, new = difference.legacy, difference.new
    if len(segments) == 1 or segments[-1] == "value":  # the cookie as a whole
        legacy, new = redaction.hide_value(legacy), redaction.hide_value(new)
    path = _path("@cookie", redaction, segments)
    legacy, new = redaction.value(legacy, (), 0), redaction.value(new, (), 0)
    pattern = redaction.places.place(difference.pattern).pattern
    return difference._replace(legacy=legacy, new=new, path=path, pattern=pattern)


def _of_rule(redaction: Redaction, difference: Difference) -> Difference:
    """What a function of the user's raised, told at the place where: the words may hold the values of it."""
    where, said = difference.legacy, difference.new
    if not isinstance(where, str) or not isinstance(said, str):
        return difference._replace(legacy=redaction.value(where, (), 0), new=redaction.value(said, (), 0))
    first, *segments = where.split("/")
    if first:
        hidden = first in {"@cookie", "@header"}
        return difference._replace(legacy=redaction.text(where), new=_words(redaction, said, hidden=hidden))
    depth, _ = redaction.places.hidden_depth(segments)
    shown = segments if depth is None else segments[: depth + 1]
    words = _words(redaction, said, hidden=depth is not None)
    return difference._replace(legacy=_path("", redaction, shown), new=words)


def _words(redaction: Redaction, said: str, *, hidden: bool) -> str:
    name, colon, words = said.partition(":")
    return f"{name}: {redaction.hide(words.strip())}" if hidden and colon else redaction.text(said)


def _path(first: str, redaction: Redaction, segments: Sequence[str]) -> str:
    """A path as it may be told: without segments that are secrets themselves."""
    told = (redaction.name(name) if redaction.places.is_no_name(name := unescape(one)) else one for one in segments)
    return "/".join((first, *told))


def _values(redaction: Redaction, value: Any, nodes: Sequence[Trie], *, several: bool) -> Any:
    """The value of a place; where its name stood more than once, all of its values."""
    if several and isinstance(value, list):
        return [redaction.value(one, nodes, 0) for one in value]
    return redaction.value(value, nodes, 0)
