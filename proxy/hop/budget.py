"""The retry budget of one service: keeps retries from multiplying the load on a service that is already failing.

A fixed number of attempts per request turns an outage into several times the usual load. A budget ties all retries of
a service together to a share of the requests that are under way (Finagle and Envoy do the same).
"""

from __future__ import annotations


class RetryBudget:
    """How many retries may be under way at once.

    Args:
        share: of the requests under way, 0.0 to 1.0.
        minimum: so many are always allowed, as a share of few requests would be none.
    """

    __slots__ = ("_minimum", "_share", "in_use", "refused")

    def __init__(self, share: float = 0.2, minimum: int = 3) -> None:
        self._share = share
        self._minimum = minimum
        #: Retries under way.
        self.in_use = 0
        #: Retries that were refused since the start.
        self.refused = 0

    def acquire(self, active: int) -> bool:
        """Takes one retry from the budget, if there is one.

        Args:
            active: requests to the service that are under way, this one included.

        Returns:
            True: send it again, and call `release` once when that attempt is over. False: do not.
        """
        if self.in_use < self._minimum or self.in_use + 1 <= self._share * active:
            self.in_use += 1
            return True
        self.refused += 1
        return False

    def release(self) -> None:
        """Gives one retry back."""
        self.in_use -= 1
