"""Findings that are stored as several clusters, since one exchange alone does not tell that they are one.

A value that is gone at one path and came up at another. And a number with fewer places than it had: JSON writes 3.70
as 3.7, so that one rounding to cents looks like several.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final

from shadow.clusters.numbers import CUTS, exact, is_cut
from shadow.comparison import Kind
from shadow.reporting.rows import StoredCluster

#: The kind of a folded cluster; all others are `shadow.comparison.Kind`.
MOVED: Final = "moved"
_RELATIONS: Final = frozenset({"renamed", "moved"})
#: Before the name of a relation: new is the exact one.
_UNDONE: Final = "un"


def fold(clusters: Iterable[StoredCluster]) -> list[StoredCluster]:
    """The clusters, the most frequent ones first, each finding once."""
    return sorted(fold_cut(fold_moved(clusters)), key=lambda one: -one.count)


def fold_cut(clusters: Iterable[StoredCluster]) -> list[StoredCluster]:
    """The clusters; those of numbers cut shorter than one of the same path, which it explains, are folded into it.

    An exchange may have been counted in several of them, so the count is an upper bound.
    """
    left = list(clusters)
    groups: dict[tuple[str, str, bool], list[StoredCluster]] = {}
    for one in left:
        if _cut(one) is not None:
            groups.setdefault((one.pattern, one.kind, one.relation.startswith(_UNDONE)), []).append(one)
    for group in groups.values():
        # Of as many places, `truncated` comes first: what is rounded down looks rounded as well.
        waiting = sorted(group, key=lambda one: (_cut(one) or ("", 0))[::-1], reverse=True)
        while waiting:
            main = waiting.pop(0)
            parts = [one for one in waiting if _explains(main, one)]
            waiting = [one for one in waiting if one not in parts]
            left = [_joined(main, parts) if one is main else one for one in left if one not in parts]
    return left


def _cut(cluster: StoredCluster) -> tuple[str, int] | None:
    """How numbers lost places, and how many they have left; None where the cluster is about something else."""
    name, _, places = cluster.relation.removeprefix(_UNDONE).partition(":")
    return (name, int(places)) if name in CUTS and places.isdecimal() else None


def _joined(main: StoredCluster, parts: list[StoredCluster]) -> StoredCluster:
    together = (main, *parts)
    return replace(
        main,
        count=sum(one.count for one in together),
        first=min(one.first for one in together),
        last=max(one.last for one in together),
        examples=tuple(example for one in together for example in one.examples),
    )


def _explains(main: StoredCluster, other: StoredCluster) -> bool:
    """Whether what happened to the numbers of one happened to those of the other as well, as far as is known."""
    how, places = _cut(main) or ("", 0)
    sides = ("new", "legacy") if main.relation.startswith(_UNDONE) else ("legacy", "new")
    for example in other.examples:
        whole, short = (exact(str(example.get(side))) for side in sides)
        if whole is None or short is None or not is_cut(whole, short, places, how):
            return False
    return bool(other.examples)


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
