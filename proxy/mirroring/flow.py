"""What is mirrored on one route: where copies go by the table in force, and how many are under way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proxy.mirroring.bucket import Bucket
from proxy.mirroring.secondasks import SecondAsks
from routes.methods import SAFE_METHODS

if TYPE_CHECKING:
    from proxy.hop.pool import Service
    from proxy.mirroring.counters import MirrorCounters
    from routes.model import ArmModel
    from routes.shadowing import ShadowModel


@dataclass(frozen=True, slots=True)
class Asked:
    """An arm, and the pool through which mirrors ask it.

    Attributes:
        arm: whose rewriting applies.
        service: the pool.
    """

    arm: ArmModel
    service: Service


@dataclass(frozen=True, slots=True)
class Target:
    """Who gets the copy of a request.

    Attributes:
        arm: whose rewriting applies.
        service: the pool through which mirrors ask it.
        flow: that the copy is part of.
        counters: of the route and this arm.
        legacy: who is asked a second time for the noise.
        writes: the copy may change something.
        sandbox: the service is a sandbox, not the arm's own.
    """

    arm: ArmModel
    service: Service
    flow: Flow
    counters: MirrorCounters
    legacy: Asked | None
    writes: bool = False
    sandbox: bool = False


@dataclass(frozen=True, slots=True)
class RouteMirror:
    """How one route of the table in force is mirrored.

    Attributes:
        shadow: the policy.
        flow: what moves on it.
        safe: arm that serves -> who gets copies of safe requests.
        writes: arm that serves -> who gets copies of all others.
    """

    shadow: ShadowModel
    flow: Flow
    safe: Mapping[str, Target]
    writes: Mapping[str, Target]

    def target(self, method: bytes, served: str) -> Target | None:
        """Who gets the copy of a request that `served` ("legacy" or "new") answers; None where nobody does."""
        return (self.safe if method in SAFE_METHODS else self.writes).get(served)


class Flow:
    """What moves on one route, over all tables that had it.

    Attributes:
        active: mirrors that ask.
        bucket: for `rate_max`.
        second_asks: of legacy, beyond the sample.
    """

    __slots__ = ("active", "bucket", "second_asks")

    def __init__(self) -> None:
        self.active = 0
        self.bucket = Bucket()
        self.second_asks = SecondAsks()
