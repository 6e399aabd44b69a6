"""The metrics of record sync: names, meanings, and how they are filled from what the syncer said last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from legacy_adapters.engine.phases import Phase
from legacy_adapters.engine.status import COUNTERS
from proxy.control.metric import MetricSpec, Sample

_WAY: Final = ("sync", "direction")

SYNC_METRICS: Final[dict[str, MetricSpec]] = {
    "strangler_syncer_ready": MetricSpec("gauge", (), "1 while a syncer runs, else 0."),
    "strangler_syncer_restarts": MetricSpec("counter", (), "Times that the syncer was started again."),
    "strangler_sync_phase": MetricSpec("gauge", ("sync", "phase"), "1 for the phase that a sync is in, else 0."),
    "strangler_sync_stalled": MetricSpec("gauge", ("sync",), "1 while a sync is further behind than lag_alarm."),
    "strangler_sync_lag_seconds": MetricSpec("gauge", _WAY, "Age of the oldest captured change that is not applied."),
    "strangler_sync_rows_per_second": MetricSpec("gauge", _WAY, "Rows and changes a second, over ten seconds."),
    "strangler_sync_backfill_rows": MetricSpec("gauge", _WAY, "Rows of the first copy that were read so far."),
    "strangler_sync_backfill_done": MetricSpec("gauge", _WAY, "1 once the first copy is done, else 0."),
    "strangler_sync_changes": MetricSpec(
        "counter", (*_WAY, "outcome"), "What became of rows and changes, since the syncer started."
    ),
    "strangler_sync_quarantined": MetricSpec(
        "counter", (*_WAY, "reason"), "What went to quarantine, by reason, since the syncer started."
    ),
    "strangler_sync_held": MetricSpec("gauge", (*_WAY, "reason"), "Records in quarantine, by reason."),
    "strangler_sync_waiting": MetricSpec(
        "gauge", _WAY, "Rows that lack another sync's record, and wait for that sync to bring it."
    ),
    "strangler_sync_duplicates": MetricSpec(
        "gauge", _WAY, "Records that agree with others on the columns of duplicates.on, up to 100,000."
    ),
}


def sync_samples(syncer: Mapping[str, Any] | None, syncs: Sequence[Mapping[str, Any]]) -> dict[str, list[Sample]]:
    """The samples of every metric of `SYNC_METRICS`.

    Args:
        syncer: as the supervisor described it last; None where there never was one.
        syncs: as the syncer described them last.
    """
    ways = list(_ways(syncs))
    gauges = {
        "strangler_sync_lag_seconds": "lag_s",
        "strangler_sync_rows_per_second": "rate",
        "strangler_sync_backfill_rows": "rows_done",
        "strangler_sync_backfill_done": "copied",
        "strangler_sync_waiting": "waiting",
    }
    return {
        "strangler_syncer_ready": [((), float(syncer is not None and syncer["state"] == "ready"))],
        "strangler_syncer_restarts": [((), 0 if syncer is None else syncer["restarts"])],
        "strangler_sync_phase": [
            ((one["name"], phase), float(one["phase"] == phase)) for one in syncs for phase in Phase
        ],
        "strangler_sync_stalled": [((one["name"],), float(one["stalled"])) for one in syncs],
        **{name: [(labels, float(way[field])) for labels, way in ways] for name, field in gauges.items()},
        "strangler_sync_changes": [
            ((*labels, counter), way["counts"].get(counter, 0)) for labels, way in ways for counter in COUNTERS
        ],
        "strangler_sync_quarantined": [
            ((*labels, reason), count) for labels, way in ways for reason, count in way["quarantine"].items()
        ],
        "strangler_sync_held": [
            ((*labels, reason), count) for labels, way in ways for reason, count in way["held"].items()
        ],
        "strangler_sync_duplicates": [
            (labels, way["duplicates"]) for labels, way in ways if way["duplicates"] is not None
        ],
    }


def _ways(syncs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
    for one in syncs:
        for way in one["directions"]:
            yield (one["name"], way["name"]), way
