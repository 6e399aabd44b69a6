"""A data plane with a route in shadow mode, its two services and a comparer, in the test's own process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from shadow.exchange import Exchange
from support.comparing_server import Comparer
from support.proxy_plane import PlaneFactory, Proxy, config_for
from support.upstream_script import Upstream, answer_ok
from support.waits import eventually

GET = b"GET /orders/7?x=1 HTTP/1.1\r\nHost: shop.example\r\n\r\n"


class ShadowPlane:
    """What a test of mirroring needs.

    Attributes:
        proxy: the data plane.
        legacy: the scripted legacy service.
        new: the scripted new service.
        comparer: takes the exchanges.
    """

    def __init__(self, proxy: Proxy, legacy: Upstream, new: Upstream, comparer: Comparer) -> None:
        self.proxy = proxy
        self.legacy = legacy
        self.new = new
        self.comparer = comparer

    async def ask(self, raw: bytes = GET, *more: bytes) -> bytes:
        """One request on a connection of its own; the body of the answer."""
        client = await self.proxy.connect()
        reply = await client.request(raw, *more)
        client.abort()
        return reply.body

    async def exchange(self, raw: bytes = GET, *more: bytes) -> Exchange:
        """One request, and what the comparer got of it."""
        before = len(self.comparer.exchanges)
        await self.ask(raw, *more)
        await eventually(lambda: len(self.comparer.exchanges) > before)
        assert len(self.comparer.exchanges) == before + 1
        return self.comparer.exchanges[-1]

    def counters(self, arm: str = "new") -> dict[str, Any]:
        """The numbers of the route's mirrors to that arm, checked to add up."""
        for numbers in self.proxy.plane.mirrors.snapshot():
            ends = sum(numbers["shed"].values()) + sum(numbers["lost"].values()) + numbers["compared"]
            assert numbers["sent"] == ends + numbers["under_way"]
            if numbers["arm"] == arm:
                return numbers
        return {"sent": 0, "under_way": 0, "compared": 0, "shed": {}, "lost": {}, "answers": {}, "verdicts": {}}

    async def settled(self, arm: str = "new") -> dict[str, Any]:
        """The numbers once nothing is under way."""
        await eventually(lambda: self.counters(arm)["sent"] and not self.counters(arm)["under_way"])
        assert self.proxy.plane.mirrors.memory.held_bytes == 0
        return self.counters(arm)


def shadow_config(legacy: str, new: str, **route: Any) -> dict[str, Any]:
    """One route for everything in mode shadow, without noise sample unless `route` says otherwise."""
    shadow = {"noise_sample": "0%", **route.pop("shadow", {})}
    given = {"mode": "shadow", "new": "new", "shadow": shadow, **route}
    services = {"new": {"urls": [new], **given.pop("new_service", {})}, **given.pop("services", {})}
    service = given.pop("service", {})
    return config_for(legacy, services=services, route=given, service=service)


ShadowFactory = Callable[..., Awaitable[ShadowPlane]]


def shadow_factory(
    folder: Path, proxy: PlaneFactory, upstream: Upstream, another: Callable[..., Awaitable[Upstream]]
) -> tuple[ShadowFactory, Comparer]:
    """Something that starts a `ShadowPlane`: `plane = await start(shadow={…}, mode=…)`, and its comparer."""
    comparer = Comparer(folder / "comparer.sock")

    async def start(script: Any = answer_ok, *, comparing: bool = True, **route: Any) -> ShadowPlane:
        new = await another(script)
        if comparing:
            await comparer.start()
        plane = await proxy(shadow_config(upstream.url, new.url, **route), comparer=comparer.path)
        return ShadowPlane(plane, upstream, new, comparer)

    return start, comparer
