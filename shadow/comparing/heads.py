"""What is compared beside the body: status, chosen headers, Content-Type, Set-Cookie, latency."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from routes.shadowing import CompareModel
from shadow.comparing.cookies import read_cookies
from shadow.comparison import Kind
from shadow.exchange import Answer
from shadow.reading.media import media_type
from shadow.reading.pointer import escape

#: Below this, how many times slower new is says more about the clock than about new.
LATENCY_FLOOR_S: Final = 0.01
#: Lists of tokens: their order, case and spacing mean nothing.
_TOKEN_LISTS: Final = frozenset({
    "accept-ranges", "allow", "cache-control", "access-control-allow-methods", "access-control-allow-headers",
    "access-control-expose-headers", "content-language", "pragma", "vary",
})  # fmt: skip
_CONTENT_TYPE: Final = "content-type"
_SET_COOKIE: Final = "set-cookie"

#: (path, legacy, new): compares one value beside the body; a value that is None is not there.
Compare = Callable[[str, Any, Any], None]


class HeadComparer:
    """Compares the heads of answers as one route asks for it."""

    def __init__(self, model: CompareModel) -> None:
        self._names = dict.fromkeys((_CONTENT_TYPE, *(name for name in model.headers if name != _SET_COOKIE)))
        self._cookies = model.cookies
        self._wanted = frozenset(self._names) | ({_SET_COOKIE} if model.cookies else frozenset())
        self._latency_factor = model.latency_factor

    def compare(self, legacy: Answer, new: Answer, compare: Compare) -> None:
        """Hands every pair of values that may differ to `compare`."""
        compare("@status", legacy.status, new.status)
        wanted = self._wanted
        left = [field for field in legacy.fields if field[0] in wanted]
        right = [field for field in new.fields if field[0] in wanted]
        if left != right:
            for name in self._names:
                before, after = header_value(name, left), header_value(name, right)
                if before != after:
                    compare(f"@header/{name}", before, after)
            if self._cookies:
                _compare_cookies(left, right, compare)
        self._compare_latency(legacy, new, compare)

    def _compare_latency(self, legacy: Answer, new: Answer, compare: Compare) -> None:
        factor = self._latency_factor
        if factor is not None and new.total_s > max(legacy.total_s * factor, legacy.total_s + LATENCY_FLOOR_S):
            compare("@latency", round(legacy.total_s, 6), round(new.total_s, 6))


def header_value(name: str, fields: list[tuple[str, str]]) -> str | None:
    """All values of a header as one, normalised as far as its meaning allows; None where it is absent."""
    values = [value.strip() for key, value in fields if key == name]
    if not values:
        return None
    if name == _CONTENT_TYPE:
        return media_type(values[0]).normalised
    joined = ", ".join(values)
    if name in _TOKEN_LISTS:
        return ", ".join(sorted({token.strip().lower() for token in joined.split(",")} - {""}))
    return joined


def _compare_cookies(legacy: list[tuple[str, str]], new: list[tuple[str, str]], compare: Compare) -> None:
    left = read_cookies(value for name, value in legacy if name == _SET_COOKIE)
    right = read_cookies(value for name, value in new if name == _SET_COOKIE)
    for name in left | right:
        at = f"@cookie/{escape(name)}"
        if name not in left or name not in right:
            compare(at, left.get(name), right.get(name))
            continue
        for attribute in left[name] | right[name]:
            before, after = left[name].get(attribute), right[name].get(attribute)
            if before != after:
                compare(f"{at}/{escape(attribute)}", before, after)


def one_sided(legacy: Any, new: Any) -> Kind | None:
    """`MISSING` or `EXTRA` where a value beside the body is there on one side only; None otherwise."""
    if new is None:
        return Kind.MISSING if legacy is not None else None
    return Kind.EXTRA if legacy is None else None
