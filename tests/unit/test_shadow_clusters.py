"""One finding is said once, the rule for it is the narrowest there is, and what the rule hides is shown before."""

from __future__ import annotations

import dataclasses
from time import time

import pytest

from routes.shadowing import CompareModel, RuleModel
from shadow.clusters.cluster import EXAMPLES_MAX, Cluster, Example, findings
from shadow.clusters.proof import pair_of_documents, prove
from shadow.clusters.proposal import propose
from shadow.clusters.relations import between
from shadow.clusters.transforms import BY_RELATION
from shadow.comparing.comparer import RouteComparer
from shadow.comparison import Comparison, Difference, Kind, Verdict
from support.plain_comparer import PlainComparer


def real_comparer(model: CompareModel) -> RouteComparer:
    return RouteComparer(model, now=time)


def compared(*differences: Difference) -> Comparison:
    return Comparison(Verdict.MISMATCH, differences=differences)


def price(at: int, legacy, new) -> Difference:
    return Difference(f"/items/{at}/price", Kind.VALUE, legacy, new, "/items/*/price")


def cluster(relation: str, path="/a", kind=Kind.VALUE, examples=()) -> Cluster:
    return Cluster("f", "orders", path, kind, relation, 1, 0.0, 0.0, tuple(examples))


def shown(exchange: str, at: float, comparison: Comparison) -> list[Cluster]:
    """The clusters that an exchange shows, each with its first example."""
    clusters: dict[str, Cluster] = {}
    for finding in findings("orders", comparison):
        name, one = finding.fingerprint, finding.difference
        example = Example(exchange, one.path, one.legacy, one.new)
        made = Cluster(name, "orders", one.pattern, one.kind, finding.relation, 1, at, at, (example,))
        clusters.setdefault(name, made)
    return list(clusters.values())


def test_the_same_bug_in_many_items_and_exchanges_is_one_cluster():
    clusters: dict[str, Cluster] = {}
    for exchange in range(30):
        comparison = compared(*(price(at, at + 1, (at + 1) * 100) for at in range(5)))
        for one in shown(f"r{exchange}", float(exchange), comparison):
            clusters[one.fingerprint] = clusters[one.fingerprint].add(one) if one.fingerprint in clusters else one
    (only,) = clusters.values()
    assert (only.path, only.relation, only.count) == ("/items/*/price", "scaled:2", 30)
    assert (only.first_at, only.last_at, len(only.examples)) == (0.0, 29.0, EXAMPLES_MAX)
    assert only.examples[0] == Example("r0", "/items/0/price", 1, 100)


def test_what_is_explained_is_no_finding():
    comparison = compared(price(0, 1, 100)._replace(explained_by="file:0"))
    assert findings("orders", comparison) == ()


def test_clusters_add_up_whatever_the_order():
    early, late = (
        cluster("case", examples=[Example("1", "/a", "x", "X")]),
        cluster("case", examples=[Example("2", "/a", "y", "Y")]),
    )
    late = Cluster("f", "orders", "/a", Kind.VALUE, "case", 2, 5.0, 9.0, late.examples)
    assert early.add(late) == late.add(early)


@pytest.mark.parametrize(
    ("relation", "kind", "argument"),
    [
        ("case", "case_insensitive", None),
        ("null_absent", "null_is_absent", None),
        ("reordered", "unordered", None),
        ("rounded:2", "tolerance", {"absolute": 0.005}),
        ("truncated:1", "tolerance", {"absolute": 0.1}),
        ("time_offset", "time_tolerance", 0.0),
        ("scaled:2", "map", "shadow.clusters.transforms:times_100"),
        ("html_escaped", "map", "shadow.clusters.transforms:html_escaped"),
        ("as_bool:Y/N", "map", {"Y": True, "N": False}),
    ],
)  # fmt: skip
def test_narrowest_rule_is_proposed(relation, kind, argument):
    proposal = propose(cluster(relation, "/items/*/price"))
    assert proposal is not None
    assert (proposal.rule.path, proposal.rule.kind, proposal.rule.argument) == ("/items/*/price", kind, argument)
    assert proposal.words


@pytest.mark.parametrize(
    "relation",
    [
        "",
        "time_shifted:+2:00",
        "mojibake:latin-1",
        "renamed:full_name",
        "moved:/b",
        "replaced",
        "scaled:7",
        "another:integer",
        "bool_as:Y/N",
    ],
)
def test_no_rule_is_proposed_where_only_a_bug_explains_it(relation):
    assert propose(cluster(relation)) is None
    assert propose(cluster("status:200>500", "@status")) is None


def test_identifiers_of_two_systems_are_a_bijection_only_while_they_are_one_to_one():
    examples = [Example(str(at), "/order_id", at, at + 500) for at in range(4)]
    proposal = propose(cluster("another:integer", "/order_id", examples=examples))
    assert proposal is not None
    assert proposal.rule.kind == "bijection"
    swapped = [*examples, Example("9", "/order_id", 0, 777)]
    assert propose(cluster("another:integer", "/order_id", examples=swapped)) is None
    assert propose(cluster("another:integer", "/quantity", examples=examples)) is None


@pytest.mark.parametrize(
    ("legacy", "new"),
    [
        (12.5, 1250), (1250, 12.5), (7, 70), (70, 7), (3, 3000), (3000, 3), (5, -5), (" a ", "a"), ("<b>", "&lt;b&gt;"),
        ("&lt;b&gt;", "<b>"), ("a / b", "a%20%2F%20b"), ("a%20%2F%20b", "a / b"), (12, "12"), ("12", 12), (1, [1]), ([1], 1),
        (None, ""), ("", None),
    ],
)  # fmt: skip
def test_transformation_of_a_relation_gives_new_from_legacy(legacy, new):
    assert BY_RELATION[between(legacy, new)](legacy) == new


def test_proof_shows_which_pairs_change_verdict_and_which_bugs_a_rule_would_hide():
    pairs = [
        pair_of_documents(
            f"r{at}", "GET", {"id": at, "total": at + 1, "name": "a"}, {"id": at, "total": (at + 1) * 100, "name": "a"}
        )
        for at in range(10)
    ]
    pairs.append(pair_of_documents("other", "GET", {"id": 1, "name": "a"}, {"id": 2, "name": "a"}))
    proof = prove(RuleModel("live:0", "/total", "ignore"), pairs, CompareModel(), PlainComparer)
    assert (proof.pairs, proof.changed) == (11, 10)
    assert proof.verdicts == {(Verdict.MISMATCH, Verdict.EXPLAINED): 10, (Verdict.MISMATCH, Verdict.MISMATCH): 1}
    assert {change.id for change in proof.changes} == {f"r{at}" for at in range(10)}
    assert {"value", "type", "missing", "times_100", "stale"} <= proof.hidden.keys()
    harmless = prove(RuleModel("live:0", "/nowhere", "ignore"), pairs, CompareModel(), PlainComparer)
    assert (harmless.changed, harmless.hidden) == (0, {})


def test_proof_counts_pairs_in_which_the_rule_explains_one_difference_of_several():
    pairs = [pair_of_documents(f"r{at}", "GET", {"a": at, "b": 1}, {"a": at + 1, "b": 2}) for at in range(5)]
    pairs.append(pair_of_documents("alike", "GET", {"a": 1}, {"a": 1}))
    proof = prove(RuleModel("live:0", "/a", "ignore"), pairs, CompareModel(), real_comparer)
    assert (proof.pairs, proof.used, proof.changed) == (6, 5, 0)
    assert prove(RuleModel("live:0", "/c", "ignore"), pairs, CompareModel(), real_comparer).used == 0


@pytest.mark.parametrize(
    ("legacy", "new"),
    [
        ("Anna", "ANNA"), (12.987, 12.99), (12.987, 12.98), (12.99, 12.987), (12.5, 1250), (1250, 12.5), (5, -5), (" a ", "a"),
        ("<b>", "&lt;b&gt;"), ("a / b", "a%20%2F%20b"), (12, "12"), ("12", 12), (1, [1]), ([1], 1), (None, ""), ("", None),
        ("Y", True), (0, 0.0), ("2026-03-01T10:00:00Z", "2026-03-01T12:00:00+02:00"), ([1, 2, 3], [3, 1, 2]),
        ("2026-03-01T10:00:00.123Z", "2026-03-01T10:00:00Z"), ("2026-03-01T10:00:00Z", "2026-03-01 10:00:00Z"),
    ],
)  # fmt: skip
def test_proposed_rule_explains_what_it_was_proposed_for_and_not_just_anything(legacy, new):
    pair = pair_of_documents("r", "GET", {"a": legacy, "b": 1}, {"a": new, "b": 1})
    compared = real_comparer(CompareModel()).compare(pair.legacy, pair.new, method="GET")
    if compared.verdict is Verdict.MATCH:
        return  # what JSON itself says is the same needs no rule
    (found,) = shown("r", 0.0, compared)
    proposal = propose(found)
    assert proposal is not None, found
    rule = dataclasses.replace(proposal.rule, id="live:1")
    comparer = real_comparer(CompareModel(rules=(rule,)))
    assert comparer.compare(pair.legacy, pair.new, method="GET").verdict is Verdict.EXPLAINED
    wrong = pair_of_documents("r", "GET", {"a": legacy, "b": 1}, {"a": {"no": "such"}, "b": 1})
    assert comparer.compare(wrong.legacy, wrong.new, method="GET").verdict is Verdict.MISMATCH


def test_bijection_hides_no_other_objects_id_once_it_has_seen_the_pairs():
    pairs = [pair_of_documents(str(at), "GET", {"order_id": at}, {"order_id": at + 500}) for at in range(1, 10)]
    proof = prove(RuleModel("live:0", "/order_id", "bijection"), pairs, CompareModel(), real_comparer)
    assert proof.changed == 9
    assert proof.bugs["other_id"].found > 0
    ignored = prove(RuleModel("live:0", "/order_id", "ignore"), pairs, CompareModel(), real_comparer)
    assert ignored.bugs["other_id"].found == 0
