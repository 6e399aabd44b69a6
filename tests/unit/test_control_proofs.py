"""A rule is accepted only with the proof that was shown of it."""

from __future__ import annotations

import itertools

import pytest

from proxy.control import proofs
from proxy.control.asked_rules import read_reason, read_rules
from proxy.control.proofs import VALID_S, Proofs, prove_all
from routes.shadowing import CompareModel, RuleModel
from shadow.clusters.proof import pair_of_documents
from shadow.comparing.comparer import RouteComparer
from shadow.errors import RuleError


def comparer(model: CompareModel) -> RouteComparer:
    return RouteComparer(model, now=lambda: 0.0)


IGNORE = RuleModel("", "/total", "ignore", None, "why", "who")
OTHER = RuleModel("", "/id", "ignore")
PAIRS = [
    pair_of_documents(f"e{n}", "GET", {"id": n, "total": n * 10}, {"id": n, "total": n * 10 + 1}) for n in range(9)
]


def test_proof_says_what_changes_and_what_would_be_hidden() -> None:
    (proof,) = prove_all([IGNORE], PAIRS, CompareModel(), comparer)
    assert (proof["pairs"], proof["changed"]) == (9, 9)
    assert proof["verdicts"] == [{"before": "mismatch", "after": "explained", "count": 9}]
    assert proof["changes"][0] == {"id": "e0", "before": "mismatch", "after": "explained"}
    assert proof["rule"] == {"path": "/total", "ignore": True, "reason": "why", "owner": "who"}
    hidden = {bug["mutation"] for bug in proof["bugs"] if bug["hidden"]}
    assert {"value", "times_100"} <= hidden


def test_later_rules_are_proved_on_top_of_earlier_ones() -> None:
    first, second = prove_all([OTHER, IGNORE], PAIRS, CompareModel(), comparer)
    assert (first["changed"], second["changed"]) == (0, 9)


def test_only_what_was_shown_can_be_accepted() -> None:
    shown = Proofs()
    identifier = shown.remember("orders", [IGNORE], [{"changed": 9}])
    assert shown.find(identifier, "orders", [IGNORE]) == [{"changed": 9}]
    for wrong, route, rules in (("other", "orders", [IGNORE]), (None, "orders", [IGNORE]), ({}, "orders", [IGNORE]),
                                (identifier, "carts", [IGNORE]), (identifier, "orders", [OTHER])):  # fmt: skip
        with pytest.raises(RuleError):
            shown.find(wrong, route, rules)


def test_proof_is_good_for_an_hour() -> None:
    clock = itertools.count(0, VALID_S / 2)
    shown = Proofs(lambda: next(clock))
    identifier = shown.remember("orders", [IGNORE], [])
    shown.find(identifier, "orders", [IGNORE])
    shown.find(identifier, "orders", [IGNORE])
    with pytest.raises(RuleError):
        shown.find(identifier, "orders", [IGNORE])


def test_remembered_proofs_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proofs, "PROOFS_MAX", 3)
    shown = Proofs()
    first, *rest = [shown.remember("orders", [IGNORE], []) for _ in range(4)]
    with pytest.raises(RuleError):
        shown.find(first, "orders", [IGNORE])
    assert all(shown.find(one, "orders", [IGNORE]) == [] for one in rest)


def test_rules_are_read_as_the_configuration_writes_them() -> None:
    setting = {"path": "/a", "tolerance": {"absolute": 0.5}, "reason": "why", "expires": "2027-01-31"}
    route, (rule,) = read_rules({"route": "orders", "rules": [setting]})
    assert (route, rule.id, rule.path, rule.kind, rule.argument) == ("orders", "", "/a", "tolerance", {"absolute": 0.5})
    assert rule.expires == 1_801_440_000.0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (None, "this takes"),
        ({"route": "orders"}, "this takes"),
        ({"route": 7, "rules": [{}]}, "this takes"),
        ({"route": "orders", "rules": []}, "this takes"),
        ({"route": "orders", "rules": [{}] * 51}, "this takes"),
        ({"route": "orders", "rules": [{"path": "a", "ignore": True}]}, "rules.0.path"),
        ({"route": "orders", "rules": [{"path": "/a"}]}, "rules.0"),
        ({"route": "orders", "rules": [{"path": "/a", "ignore": True, "kee": 1}]}, "rules.0.kee"),
        ({"route": "orders", "rules": ["ignore everything"]}, "rules.0"),
    ],
)
def test_what_is_no_rule_is_refused_with_its_place(body: object, words: str) -> None:
    with pytest.raises(RuleError, match=words):
        read_rules(body)


@pytest.mark.parametrize(
    "body", [None, [], {}, {"reason": ""}, {"reason": "  "}, {"reason": 7}, {"reason": "x" * 1001}]
)
def test_change_without_a_reason_is_refused(body: object) -> None:
    with pytest.raises(RuleError):
        read_reason(body)
