"""A value that is gone at one path and came up at another is one finding, though it is stored as two clusters."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from shadow.comparison import Kind
from shadow.reporting.rows import StoredCluster

#: The kind of a folded cluster; all others are `shadow.comparison.Kind`.
MOVED: Final = "moved"
_RELATIONS: Final = frozenset({"renamed", "moved"})


def fold_moved(clusters: Iterable[StoredCluster]) -> list[StoredCluster]:
    """The clusters, those that are two halves of one move folded into one; the order is kept."""
    given = list(clusters)
    extras = {one.relation: one for one in given if _is_half(one, Kind.EXTRA)}
    folded: list[StoredCluster] = []
    used: set[str] = set()
    for one in given:
        extra = extras.get(one.relation) if _is_half(one, Kind.MISSING) else None
        if extra is None or extra.fingerprint in used:
            folded.append(one)
            continue
        used.add(extra.fingerprint)
        folded.append(_fold(one, extra))
    return [one for one in folded if one.fingerprint not in used]


def _is_half(cluster: StoredCluster, kind: Kind) -> bool:
    return cluster.kind == kind and cluster.relation.partition(":")[0] in _RELATIONS


def _fold(missing: StoredCluster, extra: StoredCluster) -> StoredCluster:
    others = {example["exchange"]: example for example in extra.examples}
    return replace(
        missing,
        kind=MOVED,
        count=max(missing.count, extra.count),
        first=min(missing.first, extra.first),
        last=max(missing.last, extra.last),
        examples=tuple(_example(one, others.get(one["exchange"])) for one in missing.examples),
    )


def _example(missing: dict[str, Any], extra: dict[str, Any] | None) -> dict[str, Any]:
    """Both values with the names that they have: `{"CURR": "USD"}` and `{"CURRENCY": "USD"}`."""
    legacy = {_name(missing["path"]): missing.get("legacy")}
    new = None if extra is None else {_name(extra["path"]): extra.get("new")}
    return {**missing, "legacy": legacy, "new": new}


def _name(path: str) -> str:
    return path.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
