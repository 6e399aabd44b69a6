"""Methods that are safe (RFC 9110 section 9.2.1)."""

from __future__ import annotations

from typing import Final

#: Methods that do not change anything and may be asked again elsewhere.
SAFE_METHODS: Final = frozenset({b"GET", b"HEAD", b"OPTIONS"})
