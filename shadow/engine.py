"""From exchanges to what is stored: compare, conclude, cluster, redact. CPU only, one exchange after the other.

```
Exchange ─▶ RouteComparer.compare        legacy against new; and legacy against its second answer, where there is one
         ─▶ VeiledNoise.conclude         what noise explains, and the verdict; nothing secret is learned
         ─▶ SelfProof                    now and then a bug in a copy: is it found?
         ─▶ findings, clusters           what is left, by cause
         ─▶ Quota ─▶ Keeper              what of it is kept, redacted
         ─▶ Concluded
```
Nothing that an exchange holds can end this: whatever is raised makes it `not_comparable` with the reason `internal`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from traceback import extract_tb
from typing import Any, Final

import structlog

from routes.shadowing import CompareModel, RuleModel
from shadow.clusters.cluster import EXAMPLES_MAX, Cluster, Example, findings
from shadow.comparing.comparer import RouteComparer
from shadow.comparing.functions import check_function, functions_of
from shadow.comparing.rules import compile_rule
from shadow.comparison import Comparison, Kind, Verdict
from shadow.errors import NoiseStateError, RuleError
from shadow.exchange import COMPLETE, Exchange
from shadow.keeping.batch import Batch, Concluded, Kept, Tally
from shadow.keeping.keeper import Keeper
from shadow.keeping.quota import Quota
from shadow.keeping.redacted import Sight
from shadow.keeping.retests import RETESTS
from shadow.keeping.tables import KEPT_FINDING, KEPT_SAMPLE
from shadow.keeping.veil import Veil, VeiledNoise
from shadow.proving.selfproof import SelfProof
from shadow.reading.media import EMPTY, JSON, JSON_LINES, media_type

#: Clusters of one route; what is beyond them is counted in one that says so.
CLUSTERS_MAX: Final = 1_000
#: Path of the cluster of what is beyond.
BEYOND: Final = "@beyond"
#: Reasons of `not_comparable` that are the engine's own.
INTERNAL: Final = "internal"  # a defect: the log says where
NO_ROUTE: Final = "no_route"  # the route is not in the configuration any more
#: Kinds of defects that are logged, each once.
DEFECTS_MAX: Final = 100

_MINUTE_S: Final = 60
#: How far the clock of a worker may be ahead, and how long an answer may take; anything else is no time.
_AHEAD_S: Final = 86_400.0
_LONGEST_S: Final = 86_400.0
_CLUSTERED: Final = frozenset((Verdict.MISMATCH, Verdict.NEW_FAILED, Verdict.LEGACY_FAILED))
_GOOD: Final = frozenset((Verdict.MATCH, Verdict.EXPLAINED))
#: Rules that say what becomes of legacy's value in new: legacy's own second answer is not to follow them.
_OF_NEW: Final = "map"

log = structlog.get_logger()


class Engine:
    """Concludes exchanges of all routes. Not for threads.

    Args:
        key: secret of the tokens that redaction puts.
        now: Unix time in seconds.
    """

    def __init__(self, key: bytes, *, now: Callable[[], float] = time.time) -> None:
        self._key = key
        self._now = now
        self._routes: dict[str, RouteEngine] = {}
        self._learned: dict[str, Any] = {}  # of routes that are not there (yet)
        self._known: dict[str, dict[str, int]] = {}
        self._defects: set[str] = set()

    def remember(self, noise: Mapping[str, Any], clusters: Mapping[str, Mapping[str, int]]) -> None:
        """Take up what was learned before this process: call it before `install`.

        Args:
            noise: route -> `VeiledNoise.to_json`.
            clusters: route -> fingerprint -> examples that it may still take.
        """
        self._learned = dict(noise)
        self._known = {route: dict(known) for route, known in clusters.items()}

    def install(
        self,
        models: Mapping[str, CompareModel],
        live: Mapping[str, Sequence[RuleModel]],
        retests: Mapping[str, int] | None = None,
    ) -> None:
        """Compare by these models and live rules from now on; what was learned of routes stays.

        Args:
            models: route -> how it is compared.
            live: route -> rules that were made while running. One that is not usable is left out and logged.
            retests: route -> the number of its paired test, see `shadow.keeping.retests`.
        """
        routes: dict[str, RouteEngine] = {}
        configured = functions_of(rule for model in models.values() for rule in model.rules)
        for name, model in models.items():
            with_rules = replace(model, rules=(*model.rules, *_usable(name, live.get(name, ()), configured)))
            before = self._routes.get(name)
            if before is not None and before.model == with_rules:
                routes[name] = before
                continue
            keeper = Keeper(self._key, with_rules)
            veil = Veil(keeper.redactor)
            noise, retested = self._noise(name, veil) if before is None else (before.noise.behind(veil), before.retests)
            noise.rules_changed()
            known = self._known.pop(name, {}) if before is None else before.known
            quota = Quota() if before is None else before.quota
            routes[name] = RouteEngine(
                name, with_rules, self._now, noise=noise, keeper=keeper, known=known, quota=quota
            )
            routes[name].retests = retested
            routes[name].dirty = noise.narrowed or (before is not None and before.dirty)
        for name in self._routes.keys() - routes.keys():
            self._learned[name] = self._routes[name].learned()
            self._known[name] = self._routes[name].known
        self._routes = routes
        for name, number in (retests or {}).items():
            if name in routes:
                routes[name].retest(number)

    def take(self, exchange: Exchange) -> Concluded:
        """Conclude one exchange; never raises what an exchange can cause."""
        exchange = _in_time(exchange, self._now())
        route = self._routes.get(exchange.route)
        if route is None:
            return _not_comparable(exchange, NO_ROUTE)
        try:
            return route.take(exchange)
        except Exception as error:  # noqa: BLE001 - whatever an exchange brings to light, the next one is compared
            self._log_defect(exchange.route, error)
            return _not_comparable(exchange, INTERNAL)

    def gather(self, batch: Batch, *, noise: bool) -> None:
        """Add to a batch what was counted beside exchanges: self-proofs, and learned noise where it is asked for."""
        for route in self._routes.values():
            counts = route.proof.tally.take()
            if counts:
                batch.add_proofs(route.name, self._now(), counts)
            if noise and route.dirty:
                batch.noise[route.name] = route.learned()
                route.dirty = False

    def unsettled(self, names: Iterable[str]) -> frozenset[str]:
        """Of these routes, those on which asking legacy twice more often would settle whether a difference is noise."""
        routes = self._routes
        return frozenset(name for name in names if name in routes and routes[name].noise.wants_second_asks())

    def _noise(self, name: str, veil: Veil) -> tuple[VeiledNoise, int]:
        """What was learned of a route, and under which number of its test."""
        state = self._learned.pop(name, None)
        if state is None:
            return VeiledNoise(veil), 0
        try:
            return VeiledNoise.from_json(state, veil), int(state.get(RETESTS, 0))
        except NoiseStateError as error:
            log.warning("shadow.noise.unusable", route=name, error=str(error))
            return VeiledNoise(veil), 0

    def _log_defect(self, route: str, error: Exception) -> None:
        """Where and what, once per kind. Not what the exception says: that may be a value of the exchange."""
        frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)[-6:]]
        kind = f"{type(error).__name__} {frames[-1]}"
        if kind not in self._defects and len(self._defects) < DEFECTS_MAX:
            self._defects.add(kind)
            log.error("shadow.exchange.failed", route=route, error=type(error).__name__, where=frames)


class RouteEngine:
    """One route.

    Attributes:
        name: of the route.
        model: file rules and live rules.
        noise: what was learned.
        known: fingerprint -> examples that the cluster may still take.
        quota: what may still be kept.
        retests: the number of the paired test.
        proof: of the comparer.
        dirty: the noise has learned since it was last written.
    """

    def __init__(
        self,
        name: str,
        model: CompareModel,
        now: Callable[[], float],
        *,
        noise: VeiledNoise,
        keeper: Keeper,
        known: dict[str, int],
        quota: Quota,
    ) -> None:
        self.name = name
        self.model = model
        self.noise = noise
        self.known = known
        self.quota = quota
        self.retests = 0
        self.dirty = False
        self._now = now
        self._comparer = RouteComparer(model, now=now)
        # A comparer of its own: its bijections hold legacy's values against legacy's.
        own = replace(model, rules=tuple(rule for rule in model.rules if rule.kind != _OF_NEW))
        self._itself = RouteComparer(own, now=now)
        self.proof = SelfProof(RouteComparer(model, now=now), noise, itself=RouteComparer(own, now=now))
        self._keeper = keeper
        self._shown: dict[str, tuple[str, str]] = {}  # fingerprint -> redacted path and relation, of some in `known`
        self._beyond = blake2b(f"{name}\0{BEYOND}".encode("utf-8", "replace"), digest_size=8).hexdigest()

    def take(self, exchange: Exchange) -> Concluded:
        """Conclude one exchange."""
        method = exchange.request.method
        compared = self._comparer.compare(exchange.legacy, exchange.new, method=method)
        again = None
        if exchange.again is not None:
            again = self._itself.compare(exchange.legacy, exchange.again, method=method)
        self.proof.before(again)
        sight = self._keeper.look(exchange, compared, again)
        concluded = self.noise.conclude(compared, again, sight)
        self.dirty = True
        self.proof.after(concluded, exchange.legacy, method=method)
        found = self._findings(exchange, concluded) if concluded.verdict in _CLUSTERED else []
        kept, clusters = self._keep(exchange, concluded, sight, found)
        return Concluded(
            _tally(exchange, concluded.verdict, concluded.reason, concluded.media),
            exchange.at,
            _durations(exchange),
            clusters,
            concluded.rules_used,
            kept,
        )

    def learned(self) -> dict[str, Any]:
        """What was learned, as it is written."""
        return {**self.noise.to_json(), RETESTS: self.retests}

    def retest(self, number: int) -> None:
        """Begin the paired test of this number, unless it is that one or a later one already."""
        if number > self.retests:
            self.noise.restart_test()
            self.retests = number
            self.dirty = True

    def _findings(self, exchange: Exchange, concluded: Comparison) -> list[tuple[Cluster, int]]:
        """The clusters that the exchange shows, each with the position of its first difference in the comparison.

        They have no examples, and paths that are not to be written yet: both are redacted first.
        """
        found: dict[str, tuple[Cluster, int]] = {}
        places = [place for place, one in enumerate(concluded.differences) if not one.explained_by]
        for place, finding in zip(places, findings(self.name, concluded), strict=True):
            fingerprint, kind, relation = finding.fingerprint, finding.difference.kind, finding.relation
            if fingerprint not in self.known and len(self.known) >= CLUSTERS_MAX:
                fingerprint, kind, relation = self._beyond, Kind.VALUE, ""
            if fingerprint not in found:
                cluster = Cluster(fingerprint, self.name, "", kind, relation, 1, exchange.at, exchange.at)
                found[fingerprint] = cluster, place
        return list(found.values())

    def _keep(
        self, exchange: Exchange, concluded: Comparison, sight: Sight, found: list[tuple[Cluster, int]]
    ) -> tuple[Kept | None, tuple[Cluster, ...]]:
        """What is kept of the exchange, and its clusters as they are written."""
        now, verdict = self._now(), concluded.verdict
        if verdict in _GOOD:
            if not self.quota.admits_sample(verdict.value, now):
                return None, ()
            return self._keeper.keep(exchange, concluded, sight, (), KEPT_SAMPLE)
        names = [cluster.fingerprint for cluster, _ in found] or [f"{verdict.value} {concluded.reason}"]
        if not self.quota.admits_finding(names, now):
            # Of several that are counted as one, one: an exchange counts once.
            return None, tuple(
                {one.fingerprint: one for one in (self._as_shown(cluster) for cluster, _ in found)}.values()
            )
        kept, clusters = self._keeper.keep(exchange, concluded, sight, found, KEPT_FINDING)
        shown = [self._remember(cluster) for cluster in clusters]
        positions = [position for _, position in found]
        return kept, tuple(map(self._with_example, shown, positions, [kept] * len(found)))

    def _remember(self, cluster: Cluster) -> Cluster:
        """A cluster whose path and relation are redacted: so it is shown from now on."""
        if cluster.fingerprint == self._beyond:
            return replace(cluster, path=BEYOND)
        self.known.setdefault(cluster.fingerprint, EXAMPLES_MAX)
        self._shown.setdefault(cluster.fingerprint, (cluster.path, cluster.relation))
        return self._as_shown(cluster)

    def _as_shown(self, cluster: Cluster) -> Cluster:
        """The cluster as it was shown first; as one of those beyond where that is not known."""
        shown = self._shown.get(cluster.fingerprint)
        if shown is None:
            return replace(cluster, fingerprint=self._beyond, path=BEYOND, kind=Kind.VALUE, relation="")
        return replace(cluster, path=shown[0], relation=shown[1])

    def _with_example(self, cluster: Cluster, position: int, kept: Kept) -> Cluster:
        """The cluster with this exchange as an example, where there is room for one more."""
        left = self.known.get(cluster.fingerprint, 0)
        if left <= 0:
            return cluster
        self.known[cluster.fingerprint] = left - 1
        shown = kept.record.differences[position]
        return replace(cluster, examples=(Example(kept.record.id, shown.path, shown.legacy, shown.new),))


def _in_time(exchange: Exchange, now: float) -> Exchange:
    """The exchange, or where its times cannot be meant one of now: no database holds a minute beyond every bound."""
    answers = (exchange.legacy, exchange.new)
    if 0 <= exchange.at <= now + _AHEAD_S and all(0 <= answer.total_s < _LONGEST_S for answer in answers):
        return exchange
    at = exchange.at if 0 <= exchange.at <= now + _AHEAD_S else now
    legacy, new = (answer if 0 <= answer.total_s < _LONGEST_S else replace(answer, total_s=0.0) for answer in answers)
    return replace(exchange, at=at, legacy=legacy, new=new)


def _usable(route: str, rules: Iterable[RuleModel], configured: frozenset[str]) -> Iterable[RuleModel]:
    """The live rules that compile: one that does not must not cost the others. The database chooses no code to run."""
    for rule in rules:
        try:
            check_function(rule, configured)
            compile_rule(rule)
        except RuleError as error:
            log.warning("shadow.rule.unusable", route=route, rule=rule.id, error=str(error))
        else:
            yield rule


def _tally(exchange: Exchange, verdict: Verdict, reason: str, media: str) -> Tally:
    minute, legacy = int(exchange.at) // _MINUTE_S, exchange.legacy
    if media == EMPTY and (legacy.body_bytes or legacy.outcome != COMPLETE):
        # Nothing was decoded: too long, streamed, failed. What it says it is tells which answers are never compared.
        said = legacy.field("content-type")
        kind = "" if said is None else media_type(said).kind
        media = JSON if kind == JSON_LINES else kind
    return Tally(exchange.route, minute, verdict.value, reason, legacy.status // 100, media)


def _durations(exchange: Exchange) -> tuple[tuple[str, float], ...]:
    return tuple(
        (arm, answer.total_s)
        for arm, answer in (("legacy", exchange.legacy), ("new", exchange.new))
        if answer.outcome == COMPLETE
    )


def _not_comparable(exchange: Exchange, reason: str) -> Concluded:
    return Concluded(_tally(exchange, Verdict.NOT_COMPARABLE, reason, ""), exchange.at, _durations(exchange))
