"""What is known of noise by now: which places are flagged, and which stored clusters were noise after all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import log
from typing import Any, Final

import structlog

from shadow.comparison import Comparison, Difference, Kind, Verdict
from shadow.keeping.redaction import Redactor
from shadow.keeping.veil import Veil, VeiledNoise, merged
from shadow.reporting.findings import Key
from shadow.reporting.rows import RouteRows, StoredCluster

_LOG_10: Final = log(10)

_log = structlog.get_logger()


def judge_noise(rows: RouteRows, states: Iterable[Mapping[str, Any]], redactor: Redactor) -> None:
    """Fill in the keys and the settled clusters of a route.

    A cluster from before its place was known to move is settled where all of its examples are what such values always
    are. What is judged anew are examples, so the counts of verdicts stay as they were concluded.

    Args:
        rows: of the route; changed.
        states: what each node learned.
        redactor: of the route, with the key that the comparer has.
    """
    noise = merged_noise(states, redactor)
    rows.keys = tuple(
        Key(
            report.key.pattern,
            report.key.kind,
            report.new_only,
            report.legacy_only,
            max(report.log_e, -1e6) / _LOG_10,
            report.flagged,
        )
        for report in noise.noise.reports()
        if report.new_only or report.legacy_only
    )
    rows.settled = frozenset(one.fingerprint for one in rows.clusters if _is_noise(one, noise))


def merged_noise(states: Iterable[Mapping[str, Any]], redactor: Redactor) -> VeiledNoise:
    """What all nodes together learned of a route's noise."""
    noise, errors = merged(states, Veil(redactor))
    for error in errors:  # of another release: as if that node had learned nothing
        _log.warning("control.noise.unread", error=str(error))
    return noise


def _is_noise(cluster: StoredCluster, noise: VeiledNoise) -> bool:
    differences = [
        Difference(one["path"], Kind(cluster.kind), one.get("legacy"), one.get("new"), cluster.pattern)
        for one in cluster.examples
    ]
    judged = (noise.judge(Comparison(Verdict.MISMATCH, differences=(difference,))) for difference in differences)
    return bool(differences) and all(one.verdict is Verdict.EXPLAINED for one in judged)
