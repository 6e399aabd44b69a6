"""Proofs that were shown: a rule is accepted only together with the proof that somebody has seen of it."""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from routes.shadowing import CompareModel, RuleModel
from shadow.clusters.proof import Pair, Proof, prove
from shadow.errors import RuleError
from shadow.proving.selfproof import PairComparer
from shadow.reporting.ruletext import rule_setting

#: Proofs that are remembered, and for how long: what was proved an hour ago may no longer hold.
PROOFS_MAX: Final = 100
VALID_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Shown:
    """A proof as it was shown."""

    route: str
    rules: tuple[RuleModel, ...]
    proofs: list[dict[str, Any]]
    at: float


class Proofs:
    """The proofs of the last hour, in memory: after a restart of control one is simply made again."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._shown: OrderedDict[str, Shown] = OrderedDict()
        self._clock = clock

    def remember(self, route: str, rules: Sequence[RuleModel], proofs: list[dict[str, Any]]) -> str:
        """Remember what was shown; the id that it goes by."""
        identifier = secrets.token_urlsafe(9)
        self._shown[identifier] = Shown(route, tuple(rules), proofs, self._clock())
        while len(self._shown) > PROOFS_MAX:
            self._shown.popitem(last=False)
        return identifier

    def find(self, identifier: Any, route: str, rules: Sequence[RuleModel]) -> list[dict[str, Any]]:
        """What was shown of exactly these rules.

        Raises:
            RuleError: nothing was, or too long ago.
        """
        shown = self._shown.get(identifier) if isinstance(identifier, str) else None
        if shown is None or self._clock() - shown.at > VALID_S:
            raise RuleError("prove the rules first (POST /api/rules/prove), and send the proof's id within an hour")
        if (shown.route, shown.rules) != (route, tuple(rules)):
            raise RuleError("the proof is of other rules: prove these")
        return shown.proofs


def prove_all(
    rules: Sequence[RuleModel],
    pairs: Sequence[Pair],
    model: CompareModel,
    make_comparer: Callable[[CompareModel], PairComparer],
) -> list[dict[str, Any]]:
    """The proof of each rule, on top of the rules before it. CPU-bound: some 50 ms a hundred pairs.

    Raises:
        RuleError: a rule is not usable.
    """
    proofs = []
    for number, rule in enumerate(rules):
        named = replace(rule, id=f"proposed:{number}")  # what it explains is told by its id
        proofs.append(proof_json(rule, prove(named, pairs, model, make_comparer)))
        model = replace(model, rules=(*model.rules, named))
    return proofs


def proof_json(rule: RuleModel, proof: Proof) -> dict[str, Any]:
    """A proof as JSON values."""
    return {
        "rule": rule_setting(rule),
        "pairs": proof.pairs,
        "used": proof.used,
        "changed": proof.changed,
        "changes": [{"id": one.id, "before": str(one.before), "after": str(one.after)} for one in proof.changes],
        "verdicts": [
            {"before": str(before), "after": str(after), "count": count}
            for (before, after), count in proof.verdicts.items()
            if before is not after
        ],
        "bugs": [
            {"mutation": kind, "found": count.injected, "hidden": count.injected - count.found}
            for kind, count in proof.bugs.items()
        ],
    }
