"""Says of stored clusters what they are, and which rule would explain them."""

from __future__ import annotations

from shadow.clusters.cluster import Cluster, Example
from shadow.clusters.proposal import propose
from shadow.comparison import Kind
from shadow.reporting.describing import describe
from shadow.reporting.folding import MOVED
from shadow.reporting.rows import StoredCluster
from shadow.reporting.ruletext import rule_yaml


class Describer:
    """Of one route; called for each of its clusters."""

    def __init__(self, route: str) -> None:
        self._route = route

    def __call__(self, cluster: StoredCluster) -> tuple[str, str]:
        """The clause and the rule's YAML, "" where none is proposed."""
        words = describe(cluster.pattern, cluster.kind, cluster.relation)
        if cluster.kind == MOVED:
            return words, ""
        proposal = propose(self._cluster(cluster))
        return words, "" if proposal is None else rule_yaml(proposal.rule)

    def _cluster(self, stored: StoredCluster) -> Cluster:
        examples = (Example(one["exchange"], one["path"], one.get("legacy"), one.get("new")) for one in stored.examples)
        return Cluster(
            stored.fingerprint,
            self._route,
            stored.pattern,
            Kind(stored.kind),
            stored.relation,
            stored.count,
            stored.first,
            stored.last,
            tuple(examples),
        )
