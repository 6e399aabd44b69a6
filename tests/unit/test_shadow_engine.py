"""The engine: from exchanges to what is stored, whatever an exchange holds."""

from __future__ import annotations

import json

import pytest

from routes.shadowing import CompareModel, RuleModel
from shadow import engine as engine_module
from shadow.comparing.comparer import RouteComparer
from shadow.engine import BEYOND, Engine
from shadow.keeping.batch import Batch
from shadow.keeping.quota import FINDINGS_MAX, KEPT_PER_HOUR, SAMPLE_S, Quota
from shadow.keeping.retests import up_to_date
from shadow.keeping.tables import KEPT_FINDING, KEPT_SAMPLE
from shadow.noise.route import RouteNoise
from support.exchanges import AT, answer, exchange


class Clock:
    def __init__(self) -> None:
        self.now = AT

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def engine(clock: Clock) -> Engine:
    made = Engine(b"a key of the tests", now=clock)
    made.install({"orders": CompareModel()}, {})
    return made


def test_a_mismatch_is_kept_with_its_cluster_and_an_example(engine):
    concluded = engine.take(exchange({"items": [{"id": 1, "price": 2.0}]}, {"items": [{"id": 1, "price": 200.0}]}))
    (cluster,) = concluded.clusters
    assert (concluded.tally.verdict, concluded.tally.status, concluded.tally.media) == ("mismatch", 2, "json")
    assert (cluster.path, cluster.relation) == ("/items/*/price", "scaled:2")
    assert [(one.exchange, one.path, one.legacy, one.new) for one in cluster.examples] == [
        ("one", "/items/0/price", 2.0, 200.0)
    ]
    assert concluded.kept.why == KEPT_FINDING
    assert concluded.kept.record.clusters == (cluster.fingerprint,)
    assert dict(concluded.durations) == {"legacy": 0.02, "new": 0.02}


def test_of_one_finding_a_bounded_number_is_kept_per_hour_and_all_are_counted(engine, clock):
    batch = Batch()
    pair = exchange({"a": 1}, {"a": 2})
    batch.add("0:a", 1, [engine.take(pair) for _ in range(KEPT_PER_HOUR + 30)])
    assert len(batch.kept) == KEPT_PER_HOUR
    (cluster,) = batch.clusters.values()
    assert cluster.count == KEPT_PER_HOUR + 30
    assert len(cluster.examples) == 10
    assert engine.take(exchange({"a": 1}, {"b": 2})).kept is not None
    clock.now += 3600
    assert engine.take(pair).kept is not None


def test_of_matches_a_steady_sample_is_kept(engine, clock):
    pair = exchange({"a": 1}, {"a": 1})
    kept = []
    for _ in range(10):
        kept.append(engine.take(pair).kept)
        clock.now += SAMPLE_S / 2
    assert [one is not None for one in kept] == [True, False] * 5
    assert kept[0].why == KEPT_SAMPLE


def test_a_route_is_unsettled_from_a_difference_until_it_is_known_or_ruled(engine):
    assert engine.unsettled(["orders", "gone"]) == set()
    engine.take(exchange({"a": 1}, {"a": 2}))
    assert engine.unsettled(["orders", "gone"]) == {"orders"}
    assert engine.unsettled([]) == set()
    engine.install({"orders": CompareModel(rules=(RuleModel("file:0", "/a", "ignore"),))}, {})
    engine.take(exchange({"a": 1}, {"a": 2}))
    assert engine.unsettled(["orders"]) == set()
    engine.take(exchange({"b": 1}, {"b": 2}))
    for value in range(3, 6):
        assert engine.unsettled(["orders"]) == {"orders"}
        engine.take(exchange({"b": 1}, {"b": 2}, again=answer({"b": value})))
    assert engine.unsettled(["orders"]) == set()


def test_a_test_that_is_begun_anew_forgets_the_flags_once_and_in_whatever_process(engine):
    models = {"orders": CompareModel()}

    def differ() -> None:
        for _ in range(40):
            engine.take(exchange({"a": 1}, {"a": 2}, again=answer({"a": 1})))

    def state(one: Engine) -> RouteNoise:
        batch = Batch()
        one.gather(batch, noise=True)
        written.append(batch.noise["orders"])
        return RouteNoise.from_json(batch.noise["orders"])

    written: list[dict] = []
    differ()
    assert state(engine).flagged()
    engine.install(models, {}, {"orders": 1, "gone": 4})
    assert not state(engine).flagged()
    differ()
    engine.install(models, {}, {"orders": 1})
    assert state(engine).flagged()
    successor = Engine(b"a key of the tests")
    successor.remember({"orders": up_to_date(written[-1], 1)}, {})
    successor.install(models, {}, {"orders": 1})
    successor.take(exchange({"a": 1}, {"a": 1}))
    assert state(successor).flagged()
    assert not RouteNoise.from_json(up_to_date(written[-1], 2)).flagged()


def test_a_defect_costs_the_one_exchange_and_is_said_once_without_values(engine, monkeypatch, capsys):
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("hunter22")

    monkeypatch.setattr(RouteComparer, "compare", fail)
    concluded = [engine.take(exchange({}, {})) for _ in range(3)]
    monkeypatch.undo()
    assert [(one.tally.verdict, one.tally.reason) for one in concluded] == [("not_comparable", "internal")] * 3
    said = capsys.readouterr()
    assert (said.out + said.err).count("shadow.exchange.failed") == 1
    assert "hunter22" not in said.out + said.err
    assert engine.take(exchange({}, {})).tally.verdict == "match"


def test_a_route_that_is_gone_is_counted_as_not_comparable(engine):
    engine.install({}, {})
    assert engine.take(exchange({}, {})).tally[2:4] == ("not_comparable", "no_route")


def test_a_live_rule_that_does_not_compile_is_left_out_and_the_others_apply(engine):
    rules = [RuleModel("live:1", "/a", "pattern", "("), RuleModel("live:2", "/b", "ignore")]
    engine.install({"orders": CompareModel()}, {"orders": rules})
    assert engine.take(exchange({"b": 1}, {"b": 2})).tally.verdict == "explained"
    assert engine.take(exchange({"a": 1}, {"a": 2})).tally.verdict == "mismatch"


def test_what_was_learned_survives_another_table_a_route_that_comes_back_and_the_process(engine):
    pair = exchange({"id": "a"}, {"id": "a"}, again=answer({"id": "b"}))
    engine.take(pair)
    engine.install({"orders": CompareModel(cookies=False)}, {})
    engine.install({}, {})
    engine.install({"orders": CompareModel()}, {})
    engine.take(pair)
    batch = Batch()
    engine.gather(batch, noise=True)
    assert batch.noise["orders"]["asked"] == 2
    another = Engine(b"a key of the tests")
    another.remember(json.loads(json.dumps(batch.noise)), {})
    another.install({"orders": CompareModel()}, {})
    another.take(pair)
    batch = Batch()
    another.gather(batch, noise=True)
    assert batch.noise["orders"]["asked"] == 3
    batch = Batch()
    another.gather(batch, noise=True)
    assert batch.noise == {}


def test_noise_that_cannot_be_read_is_learned_anew(engine):
    another = Engine(b"a key of the tests")
    another.remember({"orders": {"version": 99}}, {})
    another.install({"orders": CompareModel()}, {})
    assert another.take(exchange({}, {})).tally.verdict == "match"


def test_clusters_beyond_the_bound_are_counted_in_one(engine, monkeypatch):
    monkeypatch.setattr(engine_module, "CLUSTERS_MAX", 3)
    paths = [engine.take(exchange({}, {f"member{'x' * n}": 1})).clusters[0].path for n in range(6)]
    assert paths[3:] == [BEYOND] * 3
    assert BEYOND not in paths[:3]
    many = engine.take(exchange({}, {"one": 1, "two": 2, "three": 3}))
    assert [(cluster.path, cluster.count) for cluster in many.clusters] == [(BEYOND, 1)]


def test_times_that_cannot_be_meant_are_those_of_now(engine):
    for at in (float("nan"), float("inf"), -1.0, 1e300):
        assert engine.take(exchange({}, {}, at=at)).tally.minute == int(AT) // 60
    concluded = engine.take(exchange(answer({}, total_s=float("nan")), answer({}, total_s=-1.0)))
    assert dict(concluded.durations) == {"legacy": 0.0, "new": 0.0}


def test_the_second_answer_of_legacy_does_not_teach_the_bijection(engine):
    rule = RuleModel("file:0", "/id", "bijection")
    engine.install({"orders": CompareModel(rules=(rule,))}, {})
    pair = exchange({"id": "l1"}, {"id": "n1"}, again=answer({"id": "l1"}))
    assert [engine.take(pair).tally.verdict for _ in range(3)] == ["explained"] * 3
    assert engine.take(exchange({"id": "l1"}, {"id": "n2"})).tally.verdict == "mismatch"


def test_a_map_is_for_new_and_legacys_second_answer_does_not_break_it(engine):
    rule = RuleModel("file:0", "/state", "map", {"open": "OPEN"})
    engine.install({"orders": CompareModel(rules=(rule,))}, {})
    twice, once = {"again": answer({"state": "open"})}, {}
    for _ in range(50):
        for asked in (twice, once):
            assert engine.take(exchange({"state": "open"}, {"state": "OPEN"}, **asked)).tally.verdict == "explained"
    for asked in (twice, once):
        assert engine.take(exchange({"state": "open"}, {"state": "open"}, **asked)).tally.verdict == "mismatch"
    batch = Batch()
    engine.gather(batch, noise=False)
    assert {name: counts[1] for (_, _, name), counts in batch.self_proofs.items() if not name} == {"": 0}


def test_a_route_of_which_every_answer_differs_is_proved_on_legacys_two_answers(engine):
    document = {"items": [{"id": number, "name": f"n{number}", "price": 1.5} for number in range(5)]}
    for _ in range(250):
        pair = exchange(document, {**document, "more": 1}, again=answer(document))
        assert engine.take(pair).tally.verdict == "mismatch"
    batch = Batch()
    engine.gather(batch, noise=False)
    seeded = [counts for (_, _, name), counts in batch.self_proofs.items() if name]
    assert sum(injected for injected, _ in seeded) == sum(found for _, found in seeded) == 2


def test_proofs_are_gathered_for_the_store(engine):
    document = {"items": [{"id": number, "name": f"n{number}", "price": 1.5} for number in range(5)]}
    for _ in range(250):
        engine.take(exchange(document, document))
    batch = Batch()
    engine.gather(batch, noise=False)
    assert sum(injected for injected, _ in batch.self_proofs.values()) == 2


def test_a_quota_is_bounded():
    quota = Quota()
    admitted = sum(quota.admits_finding([f"f{number}"], AT) for number in range(FINDINGS_MAX + 100))
    assert admitted == FINDINGS_MAX
    assert quota.admits_finding(["f0"], AT)
