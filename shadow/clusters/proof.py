"""What a rule would do before it is accepted: which stored pairs change their verdict, and which bugs it would hide."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice
from typing import Any, Final, NamedTuple

from routes.shadowing import CompareModel, RuleModel
from shadow.clusters.proposal import covers
from shadow.comparison import Verdict
from shadow.exchange import Answer
from shadow.proving.leaves import Place
from shadow.proving.mutations import MUTATIONS, mutate
from shadow.proving.selfproof import PairComparer, is_found, json_answer
from shadow.proving.tally import Count

#: Stored pairs that are compared anew, and listed.
PAIRS_MAX: Final = 500
CHANGES_MAX: Final = 50
#: Bugs of each sort that are tried.
BUGS_PER_KIND: Final = 20
_SEED: Final = 1


class Pair(NamedTuple):
    """A stored pair.

    Attributes:
        id: of the exchange.
        method: of the request.
        legacy: its answer as kept.
        new: its answer as kept.
    """

    id: str
    method: str
    legacy: Answer
    new: Answer


class Change(NamedTuple):
    """A stored pair whose verdict the rule changes.

    Attributes:
        id: of the exchange.
        before: its verdict without the rule.
        after: its verdict with it.
    """

    id: str
    before: Verdict
    after: Verdict


class Proof(NamedTuple):
    """What a rule would do.

    Attributes:
        pairs: stored pairs that were compared with and without it.
        used: those in which it explains or shapes anything, whatever becomes of their verdict.
        changed: those whose verdict changes.
        changes: the first `CHANGES_MAX` of them.
        verdicts: (before, after) -> pairs.
        bugs: mutation -> bugs at the rule's places that are found without the rule, and how many of these with it.
    """

    pairs: int
    used: int
    changed: int
    changes: tuple[Change, ...]
    verdicts: dict[tuple[Verdict, Verdict], int]
    bugs: dict[str, Count]

    @property
    def hidden(self) -> dict[str, int]:
        """Mutation -> bugs that the rule would hide; only those of which it hides any."""
        return {kind: count.injected - count.found for kind, count in self.bugs.items() if count.injected > count.found}


def prove(
    rule: RuleModel,
    pairs: Iterable[Pair],
    model: CompareModel,
    comparer: Callable[[CompareModel], PairComparer],
    *,
    seed: int = _SEED,
) -> Proof:
    """What a rule would do to stored pairs, and to bugs at its places. Takes about 50 ms a hundred pairs of 2 KB.

    Args:
        rule: not yet in the model.
        pairs: of its route; at most `PAIRS_MAX` are looked at.
        model: how the route is compared now.
        comparer: makes one for a model; raises what a rule that is not usable raises.
        seed: of the bugs.

    Raises:
        RuleError: the rule is not usable.
    """
    with_rule = replace(model, rules=(*model.rules, rule))
    before, after = comparer(model), comparer(with_rule)
    verdicts: Counter[tuple[Verdict, Verdict]] = Counter()
    changes: list[Change] = []
    documents: list[tuple[Pair, Any]] = []
    used = 0
    for pair in islice(pairs, PAIRS_MAX):
        was = before.compare(pair.legacy, pair.new, method=pair.method)
        now = after.compare(pair.legacy, pair.new, method=pair.method)
        verdicts[was.verdict, now.verdict] += 1
        used += rule.id in now.rules_used
        if was.verdict is not now.verdict and len(changes) < CHANGES_MAX:
            changes.append(Change(pair.id, was.verdict, now.verdict))
        if was.media == "json" and isinstance(was.legacy_document, (dict, list)):
            documents.append((pair, was.legacy_document))
    changed = sum(count for (was_verdict, now_verdict), count in verdicts.items() if was_verdict is not now_verdict)
    bugs = _bugs(rule, documents, (comparer(model), comparer(with_rule)), random.Random(seed))  # noqa: S311
    return Proof(sum(verdicts.values()), used, changed, tuple(changes), dict(verdicts), bugs)


def _bugs(
    rule: RuleModel,
    documents: list[tuple[Pair, Any]],
    comparers: tuple[PairComparer, PairComparer],
    rng: random.Random,
) -> dict[str, Count]:
    """Legacy's documents against copies of themselves with one bug: what is found is the bug and nothing else."""

    def within(place: Place) -> bool:
        return covers(rule.path, place.pattern)

    for pair, document in documents[:BUGS_PER_KIND]:
        same = json_answer(pair.legacy, document)
        for one in comparers:  # what rules learn from pairs, they learn before there are bugs in them
            one.compare(same, same, method=pair.method)
    counts = {}
    for kind in MUTATIONS:
        found_without = found_with = 0
        for at, (pair, document) in enumerate(documents[:BUGS_PER_KIND]):
            earlier = documents[at - 1][1]
            mutation = mutate(document, kind, rng, earlier=earlier, within=within)
            if mutation is None:
                continue
            legacy, new = json_answer(pair.legacy, document), json_answer(pair.legacy, mutation.document)
            compared = [one.compare(legacy, new, method=pair.method) for one in comparers]
            if is_found(compared[0], mutation):
                found_without += 1
                found_with += is_found(compared[1], mutation)
        if found_without:
            counts[kind] = Count(found_without, found_with)
    return counts


def pair_of_documents(identifier: str, method: str, legacy: Any, new: Any) -> Pair:
    """A pair from two stored JSON documents, as answers that differ in nothing else."""
    blank = Answer("complete", 200)
    return Pair(identifier, method, json_answer(blank, legacy), json_answer(blank, new))
