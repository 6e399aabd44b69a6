"""A token bucket: so many a second, and one second's worth at once."""

from __future__ import annotations


class Bucket:
    """Full at first. Its rate is given with each question, so that another table may change it."""

    __slots__ = ("_filled_s", "_tokens")

    def __init__(self) -> None:
        self._tokens: float | None = None
        self._filled_s = 0.0

    def take(self, rate: float, now_s: float) -> bool:
        """Take one token of a bucket that is filled at `rate` per second and holds one second's worth, or one.

        Args:
            rate: tokens per second.
            now_s: monotonic.
        """
        size = max(1.0, rate)
        tokens = self._tokens
        tokens = size if tokens is None else min(size, tokens + (now_s - self._filled_s) * rate)
        self._filled_s = now_s
        if tokens < 1.0:
            self._tokens = tokens
            return False
        self._tokens = tokens - 1.0
        return True
