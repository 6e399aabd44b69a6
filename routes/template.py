r"""Path templates and path regexes, parsed once and compared with raw bytes.

| written | matches | captures |
| --- | --- | --- |
| `/api/orders` | exactly that path | |
| `/api/orders/{id}` | one segment that is not empty | `id` |
| `/files/{x...}` | `/files`, `/files/` and everything under it | `x`: the rest with its leading slash |
| `/static/**` | the same | `**` |
| `{regex: "^/v\\d+/"}` | where the regex is found (anchor it with `^` and `$`) | its named groups |

Nothing is decoded: `/caf%C3%A9` and `/caf%c3%a9` are two paths. Characters of a template beyond ASCII stand for their
UTF-8 bytes in percent encoding with upper-case digits, which is what clients send.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import quote

#: A path template longer than this is refused, which bounds the depth of the index.
SEGMENTS_MAX = 64

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_LITERAL = re.compile(r"[!$&'()+,\-.0-9:;=@A-Z_a-z~%|\[\]^`\"*]*\Z")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_REGEX_SPECIAL = frozenset(".^$*+?{}[]|()")

# A segment may be empty only at the end, may not be `.` or `..` (also as %2e, also with `;x` behind, which some servers
# cut off), may not start with `;` (the same servers would see `//`), and its escapes must be whole and must not hide a
# slash, a backslash or a NUL. Possessive quantifiers: there is nothing to gain from backtracking.
_PLAIN = re.compile(
    rb"(?:/(?!/|;|%3[bB]|(?:\.|%2[eE]){1,2}(?:[/;]|%3[bB]|\Z))"
    rb"(?:[!\"$&-.0->@-\[\]-~]++|%(?!2[fF]|5[cC]|00)[0-9A-Fa-f]{2})*+)++"
    rb"|\*"
).fullmatch

# What most paths look like: nothing that needs a closer look. Told in half of the time.
_ORDINARY = re.compile(rb"/(?:[\-_~!$&'()*+,:=@A-Za-z0-9][\-._~!$&'()*+,:=@A-Za-z0-9]*+(?:/|\Z))*+").fullmatch


def is_plain_path(path: bytes) -> bool:
    """Whether every server reads this raw path the same way, so that what is matched is what is served.

    Args:
        path: the raw path of a request target, `b"*"` included, without its query.

    Returns:
        False for `%2f`, `%5c`, `%00`, `.` and `..` segments (also percent-encoded, also with a `;` parameter), `//`,
        `/;x`, backslashes, controls, bytes beyond ASCII, a `#`, broken `%` escapes, and what does not start with `/`.
    """
    return _ORDINARY(path) is not None or _PLAIN(path) is not None


class TemplateError(ValueError):
    """A path template or regex that cannot be used; the message says why in words."""


@dataclass(frozen=True)
class PathTemplate:
    """A parsed template.

    Attributes:
        text: as configured.
        segments: what stands between the slashes, None for a captured one. `/` is `(b"",)`, `/**` is `()`.
        rest: whether everything below matches too.
        names: the captures in order; the rest comes last, as `**` where it has no name.
    """

    text: str
    segments: tuple[bytes | None, ...]
    rest: bool
    names: tuple[str, ...]

    @cached_property
    def _captured(self) -> tuple[int, ...]:
        return tuple(at for at, segment in enumerate(self.segments) if segment is None)

    def captures(self, path: bytes) -> tuple[bytes, ...] | None:
        """The captured bytes of a raw path in the order of `names`, or None where it does not match."""
        if path == b"*":
            return (path,) if self.rest and not self.segments else None
        size = len(self.segments)
        first, *parts = path.split(b"/", size + 1)
        if first or len(parts) < size or (len(parts) > size and not self.rest):
            return None
        for wanted, part in zip(self.segments, parts, strict=False):
            if part != wanted and (wanted is not None or not part):
                return None
        found = tuple([parts[at] for at in self._captured])
        if not self.rest:
            return found
        return (*found, b"/" + parts[size] if len(parts) > size else b"")

    def pick(self, path: bytes) -> tuple[bytes, ...]:
        """The captures of a path that is known to match; other paths give anything or raise IndexError."""
        if path == b"*":
            return (path,)
        size = len(self.segments) + 1
        parts = path.split(b"/", size)
        found = tuple([parts[at + 1] for at in self._captured])
        if not self.rest:
            return found
        return (*found, b"/" + parts[size] if len(parts) > size else b"")

    def matches(self, path: bytes) -> bool:
        """Whether the raw path matches."""
        return self.captures(path) is not None

    def fill(self, values: dict[str, bytes]) -> bytes:
        """The path with its captures filled in; the inverse of `captures`.

        Args:
            values: bytes for each of `names`; the rest with its leading slash.
        """
        names = iter(self.names)
        path = b"".join([b"/" + (values[next(names)] if part is None else part) for part in self.segments])
        return path + values[self.names[-1]] if self.rest else path


@dataclass(frozen=True)
class PathRegex:
    """A path regex.

    Attributes:
        text: as configured.
        pattern: compiled for bytes; searched for, as nginx and grep do, so anchors are the author's.
        prefix: literal bytes every matching path starts with, `b""` where none can be told.
        names: the named groups in order.
    """

    text: str
    pattern: re.Pattern[bytes]
    prefix: bytes
    names: tuple[str, ...]

    def captures(self, path: bytes) -> tuple[bytes, ...] | None:
        """The named groups of a raw path, `b""` for those that took no part, or None where it does not match."""
        found = self.pattern.search(path)
        return None if found is None else tuple([found[name] or b"" for name in self.names])

    def pick(self, path: bytes) -> tuple[bytes, ...]:
        """The captures of a path that is known to match."""
        return self.captures(path) or ()

    def matches(self, path: bytes) -> bool:
        """Whether the raw path matches."""
        return self.pattern.search(path) is not None


def parse_template(text: str) -> PathTemplate:
    """Read a template.

    Raises:
        TemplateError: it does not start with a slash, a capture is not a whole segment or comes twice, …
    """
    if not text.startswith("/"):
        raise TemplateError(f"a path starts with '/', and {text!r} does not")
    parts = text[1:].split("/")
    if len(parts) > SEGMENTS_MAX:
        raise TemplateError(f"{text!r} has {len(parts)} segments, and {SEGMENTS_MAX} are allowed")
    names: list[str] = []
    segments: list[bytes | None] = []
    rest = False
    for at, part in enumerate(parts):
        name, is_rest = _capture_of(part, text)
        if is_rest and at < len(parts) - 1:
            raise TemplateError(f"{part} takes the rest of the path, so nothing can follow it in {text!r}")
        if name is not None and name in names:
            raise TemplateError(f"{{{name}}} comes twice in {text!r}")
        if name is not None:
            names.append(name)
        if is_rest:
            rest = True
        else:
            segments.append(_literal(part, text) if name is None else None)
    return PathTemplate(text, tuple(segments), rest, tuple(names))


def _capture_of(part: str, text: str) -> tuple[str | None, bool]:
    """The capture a segment is, and whether it takes the rest."""
    if part == "**":
        return "**", True
    if part == "*":
        raise TemplateError(f"'*' in {text!r}: write {{name}} for one segment or '**' for the rest")
    if "{" not in part and "}" not in part:
        return None, False
    name, is_rest = part[1:-1], False
    if name.endswith("..."):
        name, is_rest = name[:-3], True
    if part[0] != "{" or part[-1] != "}" or not _NAME.match(name):
        raise TemplateError(
            f"{part!r} in {text!r}: a capture is one whole segment, {{name}} or {{name...}}; "
            "for parts of a segment use a regex"
        )
    return name, is_rest


def _literal(part: str, text: str) -> bytes:
    encoded = quote(part, safe="!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ")
    if not _LITERAL.match(encoded):
        raise TemplateError(f"{part!r} in {text!r} has a character that no path has; write it percent-encoded")
    if _BAD_ESCAPE.search(encoded):
        raise TemplateError(f"{part!r} in {text!r}: '%' starts an escape of two hexadecimal digits")
    return encoded.encode("ascii")


def parse_regex(text: str) -> PathRegex:
    """Compile a path regex for bytes.

    Raises:
        TemplateError: Python's `re` does not take it.
    """
    pattern = compile_regex(text)
    return PathRegex(text, pattern, literal_prefix(text), tuple(pattern.groupindex))


def compile_regex(text: str) -> re.Pattern[bytes]:
    """A regex of the configuration, for raw bytes.

    Raises:
        TemplateError: Python's `re` does not take it, or will read it otherwise in a later version: a route must not
            change what it matches when Python is upgraded.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return re.compile(text.encode())
    except (re.error, OverflowError, RecursionError) as error:
        raise TemplateError(f"{text!r} is not a regular expression: {error}") from error
    except Warning as warning:
        raise TemplateError(f"{text!r} is ambiguous: {warning}; escape the character there with a backslash") from None


def literal_prefix(text: str) -> bytes:
    """The literal bytes that whatever matches must start with; `b""` where that cannot be told simply."""
    if not text.startswith("^") or _has_alternatives(text):
        return b""
    prefix: list[str] = []
    at = 1
    while at < len(text):
        char, size = text[at], 1
        if char == "\\" and at + 1 < len(text) and not text[at + 1].isalnum():
            char, size = text[at + 1], 2
        elif char == "\\" or char in _REGEX_SPECIAL:
            if char in "*?{" and prefix:
                prefix.pop()
            break
        prefix.append(char)
        at += size
    literal = "".join(prefix)
    # A quantifier after a character beyond ASCII would repeat its last byte only.
    return literal.encode() if literal.isascii() else b""


def _has_alternatives(text: str) -> bool:
    """Whether a `|` stands outside of every group; told on the careful side."""
    depth = 0
    escaped = False
    for char in text:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
        elif char == "|" and depth <= 0:
            return True
    return False
