"""Which endpoint of a service gets the next request: the one with the fewest requests under way.

Endpoints are ranked, and the best rank that has any decides:

1. healthy and not tried yet for this request
2. healthy, already tried
3. unhealthy and not tried yet
4. unhealthy, already tried

So the balancer *fails open*: where every endpoint is unhealthy, requests still go to all of them, since the check may
be what is wrong, and an answer by chance is better than none for certain. An open breaker is different: it was opened
by the requests themselves, so its endpoint is never chosen.

Ties are broken by chance: no endpoint is favoured, not even the neighbour of a busy one, and neither services nor
workers nor several proxies fall into step, as they do with a counter.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from random import random
from typing import Protocol, TypeVar

from proxy.hop.breaker import Breaker


class Endpoint(Protocol):
    """What the balancer looks at."""

    @property
    def pending(self) -> int:
        """Requests under way."""

    @property
    def healthy(self) -> bool:
        """What the active checks say; True where there are none."""

    @property
    def breaker(self) -> Breaker | None:
        """Its breaker, None where none is configured."""


E = TypeVar("E", bound=Endpoint)

_UNHEALTHY = 2
_AVOIDED = 1


def choose(endpoints: Sequence[E], avoid: Collection[E] = ()) -> E | None:
    """The endpoint that the next request goes to.

    Where its breaker is half open, this request is now its one trial, and its result must be recorded.

    Args:
        endpoints: all of the service.
        avoid: those that were tried for this request already.

    Returns:
        None where every breaker is open (or there are no endpoints).
    """
    if len(endpoints) == 1:
        only = endpoints[0]
        breaker = only.breaker
        return only if breaker is None or breaker.allows() else None
    best: E | None = None
    best_rank = 4
    best_pending = 0
    ties = 0
    for endpoint in endpoints:
        breaker = endpoint.breaker
        if breaker is not None and not breaker.ready:
            continue
        rank = 0 if endpoint.healthy else _UNHEALTHY
        if avoid and endpoint in avoid:
            rank += _AVOIDED
        pending = endpoint.pending
        if rank < best_rank or (rank == best_rank and pending < best_pending):
            best, best_rank, best_pending, ties = endpoint, rank, pending, 1
        elif rank == best_rank and pending == best_pending:
            ties += 1
            if random() * ties < 1.0:  # noqa: S311 - each of n equals wins with 1/n; it spreads load, guards nothing
                best = endpoint
    if best is not None and best.breaker is not None:
        best.breaker.allows()  # takes the trial where it is half open
    return best
