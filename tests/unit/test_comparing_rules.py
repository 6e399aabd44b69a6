"""What each rule explains, what it does not, and which rules are no rules."""

from __future__ import annotations

import pytest

from routes.shadowing import RULE_KINDS, CompareModel, RuleModel
from shadow.comparing.bijections import Bijection
from shadow.comparing.comparer import RouteComparer
from shadow.comparing.rules import compile_rules, explain
from shadow.comparison import Difference, Kind, Verdict
from shadow.errors import RuleError
from support.answers import answer, compare, comparer, rules, shown

UUIDS = "0d9fbe40-6c3e-4f0e-9f4f-5f1c4f6b7a10", "7a3c1b9e-1111-4222-8333-944445555666"
DAY = "2026-11-24"

EXPLAINED = [
    (("/a", "ignore"), {"a": 1}, {"a": [2]}),
    (("/a", "ignore"), {"a": {"b": 1, "c": 2}}, {"a": {"b": 2}}),
    (("/a", "ignore"), {"a": 1}, {}),
    (("", "ignore"), {"a": 1}, [2]),
    (("/*/a", "ignore"), {"x": {"a": 1}}, {"x": {"a": 2}}),
    (("/a~1b", "ignore"), {"a/b": 1}, {"a/b": 2}),
    (("/a", "tolerance", {"absolute": 0.01}), {"a": 1.00}, {"a": 1.01}),
    (("/a", "tolerance", {"absolute": 0.2}), {"a": 0.1}, {"a": 0.3}),
    (("/a", "tolerance", {"relative": 0.001}), {"a": -1000}, {"a": -999}),
    (("/a", "time_tolerance", 2.0), {"a": f"{DAY}T10:00:00Z"}, {"a": f"{DAY}T11:00:01.5+01:00"}),
    (("/a", "time_tolerance", 2.0), {"a": f"{DAY} 10:00:00"}, {"a": f"{DAY}T10:00:00.123456789Z"}),
    (("/a", "time_tolerance", 2.0), {"a": "Tue, 24 Nov 2026 10:00:00 GMT"}, {"a": 1795514401}),
    (("/a", "time_tolerance", 2.0), {"a": 1795514400000}, {"a": 1795514401}),
    (("/a", "unordered"), {"a": [1, 2, 3]}, {"a": [3, 1, 2]}),
    (("/a", "null_is_absent"), {"a": None}, {}),
    (("/a", "null_is_absent"), {}, {"a": None}),
    (("/a", "case_insensitive"), {"a": "Straße"}, {"a": "STRASSE"}),
    (("/a", "pattern", "[a-z]+-[0-9]+"), {"a": "ord-1"}, {"a": "inv-22"}),
    (("/a", "pattern", "[0-9]{2}"), {"a": 10}, {"a": "20"}),
    (("/a", "pattern", "(a+)+$"), {"a": "aaa"}, {"a": "a"}),
    (("/a", "same_kind"), {"a": UUIDS[0]}, {"a": UUIDS[1]}),
    (("/a", "same_kind"), {"a": 1}, {"a": 2.5}),
    (("/a", "same_kind"), {"a": f"{DAY}T10:00:00Z"}, {"a": f"{DAY}T10:00:00+01:00"}),
    (("/a", "map", {"open": "OPEN"}), {"a": "open"}, {"a": "OPEN"}),
    (("/a", "map", {"1": "one", "true": 5, "null": 0}), {"a": 1}, {"a": "one"}),
    (("/a", "map", {"true": 5}), {"a": True}, {"a": 5}),
    (("/a", "map", "support.comparison_rules:doubled"), {"a": 2}, {"a": 4}),
    (("/a", "bijection"), {"a": 17}, {"a": UUIDS[0]}),
    (("/a", "call", "support.comparison_rules:first_letter"), {"a": "abc"}, {"a": "axx"}),
]

MISMATCHES = [
    (("/a", "ignore"), {"ab": 1}, {"ab": 2}),
    (("/a", "ignore"), {"x": {"a": 1}}, {"x": {"a": 2}}),
    (("/a", "tolerance", {"absolute": 0.01}), {"a": 1.00}, {"a": 1.0100001}),
    (("/a", "tolerance", {"absolute": 5}), {"a": "1"}, {"a": "2"}),
    (("/a", "tolerance", {"absolute": 5}), {"a": 1}, {"a": True}),
    (("/a", "tolerance", {"absolute": 5}), {"a": 1}, {}),
    (("/a", "time_tolerance", 2.0), {"a": f"{DAY}T10:00:00Z"}, {"a": f"{DAY}T10:00:00+01:00"}),
    (("/a", "time_tolerance", 2.0), {"a": f"{DAY}T10:00:00Z"}, {"a": "soon"}),
    (("/a", "unordered"), {"a": [1, 2, 3]}, {"a": [3, 1, 4]}),
    (("/a", "null_is_absent"), {"a": 0}, {}),
    (("/a", "case_insensitive"), {"a": "x"}, {"a": "y"}),
    (("/a", "case_insensitive"), {"a": "x"}, {"a": None}),
    (("/a", "pattern", "[a-z]+"), {"a": "abc"}, {"a": "abc1"}),
    (("/a", "pattern", ".*"), {"a": "a" * 2000}, {"a": "b"}),
    (("/a", "pattern", "(a+)+$"), {"a": "a" * 999 + "!"}, {"a": "a" * 998 + "?"}),
    (("/a", "same_kind"), {"a": UUIDS[0]}, {"a": "none"}),
    (("/a", "same_kind"), {"a": UUIDS[0]}, {}),
    (("/a", "same_kind"), {"a": 1}, {"a": "1"}),
    (("/a", "map", {"open": "OPEN"}), {"a": "open"}, {"a": "open"}),
    (("/a", "map", {"open": "OPEN"}), {"a": "done"}, {"a": "OPEN"}),
    (("/a", "map", {"1": 2}), {"a": 1}, {"a": "2"}),
    (("/a", "bijection"), {"a": [1]}, {"a": [2]}),
    (("/a", "call", "support.comparison_rules:first_letter"), {"a": "abc"}, {"a": "xbc"}),
]


@pytest.mark.parametrize(("rule", "legacy", "new"), EXPLAINED)
def test_rule_explains(rule, legacy, new):
    comparison = compare(legacy, new, rule)
    assert comparison.verdict is Verdict.EXPLAINED, shown(comparison.differences)
    assert {difference.explained_by for difference in comparison.differences} == {"file:0"}
    assert comparison.rules_used == {"file:0"}


@pytest.mark.parametrize(("rule", "legacy", "new"), MISMATCHES)
def test_rule_does_not_explain(rule, legacy, new):
    comparison = compare(legacy, new, rule)
    assert comparison.verdict is Verdict.MISMATCH, shown(comparison.differences)
    assert comparison.unexplained


def test_tables_above_have_every_kind_of_rule():
    assert {rule[1] for rule, _, _ in EXPLAINED} | {"key"} == set(RULE_KINDS)


@pytest.mark.parametrize(("rule", "legacy", "new"), [row for row in EXPLAINED if row[0][0] == "/a"])
def test_rule_that_explains_a_difference_explains_it_when_it_was_stored(rule, legacy, new):
    found = compare(legacy, new).differences
    if rule[1] == "ignore" and isinstance(legacy.get("a"), dict):
        assert len(found) == 2
    assert all(difference.explained_by == "file:0" for difference in explain(found, rules(rule)))


def test_explanation_that_was_there_stays():
    stored = Difference("/a", Kind.VALUE, 1, 2, "/a", "noise")
    assert explain([stored], rules(("/a", "ignore"))) == [stored]


def test_first_rule_that_fits_decides():
    given = ("/a", "tolerance", {"absolute": 1}), ("/a", "same_kind"), ("/a", "ignore")
    assert compare({"a": 1}, {"a": 5}, *given).differences[0].explained_by == "file:1"
    assert compare({"a": 1}, {"a": "5"}, *given).differences[0].explained_by == "file:2"


def test_key_rule_matches_members_by_it_and_nothing_else():
    legacy = {"a": [{"k": 1, "x": "p"}, {"k": 2, "x": "q"}]}
    new = {"a": [{"k": 3, "x": "p"}, {"k": 2, "x": "q!"}]}
    lines = shown(compare(legacy, new, ("/a", "key", "k")).differences)
    assert lines == [
        'value /a/1/x "q" "q!"',
        'missing /a/0 {"k": 1, "x": "p"} null',
        'extra /a/0 null {"k": 3, "x": "p"}',
    ]


def test_rules_inside_members_do_not_hide_which_is_which():
    legacy = {"a": [{"at": n, "name": f"n{n % 3}", "n": n} for n in range(9)]}
    new = {"a": [{**member, "at": -1 - member["at"]} for member in reversed(legacy["a"])]}
    new["a"][0]["name"] = "other"
    comparison = compare(legacy, new, ("/a/*/at", "ignore"), ("/a", "unordered"))
    assert shown(comparison.unexplained) == ['value /a/8/name "n2" "other"']


def test_rule_for_one_index_is_seen_where_the_array_is_the_same():
    comparison = compare({"a": ["x", "y"]}, {"a": ["x", "y"]}, ("/a/1", "map", {"y": "z"}))
    assert shown(comparison.differences) == ['value /a/1 "y" "y"']


def test_bijection_finds_the_wrong_object_that_ignoring_an_id_hides():
    route = comparer(("/id", "bijection"))

    def verdict(legacy, new):
        return route.compare(answer({"id": legacy}), answer({"id": new}), method="GET").verdict

    assert [verdict(n, n + 1000) for n in range(5)] == [Verdict.EXPLAINED] * 5
    assert [verdict(n, n + 1000) for n in range(5)] == [Verdict.EXPLAINED] * 5
    assert verdict(1, 1002) is Verdict.MISMATCH
    assert verdict(7, 1002) is Verdict.MISMATCH
    assert verdict(1, 1) is Verdict.MISMATCH  # equal, and still another object
    assert verdict(1, 1001) is Verdict.EXPLAINED
    assert route.uses == {"file:0": 11}


def test_bijection_matches_members_by_ids_that_it_knows():
    route = comparer(("/a/*/id", "bijection"), ("/a", "unordered"))
    first = [{"id": n, "x": n} for n in range(4)]
    route.compare(
        answer({"a": first}), answer({"a": [{"id": f"n{m['id']}", "x": m["x"]} for m in first]}), method="GET"
    )
    same = {"a": [{"id": n, "x": 0} for n in range(4)]}
    moved = {"a": [{"id": f"n{n}", "x": 0} for n in (2, 0, 3, 1)]}
    assert route.compare(answer(same), answer(moved), method="GET").verdict is Verdict.EXPLAINED


def test_key_under_a_bijection_is_translated():
    given = ("/a/*/id", "bijection"), ("/a", "key", "id"), ("/a", "unordered")
    route = comparer(*given)
    first = {"a": [{"id": 1, "x": 1}, {"id": 2, "x": 2}]}
    other = {"a": [{"id": "b", "x": 2}, {"id": "a", "x": 1}]}
    assert route.compare(answer(first), answer(other), method="GET").verdict is Verdict.EXPLAINED
    changed = {"a": [{"id": "b", "x": 3}, {"id": "a", "x": 2}]}
    assert shown(route.compare(answer(first), answer(changed), method="GET").unexplained) == [
        "value /a/0/x 1 2",
        "value /a/1/x 2 3",
    ]


def test_bijection_remembers_a_bounded_number_of_pairs():
    pairs = Bijection(pairs_max=10)
    assert all(pairs.take(n, str(n)) for n in range(1000))
    assert len(pairs) == 10
    assert pairs.take(1, "another")
    assert not pairs.take(999, "another one")


def test_one_wrong_pair_at_the_start_gives_way():
    pairs = Bijection()
    assert pairs.take(1, "b")
    assert [pairs.take(1, "a"), pairs.take(1, "a"), pairs.take(1, "a")] == [False, True, True]
    assert not pairs.take(1, "b")
    assert pairs.take(2, "b")


def test_values_of_other_types_are_other_values_to_a_bijection():
    pairs = Bijection()
    assert pairs.take(1, "a")
    assert pairs.take("1", "b")
    assert pairs.take(True, "c")
    assert not pairs.take(1.0, "b")


@pytest.mark.parametrize(
    ("name", "told"), [("broken", "ZeroDivisionError: no luck today"), ("leaving", "SystemExit: 3")]
)
def test_function_that_raises_is_a_difference_of_its_own(name, told):
    comparison = compare({"a": [1, 2]}, {"a": [3, 4]}, ("/a/*", "call", f"support.comparison_rules:{name}"))
    assert comparison.verdict is Verdict.MISMATCH
    assert [(one.path, one.legacy, one.new) for one in comparison.differences if one.path.startswith("@")] == [
        ("@rule/file:0", "/a/0", told)
    ]
    assert {one.path for one in comparison.differences} == {"@rule/file:0", "/a/0", "/a/1"}


def test_function_or_module_that_ends_the_process_does_not():
    mapped = ("/a/*/id", "map", "support.comparison_rules:ending")
    comparison = compare(
        {"a": [{"id": 1, "n": 1}, {"id": 2, "n": 2}]}, {"a": [{"id": 2, "n": 2}, {"id": 1, "n": 3}]}, mapped
    )
    assert comparison.verdict is Verdict.MISMATCH
    assert "SystemExit: 4" in [one.new for one in comparison.differences]
    difference = Difference("/a/0/id", Kind.VALUE, 1, 2, "/a/*/id")
    assert explain([difference], rules(mapped)) == [difference]
    with pytest.raises(RuleError, match="cannot be imported"):
        compile_rules(rules(("/a", "call", "support.ending_module:alike")))


def test_expired_rule_does_not_apply_and_is_reported():
    clock = [0.0]
    rule = RuleModel("file:0", "/a", "ignore", expires=10.0)
    route = RouteComparer(CompareModel(rules=(rule,)), now=lambda: clock[0])

    def verdict():
        return route.compare(answer({"a": 1}), answer({"a": 2}), method="GET").verdict

    assert (verdict(), route.expired) == (Verdict.EXPLAINED, ())
    clock[0] = 10.0
    assert (verdict(), route.expired) == (Verdict.MISMATCH, (rule,))


def test_rules_that_never_matched_are_known():
    route = comparer(("/a", "ignore"), ("/b", "ignore"))
    route.compare(answer({"a": 1}), answer({"a": 2}), method="GET")
    assert route.uses == {"file:0": 1, "file:1": 0}


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        (("a", "ignore"), "is no path"),
        (("/a*", "ignore"), "part of a segment"),
        (("/a" * 51, "ignore"), "51 segments"),
        (("/a", "forget"), "there is no rule of the kind 'forget'"),
        (("/a", "tolerance"), "needs absolute or relative"),
        (("/a", "tolerance", {"absolut": 1}), "needs absolute or relative"),
        (("/a", "tolerance", {"absolute": "x"}), "are numbers"),
        (("/a", "time_tolerance", "2s"), "needs a duration"),
        (("/a", "key"), "needs the name"),
        (("/a", "pattern", "("), "is not a regular expression"),
        (("/a", "pattern", None), "is not a regular expression"),
        (("/a", "pattern", r"(a)\1"), "backreferences are not supported"),
        (("/a", "map", {}), "needs a table"),
        (("/a", "map", "nothing"), "needs module:function"),
        (("/a", "call", "no_such_module:f"), "cannot be imported"),
        (("/a", "call", "support.answers:JSON"), "is no function"),
    ],
)
def test_rule_that_cannot_work_is_refused_in_words(rule, told):
    with pytest.raises(RuleError, match=told) as caught:
        compile_rules(rules(rule))
    assert str(caught.value).startswith("file:0: ")


@pytest.mark.parametrize(
    ("rule", "legacy", "new"),
    [
        (("@status", "map", {"200": 201}), answer({}), answer({}, status=201)),
        (("@header/location", "pattern", "/orders/[0-9]+"), answer({}, "application/json", ("location", "/orders/1")),
         answer({}, "application/json", ("location", "/orders/2"))),
        (("@header/content-type", "ignore"), answer({}), answer({}, "application/vnd.x+json")),
        (("@cookie/sid/value", "same_kind"), answer({}, "application/json", ("set-cookie", f"sid={UUIDS[0]}")),
         answer({}, "application/json", ("set-cookie", f"sid={UUIDS[1]}"))),
        (("@cookie/sid", "ignore"), answer({}, "application/json", ("set-cookie", "sid=1; Path=/")),
         answer({}, "application/json", ("set-cookie", "sid=2; Path=/x"))),
        (("@cookie/sid", "ignore"), answer({}, "application/json", ("set-cookie", "sid=1; Path=/")), answer({})),
        (("@latency", "ignore"), answer({}, total_s=0.1), answer({}, total_s=0.9)),
        (("@latency", "tolerance", {"relative": 9}), answer({}, total_s=0.1), answer({}, total_s=0.9)),
        (("@body", "ignore"), answer(b"\x00", "image/png"), answer(b"\x01\x02", "image/png")),
    ],
)  # fmt: skip
def test_rule_beside_the_body_explains(rule, legacy, new):
    without = comparer(latency_factor=2.0).compare(legacy, new, method="GET")
    assert without.verdict is Verdict.MISMATCH
    explained = comparer(rule, latency_factor=2.0).compare(legacy, new, method="GET")
    assert explained.verdict is Verdict.EXPLAINED, shown(explained.differences)
