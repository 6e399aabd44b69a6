"""Set-Cookie by name and attribute.

Source: RFC 6265 section 5.2; the names of attributes without regard to case.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

#: Cookies of one answer, and attributes of one cookie, that are looked at.
COOKIES_MAX: Final = 200
ATTRIBUTES_MAX: Final = 50
#: Where the value of a cookie stands among its attributes.
VALUE: Final = "value"
_LOWER_CASE: Final = frozenset({"samesite", "domain", "priority"})

Cookies = dict[str, dict[str, str]]


def read_cookies(fields: Iterable[str]) -> Cookies:
    """Cookies by name, each as its attributes in lower case, `value` among them.

    A cookie without a name is `""`. A name that is set more than once is `name`, `name#2`, …: they may be for
    different paths.
    """
    cookies: Cookies = {}
    for field in list(fields)[:COOKIES_MAX]:
        pair, *attributes = field.split(";", ATTRIBUTES_MAX + 1)[: ATTRIBUTES_MAX + 1]
        name, there, value = pair.partition("=")
        if not there:  # without a name it is all value (RFC 6265bis, 5.6)
            name, value = "", name
        name = name.strip()
        read = {VALUE: value.strip()}
        for attribute in attributes:
            key, _, content = attribute.partition("=")
            key, content = key.strip().lower(), content.strip()
            if key and key != VALUE:
                read[key] = content.lower().lstrip(".") if key in _LOWER_CASE else content
        unique, number = name, 1
        while unique in cookies:
            number += 1
            unique = f"{name}#{number}"
        cookies[unique] = read
    return cookies
