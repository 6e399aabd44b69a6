"""Path patterns with keys that are identifiers taken out, so that one place is one place whatever object is asked for.

`Difference.pattern` has `*` for array indexes already. Objects that are used as maps, `{"users": {"<uuid>": …}}`, would
still give every object a pattern of its own: there the key becomes `*` too, which rules understand the same way.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

_CACHED_MAX: Final = 4_096
#: Keys that name an object, not a member: whole numbers, dates, UUIDs, hashes, and names that end in a long number.
_IDENTIFIER: Final = re.compile(
    r"\d+|\d{4}-\d\d-\d\d|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|(?=[a-fA-F]*\d)[0-9a-fA-F]{12,}"
    r"|[A-Za-z]{1,12}[-_:]?\d{4,}|[0-9A-HJKMNP-TV-Z]{26}",
    re.ASCII,
)


@lru_cache(maxsize=_CACHED_MAX)
def normalised(pattern: str) -> str:
    """`/users/1b9d6bcd-…/name` as `/users/*/name`; headers, cookies and the like stay as they are."""
    if not pattern.startswith("/"):
        return pattern
    return "/".join("*" if _IDENTIFIER.fullmatch(part) else part for part in pattern.split("/"))
