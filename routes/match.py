"""What a request must look like: host, path, methods, and conditions on headers, query and cookies.

Everything is compared as raw bytes. Of a header, query parameter or cookie that comes several times the first one
counts. Query names and values are decoded as forms are (`+` is a space, `%41` is `A`, `;` separates nothing).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from routes.head import Head
from routes.template import PathRegex, PathTemplate

#: No wildcard matches a longer host: no name in DNS is longer (RFC 1035 section 2.3.4).
HOST_BYTES_MAX = 255


@dataclass(frozen=True, slots=True)
class HostPattern:
    """A host, or every host below one.

    Attributes:
        text: as configured, in lower case.
        name: the host; of `*.shop.example` what follows the star, `.shop.example`.
        wildcard: whether it is such a pattern. `a.b.shop.example` matches it, `shop.example` does not.
    """

    text: str
    name: bytes
    wildcard: bool

    def matches(self, host: bytes) -> bool:
        """Whether a host (lower case, no port) is meant."""
        if self.wildcard:
            return host.endswith(self.name) and len(self.name) < len(host) <= HOST_BYTES_MAX
        return host == self.name

    def covers(self, other: HostPattern) -> bool:
        """Whether every host that `other` matches is matched by this one."""
        if self.wildcard:
            return other.name.endswith(self.name) and (other.wildcard or other.name != self.name)
        return not other.wildcard and other.name == self.name


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on a header, query parameter or cookie.

    Attributes:
        source: `"header"`, `"query"` or `"cookie"`.
        name: in lower case where it is a header's.
        exact: the value it must have, or None.
        pattern: the regex that must be found in it, or None.
        present: whether it must be there (True) or must not (False).
        text: the condition as people read it.
    """

    source: str
    name: bytes
    exact: bytes | None
    pattern: re.Pattern[bytes] | None
    present: bool
    text: str

    def value(self, head: Head) -> bytes | None:
        """What the request says, or None."""
        if self.source == "header":
            return head.header(self.name)
        if self.source == "cookie":
            return head.cookie(self.name)
        return None if head.query is None else query_value(head.query, self.name)

    def holds(self, head: Head) -> bool:
        """Whether the request fulfils it."""
        value = self.value(head)
        if value is None:
            return not self.present
        if self.exact is not None:
            return value == self.exact
        return self.present if self.pattern is None else self.pattern.search(value) is not None

    def implies(self, other: Condition) -> bool:
        """Whether a request that fulfils this one surely fulfils `other`. False also means that nobody can tell."""
        if (self.source, self.name) != (other.source, other.name):
            return False
        if not self.present or not other.present:
            return self.present == other.present
        if other.exact is not None:
            return self.exact == other.exact
        if other.pattern is None:
            return True
        if self.exact is not None:
            return other.pattern.search(self.exact) is not None
        return self.pattern is not None and self.pattern.pattern == other.pattern.pattern


@dataclass(frozen=True, slots=True)
class MatchModel:
    """The match rule of a route, compiled.

    Attributes:
        host: None is any.
        path: None is any, `*` of `OPTIONS *` included.
        methods: None is all. Compared exactly: GET in the list does not bring HEAD with it.
        conditions: all of them must hold.
    """

    host: HostPattern | None
    path: PathTemplate | PathRegex | None
    methods: frozenset[bytes] | None
    conditions: tuple[Condition, ...]

    def failures(self, head: Head) -> list[tuple[str, str]]:
        """What does not match, as (part, sentence); parts are host, path, method, header, query and cookie.

        Slow: for people. The matcher stops at the first failure and says nothing.
        """
        failed = []
        if self.host is not None and not self.host.matches(head.host):
            failed.append(("host", f"host is {_shown(head.host)}, not {self.host.text}"))
        if self.path is not None and not self.path.matches(head.path):
            failed.append(("path", f"path is {_shown(head.path)}, not {self.path.text}"))
        if self.methods is not None and head.method not in self.methods:
            allowed = ", ".join(sorted(_shown(method) for method in self.methods))
            failed.append(("method", f"method is {_shown(head.method)}, not {allowed}"))
        for condition in self.conditions:
            if not condition.holds(head):
                value = condition.value(head)
                given = "it is missing" if value is None else f"it is {_shown(value)!r}"
                failed.append((condition.source, f"wanted: {condition.text}; {given}"))
        return failed


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "backslashreplace")


def query_value(query: bytes, name: bytes) -> bytes | None:
    """The decoded value of the first parameter called `name`, or None. A parameter without `=` has the value `b""`."""
    if name not in query and b"%" not in query and b"+" not in query:
        return None
    for pair in query.split(b"&"):
        key, _, value = pair.partition(b"=")
        if form_decode(key) == name and pair:
            return form_decode(value)
    return None


def form_decode(text: bytes) -> bytes:
    """Decode as application/x-www-form-urlencoded does (WHATWG URL, section 5.1); broken escapes stay as they are."""
    if b"+" in text:
        text = text.replace(b"+", b" ")
    return unquote_to_bytes(text) if b"%" in text else text
