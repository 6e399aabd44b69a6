"""What was hidden in one exchange: a token for each, and the same found again wherever else it stands.

An error message echoes a password, a redirect carries a token: as it is, percent-encoded or escaped for HTML. Shorter
secrets than `ECHO_CHARACTERS_MIN` are not looked for in texts, where they would be found in everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any, Final
from urllib.parse import quote, unquote_plus

import orjson

from shadow.keeping.places import TOKEN_START, Places, canonical
from shadow.keeping.secrets import ECHO_CHARACTERS_MIN

#: Secrets of one exchange that are looked for elsewhere in it.
ECHOES_MAX: Final = 256


class Hidden:
    """Takes what is secret, gives tokens, and remembers.

    Args:
        places: of the route; they make the tokens.

    Attributes:
        count: values that became tokens.
        places: what is secret on the route.
    """

    __slots__ = ("_echoes", "_tokens", "count", "places")

    def __init__(self, places: Places) -> None:
        self.count = 0
        self.places = places
        self._tokens: dict[str, str] = {}  # what was hidden, as a whole -> its token
        self._echoes: dict[str, str] = {}  # as it may stand elsewhere -> its token

    def hide(self, text: str) -> str:
        """The token of a secret text, which is looked for elsewhere from now on."""
        if text.startswith(TOKEN_START):
            return text
        self.count += 1
        token = self.places.token(text)
        self._tokens[text] = token
        if len(text) >= ECHO_CHARACTERS_MIN and len(self._echoes) < ECHOES_MAX:
            for form in {text, quote(text, safe=""), quote(text), escape(text), unquote_plus(text)}:
                if len(form) >= ECHO_CHARACTERS_MIN:
                    self._echoes[form] = token
        return token

    def unless_hidden(self, value: Any) -> Any:
        """A value, or its token where the same was hidden as a whole."""
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            return self._tokens.get(str(value), value)
        return value

    def hide_value(self, value: Any) -> Any:
        """The token of any JSON value; null, true and false tell nothing and stay."""
        if value is None or isinstance(value, bool) or value == "":
            return value
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, (dict, list)):
            for text in _texts(value):
                self.hide(text)
            self.count += 1
            return self.places.token(value)
        return self.hide(canonical(value))

    def keyed(self, value: Any) -> Any:
        """A hash that needs the key: of a short body whoever guesses it could tell that from the plain one."""
        return self.places.token(value) if isinstance(value, str) and not value.startswith(TOKEN_START) else value

    # -- elsewhere

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


def _in_json(text: str) -> bytes:
    """A text as it stands inside of a JSON string."""
    try:
        return orjson.dumps(text)[1:-1]
    except TypeError:
        return text.encode("ascii", "backslashreplace")
