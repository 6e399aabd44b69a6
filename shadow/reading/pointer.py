"""Paths into a document: JSON Pointer (RFC 6901), with `@…` for what is beside the body."""

from __future__ import annotations


def escape(key: str) -> str:
    """A key as one segment of a path."""
    if "~" in key or "/" in key:
        return key.replace("~", "~0").replace("/", "~1")
    return key


def unescape(segment: str) -> str:
    """The key that a segment stands for."""
    return segment.replace("~1", "/").replace("~0", "~") if "~" in segment else segment


def segments(path: str) -> tuple[str, ...]:
    """The keys of a path, unescaped: `/items/*/price` is `("items", "*", "price")`, `@status` is `("@status",)`.

    An `@…` path keeps its first segment as it is, so that no key of a document is taken for it.
    """
    if not path:
        return ()
    first, *rest = path.split("/")
    return (*((first,) if first else ()), *map(unescape, rest))
