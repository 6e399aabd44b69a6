"""Methods by what may be done with them unasked (RFC 9110 section 9.2)."""

from __future__ import annotations

from typing import Final

#: Methods that change nothing, so that the other system may be asked as well: what the configuration calls `safe`. Only
#: those of HTTP itself; the safe methods of its extensions are left out.
SAFE_METHODS: Final = frozenset({b"GET", b"HEAD", b"OPTIONS"})
#: Methods that may be sent to the same service once more (section 9.2.2), those of WebDAV that change nothing included
#: (RFC 3253, 4918, 5323).
IDEMPOTENT_METHODS: Final = SAFE_METHODS | {b"PROPFIND", b"REPORT", b"SEARCH", b"PUT", b"DELETE"}
