"""Which places of a route are secret, by what they are called, and the tokens that stand for what is in them."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import orjson

from shadow.keeping.secretnames import is_secret, is_secret_parameter
from shadow.keeping.secrets import is_no_name
from shadow.noise.patterns import normalised
from shadow.reading.pointer import unescape

#: What every token starts with.
TOKEN_START: Final = "~hmac:"  # noqa: S105 - no password

#: Of the 64 hexadecimal digits of the digest, so many are kept: no two values meet in a lifetime.
_TOKEN_DIGITS: Final = 24

#: Names whose answer is remembered, and the longest of them.
_NAMES_MAX: Final = 4_096
_NAME_CHARACTERS_MAX: Final = 100
_PATTERN_CHARACTERS_MAX: Final = 500
#: Shorter ones are names, unless they are addresses.
_NO_NAME_CHARACTERS_MIN: Final = 8

#: What is known of a path of the rules at one place of a document: member -> what comes below it.
Trie = dict[str, Any]
END: Final = ""  # no segment of a path that is kept is empty

COOKIE_FIELDS: Final = frozenset(("cookie", "set-cookie"))
CREDENTIAL_FIELDS: Final = frozenset(("authorization", "proxy-authorization"))
_SECRET_FIELDS: Final = COOKIE_FIELDS | CREDENTIAL_FIELDS


class Place(NamedTuple):
    """What may be told of a place.

    Attributes:
        pattern: normalised, without a name that is a secret: what lies inside of something secret is one token.
        hidden: its values are secrets.
    """

    pattern: str
    hidden: bool


class Places:
    """The secret places of one route, and their tokens. Nothing of it changes but what it has looked up.

    Args:
        key: secret of the tokens, at least 16 bytes.
        redact: `CompareModel.redact`: exact paths (`/customer/name`, `/items/*/iban`, `@header/x-user`) and names.

    Attributes:
        mark: the same for the same key and paths: what was redacted so can be told from what was not.
    """

    __slots__ = ("_digest_key", "_fields", "_key", "_known", "_names", "_no_names", "_paths", "_places", "mark")

    def __init__(self, key: bytes, redact: Sequence[str] = ()) -> None:
        self._key = key
        self._digest_key = hmac.digest(key, b"digests", "sha256")
        self._no_names: dict[str, bool] = {}
        self._places: dict[str, Place] = {}
        self._names = frozenset(entry.lower() for entry in redact if not entry.startswith(("/", "@")))
        self._fields = frozenset(
            entry.split("/")[1].lower() for entry in redact if entry.startswith(("@header/", "@cookie/"))
        )
        self._known: dict[str, bool] = {}
        self._paths: Trie = {}
        for entry in redact:
            if entry.startswith("/"):
                _add(self._paths, entry[1:].split("/"))
        self.mark = self.token("\n".join(sorted(redact)))

    def token(self, value: Any) -> str:
        """The token of a JSON value; a text and a header of the same characters have the same."""
        text = value if isinstance(value, str) else canonical(value)
        digest = hmac.digest(self._key, text.encode("utf-8", "surrogatepass"), "sha256")
        return TOKEN_START + digest.hex()[:_TOKEN_DIGITS]

    def digest(self, text: str) -> str:
        """A short digest of a text, to find it again by; without the key nobody can try texts out."""
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8, key=self._digest_key).hexdigest()

    def hides(self, name: str) -> bool:
        """Whether values of this name are secrets on this route."""
        known = self._known.get(name)
        if known is None:
            known = is_secret(name) or name.lower() in self._names
            if len(name) <= _NAME_CHARACTERS_MAX and len(self._known) < _NAMES_MAX:
                self._known[name] = known
        return known

    def hides_parameter(self, name: str) -> bool:
        """The same for a query or a form."""
        return is_secret_parameter(name) or name.lower() in self._names

    def hides_field(self, name: str) -> bool:
        """The same for a header; cookies are hidden whatever their name."""
        return name in self._fields or self.hides(name)

    def is_no_name(self, name: str) -> bool:
        """Whether a name is a secret itself: a token, or an address."""
        if len(name) < _NO_NAME_CHARACTERS_MIN and "@" not in name:
            return False
        known = self._no_names.get(name)
        if known is None:
            known = is_no_name(name)
            if len(name) <= _NAME_CHARACTERS_MAX and len(self._no_names) < _NAMES_MAX:
                self._no_names[name] = known
        return known

    def place(self, pattern: str) -> Place:
        """What may be told of a difference's pattern; of one that this gave, the same."""
        known = self._places.get(pattern)
        if known is None:
            known = self._place(pattern)
            if len(pattern) <= _PATTERN_CHARACTERS_MAX and len(self._places) < _NAMES_MAX:
                self._places[pattern] = known
        return known

    def hidden_depth(self, segments: Sequence[str], *, any_index: bool = False) -> tuple[int | None, Sequence[Trie]]:
        """From which segment on all is secret.

        Args:
            segments: of a path, without the empty one before its first slash.
            any_index: `*` is any segment, so that what is secret for one index is secret for all.

        Returns:
            Its index, or None and what the paths say below the last.
        """
        nodes: Sequence[Trie] = (self._paths,)
        for depth, segment in enumerate(segments):
            nodes = below(nodes, segment, any_index=any_index)
            if any(END in node for node in nodes):
                return depth, ()
            if not segment.isdigit() and self.hides(unescape(segment)):
                return depth, ()
        return None, nodes

    @property
    def paths(self) -> Trie:
        """The paths as a tree."""
        return self._paths

    def _place(self, pattern: str) -> Place:
        first, *segments = pattern.split("/")
        if first == "@header" and segments:
            name = segments[0]
            return Place(pattern, hidden=name in _SECRET_FIELDS or self.hides_field(name))
        if first:  # beside the body; a cookie's name may be its value
            shown = (segment if not self.is_no_name(unescape(segment)) else "*" for segment in segments)
            return Place("/".join((first, *shown)), hidden=first == "@cookie" and segments[1:] == ["value"])
        depth, _ = self.hidden_depth(segments, any_index=True)
        end = len(segments) if depth is None else depth + 1
        # The same name for the same place of every object, before names are taken out: rules understand `*` so, too.
        usual = normalised(pattern).split("/")[1:]
        told = ["*" if self.is_no_name(unescape(segment)) else usual[at] for at, segment in enumerate(segments[:end])]
        rest = "/".join(usual[end:])
        if rest:
            told.append(rest if rest.startswith(TOKEN_START) else self.token(rest))
        return Place("/".join(("", *told)), hidden=depth is not None)


def _add(trie: Trie, segments: Iterable[str]) -> None:
    for segment in segments:
        trie = trie.setdefault(segment, {})
    trie[END] = {}


def below(nodes: Sequence[Trie], segment: str, *, any_index: bool = False) -> Sequence[Trie]:
    """What the paths say one segment further down; `*` of a path of the rules is any segment."""
    if any_index and segment == "*":
        return [child for node in nodes for key, child in node.items() if key != END]
    return [node[key] for node in nodes for key in (segment, "*") if key in node]


def canonical(value: Any) -> str:
    """The same text for the same JSON value."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError:  # integers beyond 64 bits, decimals, half a character
        return repr(value)
