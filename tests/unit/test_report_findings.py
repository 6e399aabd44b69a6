"""Stored clusters as findings: in words, with a rule, the halves of a move as one, learned noise set aside."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from routes.config.rule import Rule
from routes.shadowing import RuleModel
from shadow.comparison import Comparison, Difference, Kind, Verdict
from shadow.errors import ReportError
from shadow.keeping.redacted import Sight
from shadow.keeping.redaction import Redactor
from shadow.keeping.veil import Veil, VeiledNoise
from shadow.reporting.asked import read_settings, read_window
from shadow.reporting.building import build_route
from shadow.reporting.describing import describe
from shadow.reporting.folding import MOVED, fold, fold_cut, fold_moved
from shadow.reporting.gate import GateSettings
from shadow.reporting.judging import judge_noise
from shadow.reporting.proposing import Describer
from shadow.reporting.rows import RouteFacts, RouteRows, StoredCluster, Window
from shadow.reporting.ruletext import rule_yaml
from support.exchanges import exchange


def cluster(pattern: str, kind: str, relation: str, *examples: tuple[Any, Any], count: int = 3) -> StoredCluster:
    made = tuple({"exchange": f"e{at}", "path": pattern, "legacy": a, "new": b} for at, (a, b) in enumerate(examples))
    return StoredCluster(f"{pattern} {kind}", pattern, kind, relation, count, 1.0, 2.0, made)


GONE = cluster("/CURR", "missing", "renamed:CURRENCY", ("USD", None))
CAME = cluster("/CURRENCY", "extra", "renamed:CURRENCY", (None, "USD"), count=4)


def test_halves_of_a_move_are_one_finding() -> None:
    other = cluster("/x", "missing", "", (1, None))
    folded = fold_moved([CAME, other, GONE])
    assert [(one.pattern, one.kind, one.count) for one in folded] == [("/x", "missing", 3), ("/CURR", MOVED, 4)]
    (example,) = folded[1].examples
    assert (example["legacy"], example["new"]) == ({"CURR": "USD"}, {"CURRENCY": "USD"})


def test_half_of_a_move_alone_stays_what_it_is() -> None:
    assert fold_moved([GONE]) == [GONE]
    assert fold_moved([CAME]) == [CAME]


CENTS = cluster("/tax", "value", "rounded:2", (10.9575, 10.96), (1.2345, 1.23), count=90)
DIMES = cluster("/tax", "value", "rounded:1", (3.7035, 3.7), count=9)
WHOLE = cluster("/tax", "value", "rounded:0", (8.0019, 8), count=1)


def test_one_rounding_is_one_finding_though_json_leaves_zeros_out() -> None:
    (folded,) = fold([DIMES, CENTS, WHOLE])
    assert (folded.relation, folded.count, len(folded.examples)) == ("rounded:2", 100, 4)
    text = [
        cluster("/tax", "value", f"rounded:{places}", pair)
        for places, pair in ((2, ("1.234", "1.23")), (1, ("3.7035", "3.7")))
    ]
    assert [one.relation for one in fold(text)] == ["rounded:2"]


def test_cutting_looks_like_rounding_half_of_the_time() -> None:
    cut = cluster("/tax", "value", "truncated:2", (1.239, 1.23))
    assert [one.relation for one in fold([CENTS, cut])] == ["rounded:2", "truncated:2"]
    down = cluster("/tax", "value", "rounded:2", (1.2345, 1.23), (-1.2345, -1.23))
    assert [one.relation for one in fold([down, cut])] == ["truncated:2"]


def test_places_that_new_gained_are_one_finding() -> None:
    clusters = [
        cluster("/a", "value", "unrounded:2", (1.23, 1.2345)),
        cluster("/a", "value", "unrounded:1", (3.7, 3.7035)),
    ]
    assert [one.relation for one in fold(clusters)] == ["unrounded:2"]


@pytest.mark.parametrize(
    "other",
    [
        cluster("/tax", "value", "rounded:1", (3.7535, 3.8)),
        cluster("/net", "value", "rounded:1", (3.7035, 3.7)),
        cluster("/tax", "value", "unrounded:1", (3.7, 3.7035)),
        cluster("/tax", "value", "rounded:1"),
        cluster("/tax", "value", "rounded:1", ("~hmac:0123", "~hmac:4567")),
        cluster("/tax", "value", "rounded:x", (3.7035, 3.7)),
        cluster("/tax", "value", "scaled:2", (3.7, 370)),
    ],
)
def test_what_is_not_the_same_rounding_for_certain_stays_apart(other: StoredCluster) -> None:
    assert fold_cut([CENTS, other]) == [CENTS, other]


def test_move_is_shown_with_both_names() -> None:
    rows = RouteRows(verdicts={(0, "mismatch", ""): 4}, clusters=[GONE, CAME])
    facts, window = RouteFacts("orders", "shadow"), Window(0, 60)
    route = build_route(facts, rows, window, (0.1,), settings=GateSettings(), describe=Describer("orders"))
    (found,) = route.clusters
    assert found.words == "the same value under the name CURRENCY"
    assert (found.examples[0].legacy, found.examples[0].new) == ('{"CURR": "USD"}', '{"CURRENCY": "USD"}')
    assert route.headline.startswith("1 kind of difference in 100 % of 4 compared requests")


@pytest.mark.parametrize(
    ("pattern", "kind", "relation", "words"),
    [
        ("/a", "value", "rounded:2", "new is legacy rounded to 2 places"),
        ("/a", "value", "rounded:1", "new is legacy rounded to 1 place"),
        ("/a", "value", "untruncated:0", "legacy is new cut to whole numbers"),
        ("/a", "value", "time_shifted:-5:00", "the time is off by -5:00 hours, as in another time zone"),
        ("/a", "value", "", "the values differ"),
        ("/a", "missing", "", "new has no such value"),
        ("@status", "value", "", "the status is another one"),
        ("@status", "value", "status:200>500", "new answers 500, legacy 200"),
        ("@status", "type", "status:200>connection_refused", "new fails: connection refused, legacy answers 200"),
        ("@status", "type", "status:timed_out>200", "new answers 200, legacy fails: timed out"),
        ("@status", "value", "status:timed_out>reset", "new fails: reset, legacy: timed out"),
        ("/a", "order", "reordered", "the same members in another order"),
        ("/a", "value", "of_a_later_release", "of_a_later_release"),
    ],
)
def test_findings_are_clauses(pattern: str, kind: str, relation: str, words: str) -> None:
    assert describe(pattern, kind, relation) == words


def test_proposed_rule_is_one_of_the_configuration() -> None:
    _, text = Describer("orders")(cluster("/lines/*/tax", "value", "rounded:2", ("1.2345", "1.23")))
    (setting,) = yaml.safe_load(text)
    rule = Rule.model_validate(setting)
    assert (rule.path, rule.kind) == ("/lines/*/tax", "tolerance")


def test_bug_gets_no_rule() -> None:
    assert Describer("orders")(cluster("/at", "value", "time_shifted:-5:00", ("a", "b")))[1] == ""


@pytest.mark.parametrize(
    "rule",
    [
        RuleModel("live:1", "/a", "ignore", None, "why", "who", 1_772_409_600.0),
        RuleModel("live:1", "/a", "tolerance", {"absolute": 0.01}, "why: with a colon", "who"),
        RuleModel("live:1", "/a", "time_tolerance", 0.25),
        RuleModel("live:1", "/a", "time_tolerance", 0.0),
        RuleModel("live:1", "/a", "tolerance", {"absolute": 0.0}),
        RuleModel("live:1", "/a", "map", {"Y": True}),
    ],
)
def test_rule_as_yaml_is_read_as_the_same_rule(rule: RuleModel) -> None:
    (setting,) = yaml.safe_load(rule_yaml(rule))
    read = Rule.model_validate(setting)
    assert (read.path, read.kind, read.reason, read.owner) == (rule.path, rule.kind, rule.reason, rule.owner)
    assert (read.expires is None) == (rule.expires is None)
    if rule.expires is not None:
        assert setting["expires"] == "2026-03-01"


REDACTOR = Redactor(b"a key of the tests")


def learned(noise: VeiledNoise) -> dict[str, Any]:
    return json.loads(json.dumps(noise.to_json()))


def seen(noise: VeiledNoise, new: Comparison, again: Comparison) -> None:
    noise.conclude(new, again, Sight(REDACTOR, exchange({}, {}), new, again))


def moving(value: str, again: str) -> Comparison:
    difference = Difference("/req_id", Kind.VALUE, value, again, "/req_id")
    return Comparison(Verdict.MISMATCH, differences=(difference,), media="json")


def uuid(number: int) -> str:
    return f"{number:08x}-1111-4111-8111-111111111111"


def test_cluster_from_before_its_place_was_known_to_move_is_settled() -> None:
    noise = VeiledNoise(Veil(REDACTOR))
    for number in range(20):
        seen(noise, moving(uuid(number), uuid(number + 100)), moving(uuid(number), uuid(number + 200)))
    early = cluster("/req_id", "value", "another:uuid", (uuid(900), uuid(901)))
    wrong = StoredCluster("wrong", "/req_id", "value", "", 1, 1.0, 2.0, (
        {"exchange": "e", "path": "/req_id", "legacy": uuid(1), "new": "none"},
    ))  # fmt: skip
    rows = RouteRows(clusters=[early, wrong])
    judge_noise(rows, [learned(noise)], REDACTOR)
    assert rows.settled == {early.fingerprint}


def test_learned_state_of_another_release_is_no_reason_to_fail() -> None:
    rows = RouteRows(clusters=[GONE])
    judge_noise(rows, [{"version": 99}], REDACTOR)
    assert (rows.keys, rows.settled) == ((), frozenset())


def test_flagged_places_come_from_what_was_learned() -> None:
    noise = VeiledNoise(Veil(REDACTOR))
    for number in range(40):
        seen(noise, moving(str(number), str(number + 1)), Comparison(Verdict.MATCH, media="json"))
    rows = RouteRows()
    judge_noise(rows, [learned(noise)], REDACTOR)
    (key,) = rows.keys
    assert (key.pattern, key.new_only, key.legacy_only, key.flagged) == ("/req_id", 40, 0, True)
    assert key.e_value_log10 > 9


def test_settings_of_the_gate_are_read_with_their_units() -> None:
    given = {"comparisons_min": "50", "different_max": "1%", "latency_slack_s": "20ms", "latency_p99_factor": "2.5"}
    assert read_settings(given) == GateSettings(50, 0.01, latency_p99_factor=2.5, latency_slack_s=0.02)
    assert read_settings({}) == GateSettings()


@pytest.mark.parametrize(
    "given",
    [{"nonsense": "1"}, {"comparisons_min": "-1"}, {"comparisons_min": "many"}, {"different_max": "1"},
     {"latency_p99_factor": "nan"}, {"latency_p99_factor": "0.5"}, {"latency_slack_s": "5"}],
)  # fmt: skip
def test_settings_that_are_none_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(ReportError):
        read_settings(given)


@pytest.mark.parametrize("since", ["", "0s", "1", "367d", "yesterday"])
def test_times_that_are_none_are_refused(since: str) -> None:
    with pytest.raises(ReportError):
        read_window(since, 1e9)


def test_window_ends_now() -> None:
    assert read_window("2h", 10_000.0) == Window(2800.0, 10_000.0)
    assert read_window(None, 100_000.0) == Window(13_600.0, 100_000.0)
