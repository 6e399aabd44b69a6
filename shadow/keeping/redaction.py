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
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote, unquote_plus

from shadow.exchange import Fields
from shadow.keeping.hidden import Hidden
from shadow.keeping.places import COOKIE_FIELDS, CREDENTIAL_FIELDS, END, Places, Trie, below
from shadow.keeping.secrets import KNOWN_SCHEMES, is_card_number, replace_secrets
from shadow.keeping.values import dump

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
#: How a part of a multipart body is shown that cannot be looked into.
_HASHED: Final = frozenset(("bytes", "sha256"))
#: A member of one of these names says what the member beside it holds: `{"name": "password", "value": "x"}`.
_NAMING: Final = ("name", "@name", "key", "id", "@id", "type", "@type", "autocomplete")
_NAMED: Final = frozenset(("value", "@value", "content", "@content", "data", "#text"))


class Redactor(Places):
    """How one route's exchanges are redacted."""

    __slots__ = ()

    def begin(self) -> Redaction:
        """The redaction of one exchange."""
        return Redaction(self)


class Redaction(Hidden):
    """The redaction of one exchange: remembers what it hid, to find it elsewhere.

    Args:
        redactor: of the route.
    """

    __slots__ = ("_clean",)

    def __init__(self, redactor: Redactor) -> None:
        super().__init__(redactor)
        self._clean: set[str] = set()  # texts that were looked at and hold nothing

    # -- the parts of an exchange

    def fields(self, fields: Fields) -> Fields:
        """Headers, with the values of secret ones as tokens; names and attributes of cookies stay."""
        return tuple((name, self.field(name, value)) for name, value in fields)

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
        return self.value(document, (self.places.paths,), 0)

    def name(self, name: str) -> str:
        """A member's name, as a token where it is no name but a secret."""
        return self.hide(name) if self.places.is_no_name(name) else name

    def field(self, name: str, value: str) -> str:
        """The value of a header, with what is secret in it as tokens."""
        if name in COOKIE_FIELDS:
            return self._set_cookie(value) if name == "set-cookie" else self._cookie(value)
        if name in CREDENTIAL_FIELDS:
            return self._credentials(value)
        if self.places.hides_field(name):
            return self.hide(value) if value else value
        if name in _URL_FIELDS and "?" in value:
            return self.target(value)
        return self.text(value)

    def value(self, value: Any, nodes: Sequence[Trie], depth: int) -> Any:
        """A JSON value, as a copy in which secrets are tokens.

        Args:
            value: neither it nor its name is secret as a whole.
            nodes: what the paths of the rules say below it.
            depth: of the document around it.
        """
        if isinstance(value, str):
            return self._text(value, nodes, depth)
        if isinstance(value, dict):
            return self._object(value, nodes, depth + 1) if depth < DEPTH_MAX else self.hide_value(value)
        if isinstance(value, list):
            if depth >= DEPTH_MAX:
                return self.hide_value(value)
            if not nodes:
                return [self.value(item, (), depth + 1) for item in value]
            return [self._member(str(index), item, nodes, depth + 1) for index, item in enumerate(value)]
        if isinstance(value, int) and is_card_number(value):
            return self.hide_value(value)
        return value

    # -- how

    def _cookie(self, value: str) -> str:
        return "; ".join([self._pair(pair.strip(), "=") for pair in value.split(";")])

    def _set_cookie(self, value: str) -> str:
        pair, mark, attributes = value.partition(";")
        return self._pair(pair.strip(), "=") + mark + self.text(attributes)

    def _pair(self, pair: str, mark: str) -> str:
        name, there, value = pair.partition(mark)
        if not there:  # without a name it is all value
            return self.hide(pair) if pair else pair
        return self.name(name) + mark + (self.hide(value.strip('" ')) if value else "")

    def _credentials(self, value: str) -> str:
        scheme, space, rest = value.partition(" ")
        if not space or scheme.lower() not in KNOWN_SCHEMES:  # what stands there may be the secret itself
            return self.hide(value) if value else value
        for secret in _basic(scheme, rest):
            self.hide(secret)
        return f"{scheme} {self.hide(rest.strip())}"

    def _parameter(self, pair: str) -> str:
        name, mark, value = pair.partition("=")
        if self.places.is_no_name(unquote_plus(name)):
            name = self.hide(unquote_plus(name))
            pair = f"{name}{mark}{value}"
        if mark and value and self.places.hides_parameter(unquote_plus(name)):
            return f"{name}={self.hide(unquote_plus(value))}"
        said = unquote_plus(value)
        told = self.text(said)
        return self.text(pair) if told == said else f"{self.text(name)}={quote(told, safe=_PLAIN_IN_QUERY)}"

    def _text(self, text: str, nodes: Sequence[Trie], depth: int) -> str:
        """A text; where it is JSON, as a document: names, paths and neighbours are found in it as in others."""
        if len(text) > 1 and text[0] in _JSON_STARTS and text.rstrip()[-1:] in _JSONENDS and depth < DEPTH_MAX:
            try:
                document = json.loads(text, object_pairs_hook=_members)
            except (_AmbiguousError, RecursionError):
                return self.hide(text)
            except ValueError:
                pass
            else:
                told = self.value(document, nodes, depth + 1)
                if told != document:
                    return dump(told).decode()
        if text in self._clean:
            return text
        told = replace_secrets(text, self.hide, self.places.hides)
        if told == text and len(text) <= _CLEAN_CHARACTERS_MAX:
            self._clean.add(text)  # both arms say mostly the same
        return told

    def _object(self, value: dict[str, Any], nodes: Sequence[Trie], depth: int) -> dict[str, Any]:
        named = not _NAMED.isdisjoint(value) and any(
            isinstance(said := value.get(member), str) and self.places.hides(said) for member in _NAMING
        )
        hides = self.places.hides
        redacted: dict[str, Any] = {}
        if value.keys() == _HASHED:  # a part that cannot be looked into
            return {name: self.keyed(item) for name, item in value.items()}
        for name, item in value.items():
            shown = self.name(name)
            if hides(name) or (named and name in _NAMED):
                redacted[shown] = self.hide_value(item)
            elif nodes:
                redacted[shown] = self._member(name.replace("~", "~0").replace("/", "~1"), item, nodes, depth)
            else:
                redacted[shown] = self.value(item, (), depth)
        return redacted

    def _member(self, segment: str, item: Any, nodes: Sequence[Trie], depth: int) -> Any:
        inner = below(nodes, segment)
        if any(END in node for node in inner):
            return self.hide_value(item)
        return self.value(item, inner, depth)


class _AmbiguousError(Exception):
    """An object has a name twice."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of a JSON text; of one with a name twice nobody knows which value its reader takes."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _AmbiguousError
    return made


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
