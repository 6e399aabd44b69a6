"""The metrics of the comparer and of what it keeps: names, meanings, and how they are filled from its totals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from proxy.control.metric import MetricSpec, Sample

COMPARER_METRICS: Final[dict[str, MetricSpec]] = {
    "strangler_shadow_exchanges": MetricSpec("counter", (), "Exchanges that were concluded and counted in the store."),
    "strangler_shadow_exchanges_kept": MetricSpec("counter", (), "Of them, those that were stored whole."),
    "strangler_shadow_exchanges_removed": MetricSpec("counter", (), "Stored exchanges that age or size removed."),
    "strangler_shadow_stored_exchanges": MetricSpec("gauge", (), "Exchanges in the store, looked at once a minute."),
    "strangler_shadow_stored_bytes": MetricSpec("gauge", (), "Size of their contents, to be held by keep_bytes."),
    "strangler_shadow_store_failures": MetricSpec("counter", ("failure",), "Transactions that the store refused."),
    "strangler_shadow_batches_waiting": MetricSpec("gauge", (), "Batches of workers that wait for the comparer."),
    "strangler_shadow_commit_seconds": MetricSpec("counter", (), "Time spent in transactions."),
    "strangler_shadow_cpu_seconds": MetricSpec(
        "counter", (), "Processor time of the comparer, and of those before it."
    ),
    "strangler_shadow_proof_bugs": MetricSpec(
        "counter", ("route",), "Bugs put into copies of real answers to prove the comparer."
    ),
    "strangler_shadow_proof_bugs_found": MetricSpec("counter", ("route",), "Of them, those that it found."),
    "strangler_shadow_proof_repeats": MetricSpec(
        "counter", ("route",), "Second answers of legacy, judged as if they were new's."
    ),
    "strangler_shadow_proof_false_alarms": MetricSpec("counter", ("route",), "Of them, those it took for a mismatch."),
}
_PLAIN: Final = {
    "strangler_shadow_exchanges": "exchanges",
    "strangler_shadow_exchanges_kept": "kept",
    "strangler_shadow_exchanges_removed": "removed",
    "strangler_shadow_stored_exchanges": "stored",
    "strangler_shadow_stored_bytes": "stored_bytes",
    "strangler_shadow_batches_waiting": "waiting",
    "strangler_shadow_commit_seconds": "commit_seconds",
    "strangler_shadow_cpu_seconds": "cpu_seconds",
}
#: In the order of the counts of `proxy.comparer.figures`.
_PROOFS: Final = (
    *("strangler_shadow_proof_bugs", "strangler_shadow_proof_bugs_found"),
    *("strangler_shadow_proof_repeats", "strangler_shadow_proof_false_alarms"),
)


def comparer_samples(snapshot: Mapping[str, Any]) -> dict[str, list[Sample]]:
    """The samples of every metric of `COMPARER_METRICS`; none of what no comparer has said (yet)."""
    plain = {name: snapshot.get(field) for name, field in _PLAIN.items()}
    proofs: Mapping[str, list[int]] = snapshot.get("proofs", {})
    return {
        **{name: [] if value is None else [((), float(value))] for name, value in plain.items()},
        **{name: [((route,), counts[at]) for route, counts in proofs.items()] for at, name in enumerate(_PROOFS)},
        "strangler_shadow_store_failures": [
            ((reason,), count) for reason, count in snapshot.get("store_failures", {}).items()
        ],
    }
