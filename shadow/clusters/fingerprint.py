"""What makes two differences the same finding: route, normalised path, kind and relation."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from shadow.comparison import Difference
from shadow.noise.patterns import normalised

#: Bytes of a fingerprint; twice as many characters.
FINGERPRINT_BYTES: Final = 8


def fingerprint(route: str, difference: Difference, relation: str) -> str:
    """16 characters that are the same for every difference of one cluster."""
    parts = (route, normalised(difference.pattern), difference.kind.value, relation)
    return blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=FINGERPRINT_BYTES).hexdigest()
