"""The entrants: ours and its variants, and the peers that they are compared with."""

from __future__ import annotations

from benchmarks.peers.aiohttp_peer import Aiohttp
from benchmarks.peers.base import Entrant, Place
from benchmarks.peers.caddy import Caddy
from benchmarks.peers.envoy import Envoy
from benchmarks.peers.haproxy import Haproxy
from benchmarks.peers.nginx import Nginx, NginxUnbuffered
from benchmarks.peers.shadow import (
    NginxMirror,
    StranglerBeside,
    StranglerPlane,
    StranglerShadow,
    StranglerShadowGarbage,
    StranglerShadowHung,
    StranglerShadowResetting,
)
from benchmarks.peers.strangler import Strangler, StranglerCanary, StranglerRoute, StranglerRoutes

ENTRANTS: dict[str, type[Entrant]] = {
    entrant.name: entrant
    for entrant in (
        Strangler, Nginx, NginxUnbuffered, Haproxy, Envoy, Caddy, Aiohttp, StranglerRoute, StranglerRoutes,
        StranglerCanary, StranglerPlane, StranglerShadow, StranglerShadowHung, StranglerShadowResetting,
        StranglerShadowGarbage, StranglerBeside, NginxMirror,
    )
}  # fmt: skip

__all__ = ["ENTRANTS", "Entrant", "Place"]
