"""Which core runs what: the proxy alone on one, the load and the upstream on others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cores:
    """One core for each part; on two cores the load generator and the upstream share the first."""

    load: int
    proxy: int
    upstream: int

    @classmethod
    def choose(cls) -> Cores:
        """Spread the parts over the cores that this process may use."""
        allowed = sorted(os.sched_getaffinity(0))
        load = allowed[0]
        proxy = allowed[1] if len(allowed) > 1 else load
        upstream = allowed[2] if len(allowed) > 2 else load
        return cls(load=load, proxy=proxy, upstream=upstream)

    @property
    def isolated(self) -> bool:
        """Whether the proxy has a core of its own. Where not, the run says so: nothing in it is worth quoting."""
        return self.proxy not in (self.load, self.upstream)


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Run the block on one core. A child started inside inherits that, its threads included, from its first moment."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
