"""One request cut in every way: what a proxy makes of it must not depend on how its bytes arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from support.raw_client import Address, Outcome, method_of, send_raw
from support.sent_requests import Sent, parse_sent
from support.upstream_script import Upstream

#: Connections open at once.
BATCH = 48


def every_cut(raw: bytes) -> Iterator[list[bytes]]:
    """Whole, in two pieces at every place, and byte by byte."""
    yield [raw]
    for at in range(1, len(raw)):
        yield [raw[:at], raw[at:]]
    yield [raw[at : at + 1] for at in range(len(raw))]


async def send_every_cut(
    address: Address, raw: bytes, methods: Sequence[bytes] | None = None
) -> list[tuple[list[bytes], Outcome]]:
    """Send `raw` once per cut, each on a connection of its own, many at a time."""
    cuts = list(every_cut(raw))
    methods = [method_of(raw)] if methods is None else methods
    results: list[tuple[list[bytes], Outcome]] = []
    for start in range(0, len(cuts), BATCH):
        batch = cuts[start : start + BATCH]
        outcomes = await asyncio.gather(*(send_raw(address, pieces, methods) for pieces in batch))
        results += zip(batch, outcomes, strict=True)
    return results


def only_request(upstream: Upstream, times: int) -> Sent:
    """The one request that reached the upstream `times` times, but for the fields that we add.

    Raises:
        AssertionError: it came another number of times, or not always the same.
    """
    sent = [parse_sent(raw) for raw in upstream.requests]
    assert len(sent) == times, f"sent {times} times, {len(sent)} reached the upstream"
    variants = {one.own for one in sent}
    assert len(variants) == 1, f"depends on the cut: {variants}"
    return sent[0]
