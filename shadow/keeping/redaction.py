"""Takes secrets out of an exchange before anything of it is written: a keyed token for each, so that equality shows.

A token is `~hmac:` and the beginning of HMAC-SHA256 over the value with `state.redaction_key`: the same value gives the
same token wherever it stands, and without the key nobody can try values out. What becomes one:

1. whatever stands at a path of `compare.redact`, or below a name of it or of `shadow.keeping.secrets`, in documents;
2. values of headers, cookies, query and form parameters of such names, Authorization and Cookie among them;
3. what looks like a secret in any other text: `password=…`, bearer tokens, JWTs, private keys, card numbers;
4. a name of a member that is no name but a token or an address: objects are used as maps;
5. whatever became a token by 1 to 4, wherever else it stands in the same exchange: echoed in an error message, in a
   key, in a redirect, as it is, percent-encoded or escaped for HTML. From `ECHO_CHARACTERS_MIN` characters on.

A body that could not be decoded is not kept at all, so that no encoding carries a secret past this.
"""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, Final
from urllib.parse import quote, unquote_plus

import orjson

from shadow.comparison import Difference, Kind
from shadow.exchange import Fields
from shadow.keeping.places import COOKIE_FIELDS, CREDENTIAL_FIELDS, END, TOKEN_START, Places, Trie, below, canonical
from shadow.keeping.secrets import ECHO_CHARACTERS_MIN, KNOWN_SCHEMES, is_card_number, replace_secrets
from shadow.keeping.values import dump
from shadow.reading.pointer import unescape

#: Secrets of one exchange that are looked for elsewhere in it.
ECHOES_MAX: Final = 256
#: What a text that is JSON may begin and end with.
_JSON_STARTS: Final = "{[ \t\r\n"
_JSONENDS: Final = ("}", "]")
#: Longer texts are looked at wherever they stand.
_CLEAN_CHARACTERS_MAX: Final = 200
#: Characters that stay as they are in a parameter of a query that was redacted.
_PLAIN_IN_QUERY: Final = "~:/@!$'()*,;"
#: Deepest document that is looked into; what lies deeper becomes one token.
DEPTH_MAX: Final = 200


_URL_FIELDS: Final = frozenset(("location", "content-location", "referer", "refresh", "link", "origin"))
#: How a part of a multipart body is shown that cannot be looked into, and where its hash stands.
_HASHED: Final = frozenset(("bytes", "sha256"))
_PART_HASH: Final = ["body", "sha256"]
#: A member of one of these names says what the member beside it holds: `{"name": "password", "value": "x"}`.
_NAMING: Final = ("name", "@name", "key", "id", "@id", "type", "@type", "autocomplete")
_NAMED: Final = frozenset(("value", "@value", "content", "@content", "data", "#text"))


class Redactor(Places):
    """How one route's exchanges are redacted."""

    __slots__ = ()

    def begin(self) -> Redaction:
        """The redaction of one exchange."""
        return Redaction(self)


class Redaction:
    """The redaction of one exchange: remembers what it hid, to find it elsewhere.

    Attributes:
        count: values that became tokens.
    """

    __slots__ = ("_clean", "_echoes", "_hidden", "_redactor", "count")

    def __init__(self, redactor: Redactor) -> None:
        self.count = 0
        self._clean: set[str] = set()  # texts that were looked at and hold nothing
        self._redactor = redactor
        self._hidden: dict[str, str] = {}  # what was hidden, as a whole -> its token
        self._echoes: dict[str, str] = {}  # as it may stand elsewhere -> its token

    # -- the parts of an exchange

    def fields(self, fields: Fields) -> Fields:
        """Headers, with the values of secret ones as tokens; names and attributes of cookies stay."""
        return tuple((name, self._field(name, value)) for name, value in fields)

    def target(self, target: str) -> str:
        """`path?query`, with the values of secret parameters as tokens."""
        path, mark, query = target.partition("?")
        path = self.text(path)
        return path + mark + self.form(query) if mark else path

    def form(self, form: str) -> str:
        """A query or a form as it was sent."""
        return "&".join([self._parameter(pair) for pair in form.split("&")])

    def text(self, text: str) -> str:
        """Any other text."""
        return self._text(text, (), 0)

    def document(self, document: Any) -> Any:
        """A decoded body, as a copy in which secrets are tokens."""
        return self._value(document, (self._redactor.paths,), 0)

    def difference(self, difference: Difference) -> Difference:
        """A difference. Where it lies inside of something secret, its path ends there.

        The documents come first: what was hidden in them is hidden here as well, however short it is.
        """
        legacy, new = self._unless_hidden(difference.legacy), self._unless_hidden(difference.new)
        first, *segments = difference.path.split("/")
        if first == "@header" and segments:
            return difference._replace(legacy=self._of_field(segments[0], legacy), new=self._of_field(segments[0], new))
        if first == "@cookie":
            return self._cookie_difference(difference, segments)
        if first == "@rule":
            return self._rule_difference(difference)
        if difference.path == "@body" and difference.kind is Kind.VALUE:  # hashes of what cannot be looked into
            return difference._replace(legacy=self._keyed(legacy), new=self._keyed(new))
        if first:
            return difference._replace(legacy=self._value(legacy, (), 0), new=self._value(new, (), 0))
        if segments[-2:] == _PART_HASH:
            legacy, new = self._keyed(legacy), self._keyed(new)
        depth, nodes = self._redactor.hidden_depth(segments)
        if depth is None:
            several = difference.kind is Kind.DUPLICATE
            return difference._replace(
                legacy=self._values(legacy, nodes, several=several),
                new=self._values(new, nodes, several=several),
                path="/".join(("", *map(self._segment, segments))),
                pattern=self._redactor.place(difference.pattern).pattern,
            )
        pattern = self._redactor.place(difference.pattern).pattern
        return difference._replace(
            legacy=self._hide_value(legacy),
            new=self._hide_value(new),
            path="/".join(("", *map(self._segment, segments[: depth + 1]))),
            pattern="/".join(pattern.split("/")[: depth + 2]),
        )

    # -- what was hidden, elsewhere

    def echoes(self, kept: bytes) -> bool:
        """Whether something that was hidden stands in `kept`, JSON in UTF-8: then its texts are to be scrubbed."""
        return any(_in_json(secret) in kept for secret in self._echoes)

    def scrub(self, value: Any) -> Any:
        """A JSON value with everything that was hidden elsewhere replaced in its texts and keys."""
        if isinstance(value, str):
            return self.scrub_text(value)
        if isinstance(value, list):
            return [self.scrub(item) for item in value]
        if isinstance(value, dict):
            return {self.scrub_text(name): self.scrub(item) for name, item in value.items()}
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return self._echoes.get(canonical(value), value)
        return value

    def scrub_text(self, text: str) -> str:
        """A text with everything that was hidden elsewhere replaced."""
        for secret, token in self._echoes.items():
            if secret in text:
                text = text.replace(secret, token)
        return text

    # -- how

    def _cookie_difference(self, difference: Difference, segments: Sequence[str]) -> Difference:
        legacy, new = difference.legacy, difference.new
        if len(segments) == 1 or segments[-1] == "value":  # the cookie as a whole
            legacy, new = self._hide_value(legacy), self._hide_value(new)
        path = "/".join(("@cookie", *map(self._segment, segments)))
        legacy, new = self._value(legacy, (), 0), self._value(new, (), 0)
        return difference._replace(
            legacy=legacy, new=new, path=path, pattern=self._redactor.place(difference.pattern).pattern
        )

    def _rule_difference(self, difference: Difference) -> Difference:
        """What a function of the user's raised, told at the place where: the words may hold the values of it."""
        where, said = difference.legacy, difference.new
        if not isinstance(where, str) or not isinstance(said, str):
            return difference._replace(legacy=self._value(where, (), 0), new=self._value(said, (), 0))
        first, *segments = where.split("/")
        if first:
            hidden = first in {"@cookie", "@header"}
            return difference._replace(legacy=self.text(where), new=self._words(said, hidden=hidden))
        depth, _ = self._redactor.hidden_depth(segments)
        shown = segments if depth is None else segments[: depth + 1]
        return difference._replace(
            legacy="/".join(("", *map(self._segment, shown))), new=self._words(said, hidden=depth is not None)
        )

    def _words(self, said: str, *, hidden: bool) -> str:
        name, colon, words = said.partition(":")
        return f"{name}: {self._hide(words.strip())}" if hidden and colon else self.text(said)

    def _keyed(self, value: Any) -> Any:
        """A hash that needs the key: of a short body whoever guesses it could tell that from the plain one."""
        return self._redactor.token(value) if isinstance(value, str) and not value.startswith(TOKEN_START) else value

    def _segment(self, segment: str) -> str:
        """A segment of a path as it may be told."""
        return self.name(unescape(segment)) if self._redactor.is_no_name(unescape(segment)) else segment

    def name(self, name: str) -> str:
        """A member's name, as a token where it is no name but a secret."""
        return self._hide(name) if self._redactor.is_no_name(name) else name

    def _values(self, value: Any, nodes: Sequence[Trie], *, several: bool) -> Any:
        """The value of a place; where its name stood more than once, all of its values."""
        if several and isinstance(value, list):
            return [self._value(one, nodes, 0) for one in value]
        return self._value(value, nodes, 0)

    def _hide(self, text: str) -> str:
        """The token of a secret text, which is looked for elsewhere from now on."""
        if text.startswith(TOKEN_START):
            return text
        self.count += 1
        token = self._redactor.token(text)
        self._hidden[text] = token
        if len(text) >= ECHO_CHARACTERS_MIN and len(self._echoes) < ECHOES_MAX:
            for form in {text, quote(text, safe=""), quote(text), escape(text), unquote_plus(text)}:
                if len(form) >= ECHO_CHARACTERS_MIN:
                    self._echoes[form] = token
        return token

    def _unless_hidden(self, value: Any) -> Any:
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            return self._hidden.get(str(value), value)
        return value

    def _hide_value(self, value: Any) -> Any:
        """The token of any JSON value; null, true and false tell nothing and stay."""
        if value is None or isinstance(value, bool) or value == "":
            return value
        if isinstance(value, str):
            return self._hide(value)
        if isinstance(value, (dict, list)):
            for text in _texts(value):
                self._hide(text)
            self.count += 1
            return self._redactor.token(value)
        return self._hide(canonical(value))

    def _field(self, name: str, value: str) -> str:
        if name in COOKIE_FIELDS:
            return self._set_cookie(value) if name == "set-cookie" else self._cookie(value)
        if name in CREDENTIAL_FIELDS:
            return self._credentials(value)
        if self._redactor.hides_field(name):
            return self._hide(value) if value else value
        if name in _URL_FIELDS and "?" in value:
            return self.target(value)
        return self.text(value)

    def _of_field(self, name: str, value: Any) -> Any:
        return self._field(name, value) if isinstance(value, str) else self._value(value, (), 0)

    def _cookie(self, value: str) -> str:
        return "; ".join([self._pair(pair.strip(), "=") for pair in value.split(";")])

    def _set_cookie(self, value: str) -> str:
        pair, mark, attributes = value.partition(";")
        return self._pair(pair.strip(), "=") + mark + self.text(attributes)

    def _pair(self, pair: str, mark: str) -> str:
        name, there, value = pair.partition(mark)
        if not there:  # without a name it is all value
            return self._hide(pair) if pair else pair
        return self.name(name) + mark + (self._hide(value.strip('" ')) if value else "")

    def _credentials(self, value: str) -> str:
        scheme, space, rest = value.partition(" ")
        if not space or scheme.lower() not in KNOWN_SCHEMES:  # what stands there may be the secret itself
            return self._hide(value) if value else value
        for secret in _basic(scheme, rest):
            self._hide(secret)
        return f"{scheme} {self._hide(rest.strip())}"

    def _parameter(self, pair: str) -> str:
        name, mark, value = pair.partition("=")
        if self._redactor.is_no_name(unquote_plus(name)):
            name = self._hide(unquote_plus(name))
            pair = f"{name}{mark}{value}"
        if mark and value and self._redactor.hides_parameter(unquote_plus(name)):
            return f"{name}={self._hide(unquote_plus(value))}"
        said = unquote_plus(value)
        told = self.text(said)
        return self.text(pair) if told == said else f"{self.text(name)}={quote(told, safe=_PLAIN_IN_QUERY)}"

    def _value(self, value: Any, nodes: Sequence[Trie], depth: int) -> Any:
        if isinstance(value, str):
            return self._text(value, nodes, depth)
        if isinstance(value, dict):
            return self._object(value, nodes, depth + 1) if depth < DEPTH_MAX else self._hide_value(value)
        if isinstance(value, list):
            if depth >= DEPTH_MAX:
                return self._hide_value(value)
            if not nodes:
                return [self._value(item, (), depth + 1) for item in value]
            return [self._member(str(index), item, nodes, depth + 1) for index, item in enumerate(value)]
        if isinstance(value, int) and is_card_number(value):
            return self._hide_value(value)
        return value

    def _text(self, text: str, nodes: Sequence[Trie], depth: int) -> str:
        """A text; where it is JSON, as a document: names, paths and neighbours are found in it as in others."""
        if len(text) > 1 and text[0] in _JSON_STARTS and text.rstrip()[-1:] in _JSONENDS and depth < DEPTH_MAX:
            try:
                document = json.loads(text, object_pairs_hook=_members)
            except (_AmbiguousError, RecursionError):
                return self._hide(text)
            except ValueError:
                pass
            else:
                told = self._value(document, nodes, depth + 1)
                if told != document:
                    return dump(told).decode()
        if text in self._clean:
            return text
        told = replace_secrets(text, self._hide, self._redactor.hides)
        if told == text and len(text) <= _CLEAN_CHARACTERS_MAX:
            self._clean.add(text)  # both arms say mostly the same
        return told

    def _object(self, value: dict[str, Any], nodes: Sequence[Trie], depth: int) -> dict[str, Any]:
        named = not _NAMED.isdisjoint(value) and any(
            isinstance(said := value.get(member), str) and self._redactor.hides(said) for member in _NAMING
        )
        hides = self._redactor.hides
        redacted: dict[str, Any] = {}
        if value.keys() == _HASHED:  # a part that cannot be looked into
            return {name: self._keyed(item) for name, item in value.items()}
        for name, item in value.items():
            shown = self.name(name)
            if hides(name) or (named and name in _NAMED):
                redacted[shown] = self._hide_value(item)
            elif nodes:
                redacted[shown] = self._member(name.replace("~", "~0").replace("/", "~1"), item, nodes, depth)
            else:
                redacted[shown] = self._value(item, (), depth)
        return redacted

    def _member(self, segment: str, item: Any, nodes: Sequence[Trie], depth: int) -> Any:
        inner = below(nodes, segment)
        if any(END in node for node in inner):
            return self._hide_value(item)
        return self._value(item, inner, depth)


class _AmbiguousError(Exception):
    """An object has a name twice."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of a JSON text; of one with a name twice nobody knows which value its reader takes."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _AmbiguousError
    return made


def _texts(value: Any) -> Iterable[str]:
    """Every text inside of a JSON value, in keys as well; a loop, because documents are deep."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, list):
            left += one
        elif isinstance(one, dict):
            left += one.keys()
            left += one.values()


def _basic(scheme: str, credentials: str) -> Sequence[str]:
    """User and password of Basic credentials: an application may show either."""
    if scheme.lower() != "basic":
        return ()
    try:
        user, mark, password = (
            b64decode(credentials + "=" * (-len(credentials) % 4), validate=True)
            .decode("utf-8", "replace")
            .partition(":")
        )
    except (binascii.Error, ValueError):
        return ()
    return (password, f"{user}:{password}") if mark else ()


def _in_json(text: str) -> bytes:
    """A text as it stands inside of a JSON string."""
    try:
        return orjson.dumps(text)[1:-1]
    except TypeError:
        return text.encode("ascii", "backslashreplace")
