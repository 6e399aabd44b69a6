"""One route's noise: what legacy does to itself is no finding, what only new does is one, and learning hides nothing."""

from __future__ import annotations

import json
import random
import uuid

import pytest

from shadow.comparison import Comparison, Difference, Kind, Verdict
from shadow.errors import NoiseStateError
from shadow.noise.keys import SEEN_MIN, Key
from shadow.noise.route import RouteNoise

MATCH = Comparison(Verdict.MATCH)


def value(legacy, new, path="/a", kind=Kind.VALUE, pattern=None) -> Difference:
    return Difference(path, kind, legacy, new, pattern or path)


def compared(*differences: Difference, more: int = 0) -> Comparison:
    return Comparison(Verdict.MISMATCH if differences or more else Verdict.MATCH, differences=differences, more=more)


def ids(seed: int = 3):
    draw = random.Random(seed)
    while True:
        yield str(uuid.UUID(int=draw.getrandbits(128), version=4))


def taught(sandwiches: int = 10, seed: int = 3) -> tuple[RouteNoise, ids]:
    """A route whose `/a` is another UUID in every answer."""
    noise, fresh = RouteNoise(), ids(seed)
    for _ in range(sandwiches):
        first = next(fresh)
        noise.conclude(compared(value(first, next(fresh))), compared(value(first, next(fresh))))
    return noise, fresh


def explanations(comparison: Comparison) -> list[str]:
    return [difference.explained_by for difference in comparison.differences]


def test_difference_that_legacy_does_not_show_is_real():
    concluded = RouteNoise().conclude(compared(value(1, 2)), MATCH)
    assert concluded.verdict is Verdict.MISMATCH
    assert concluded.unexplained == (value(1, 2),)


def test_new_that_says_what_legacy_says_the_second_time_is_a_race():
    concluded = RouteNoise().conclude(compared(value(5, 4)), compared(value(5, 4)))
    assert concluded.verdict is Verdict.RACE
    assert explanations(concluded) == ["noise"]


def test_new_that_says_what_legacy_said_the_first_time_matches():
    noise = RouteNoise()
    assert noise.conclude(MATCH, compared(value(5, 4))) is MATCH
    assert [(report.new_only, report.legacy_only, report.moved) for report in noise.reports()] == [(0, 1, 1)]


def test_race_beside_a_real_difference_is_a_mismatch():
    concluded = RouteNoise().conclude(compared(value(5, 4), value(1, 2, "/b")), compared(value(5, 4)))
    assert concluded.verdict is Verdict.MISMATCH
    assert explanations(concluded) == ["noise", ""]


def test_field_that_is_another_in_every_answer_is_explained_by_what_it_is():
    noise, fresh = RouteNoise(), ids()
    first = next(fresh)
    concluded = noise.conclude(compared(value(first, next(fresh))), compared(value(first, next(fresh))))
    assert concluded.verdict is Verdict.EXPLAINED
    assert explanations(concluded) == ["volatile:uuid4"]


def test_true_is_not_one_in_a_race():
    concluded = RouteNoise().conclude(compared(value(0, True)), compared(value(0, 1)))
    assert concluded.verdict is Verdict.MISMATCH


def test_what_was_learned_explains_exchanges_in_which_legacy_was_asked_once():
    noise, fresh = taught()
    concluded = noise.conclude(compared(value(next(fresh), next(fresh))), None)
    assert concluded.verdict is Verdict.EXPLAINED
    assert explanations(concluded) == ["volatile:uuid4"]


@pytest.mark.parametrize(
    "difference",
    [
        value("1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", ""),
        value("1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", "1B9D6BCD-BBFD-4B2D-9B5D-AB8DFBBD4BED"),
        value("1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", "2c5ea4c0-4067-11e9-8bad-9b1deb4d3b7d"),
        value("1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", 7, kind=Kind.TYPE),
        value("1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", None, kind=Kind.MISSING),
        value("1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", None, kind=Kind.TYPE),
        value("1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", "0c7f8d15-7d0e-4a3c-8a76-40b1e5c1a0de", path="/b"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("asked_twice", [True, False])
def test_value_that_is_no_longer_what_it_always_is_is_a_real_difference(difference, asked_twice):
    noise, fresh = taught(50)
    again = compared(value(difference.legacy, next(fresh))) if asked_twice else None
    assert noise.conclude(compared(difference), again).verdict is Verdict.MISMATCH


def test_one_noisy_answer_of_legacy_hides_nothing():
    noise, fresh = taught(SEEN_MIN - 1)
    assert noise.conclude(compared(value(next(fresh), next(fresh))), None).verdict is Verdict.MISMATCH


def test_stored_mismatch_is_judged_anew_by_what_was_learned_since_and_teaches_nothing():
    noise, fresh = RouteNoise(), ids()
    early = compared(value(next(fresh), next(fresh)))
    assert noise.conclude(early, None).verdict is Verdict.MISMATCH
    noise, _ = taught()
    before = noise.to_json()
    assert noise.judge(early).verdict is Verdict.EXPLAINED
    assert noise.to_json() == before


def test_order_that_legacy_does_not_keep_is_explained_and_order_that_it_keeps_is_not():
    noise = RouteNoise()
    moved = value([0, 1, 2], [2, 0, 1], "/items", Kind.ORDER)
    for _ in range(SEEN_MIN):
        noise.conclude(MATCH, compared(moved))
    assert explanations(noise.conclude(compared(moved), None)) == ["volatile:order"]
    elsewhere = value([0, 1], [1, 0], "/tags", Kind.ORDER)
    assert noise.conclude(compared(elsewhere), None).verdict is Verdict.MISMATCH


def test_time_in_another_zone_or_precision_is_a_real_difference_where_times_move():
    noise = RouteNoise()
    for second in range(10, 40):
        legacy, again, new = (f"2026-03-01T10:00:{second + more}.123Z" for more in range(3))
        concluded = noise.conclude(compared(value(legacy, new)), compared(value(legacy, again)))
        assert explanations(concluded) == ["volatile:time"]
    for wrong in ("2026-03-01T10:00:30Z", "2026-03-01T10:00:30.123+01:00", "2026-03-01T12:00:30.123Z", "2026-03-01"):
        right = "2026-03-01T10:00:30.123Z"
        assert noise.conclude(compared(value(right, wrong)), None).verdict is Verdict.MISMATCH, wrong


def test_regression_beside_noise_is_flagged_and_no_longer_explained():
    noise, draw = RouteNoise(), random.Random(2)
    for _ in range(400):
        new, again = draw.random() < 0.5 or draw.random() < 0.4, draw.random() < 0.5
        noise.conclude(compared(value(5, 4)) if new else MATCH, compared(value(5, 4)) if again else MATCH)
    assert [report.key for report in noise.flagged()] == [Key("/a", Kind.VALUE)]
    assert noise.conclude(compared(value(5, 4)), None).verdict is Verdict.MISMATCH
    assert noise.conclude(compared(value(5, 4)), MATCH).verdict is Verdict.MISMATCH


def test_clean_route_is_not_flagged_and_its_noise_is_explained():
    noise, draw = RouteNoise(), random.Random(4)
    for _ in range(600):
        new, again = draw.random() < 0.3, draw.random() < 0.3
        concluded = noise.conclude(compared(value(5, 4)) if new else MATCH, compared(value(5, 4)) if again else MATCH)
    assert noise.flagged() == ()
    concluded = noise.conclude(compared(value(5, 4)), MATCH)
    assert concluded.verdict is Verdict.EXPLAINED


def test_new_that_differs_far_more_often_than_noise_allows_is_a_mismatch_before_the_paired_test_says_so():
    noise = RouteNoise()
    for turn in range(300):
        noise.conclude(MATCH, compared(value(5, 4)) if turn % 100 == 0 else MATCH)
    verdicts = [noise.conclude(compared(value(5, 4)), None).verdict for _ in range(200)]
    assert noise.flagged() == ()
    assert verdicts[0] is Verdict.EXPLAINED
    assert verdicts[-1] is Verdict.MISMATCH


def test_each_array_member_counts_once_and_more_of_them_outweigh_fewer():
    noise = RouteNoise()
    new = compared(*(value(1, 2, f"/items/{at}/n", pattern="/items/*/n") for at in (0, 1, 2)))
    again = compared(value(1, 3, "/items/7/n", pattern="/items/*/n"))
    noise.conclude(new, again)
    assert [(report.key.pattern, report.new_only, report.legacy_only) for report in noise.reports()] == [
        ("/items/*/n", 1, 0)
    ]


def test_list_of_differences_that_was_cut_is_never_explained_whole():
    noise, fresh = taught()
    cut = compared(value(next(fresh), next(fresh)), more=3)
    assert noise.conclude(cut, None).verdict is Verdict.MISMATCH


def test_what_rules_explain_is_neither_learned_nor_judged():
    noise = RouteNoise()
    ruled = value(1, 2)._replace(explained_by="file:0")
    concluded = noise.conclude(Comparison(Verdict.EXPLAINED, differences=(ruled,)), None)
    assert (concluded.verdict, explanations(concluded)) == (Verdict.EXPLAINED, ["file:0"])
    noise.conclude(
        Comparison(Verdict.EXPLAINED, differences=(ruled,)), Comparison(Verdict.EXPLAINED, differences=(ruled,))
    )
    assert noise.reports() == ()


def test_answer_that_cannot_be_read_is_never_noise():
    noise = RouteNoise()
    broken = compared(value(None, None, "@body", Kind.UNDECODABLE))
    for _ in range(20):
        noise.conclude(broken, broken)
    assert noise.conclude(broken, broken).verdict is Verdict.MISMATCH


def test_failures_of_new_are_held_against_failures_of_legacy():
    noise = RouteNoise()
    for _ in range(40):
        assert noise.conclude(Comparison(Verdict.NEW_FAILED), MATCH).verdict is Verdict.NEW_FAILED
    assert [report.key for report in noise.flagged()] == [Key("@status", Kind.VALUE)]
    noise = RouteNoise()
    for _ in range(40):
        noise.conclude(Comparison(Verdict.NEW_FAILED), Comparison(Verdict.NEW_FAILED))
        noise.conclude(MATCH, Comparison(Verdict.NEW_FAILED))
        noise.conclude(Comparison(Verdict.NEW_FAILED), Comparison(Verdict.NOT_COMPARABLE))
    assert noise.flagged() == ()


def test_what_was_learned_survives_a_restart():
    noise, fresh = taught(50)
    again = RouteNoise.from_json(json.loads(json.dumps(noise.to_json())))
    assert again.to_json() == noise.to_json()
    assert (again.reports(), again.flagged()) == (noise.reports(), noise.flagged())
    for candidate in (next(fresh), "x", "", "00000000-0000-1000-8000-000000000000"):
        comparison = compared(value(next(fresh), candidate))
        assert again.conclude(comparison, None) == noise.conclude(comparison, None)


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"version": 99},
        {"version": 2, "key": "", "asked": 1, "plain": 1, "forgotten": 0, "keys": [["/a"]]},
        {"version": 2, "key": "", "asked": 1, "plain": 1, "forgotten": 0, "keys": [["/a", "value", 1, 2, 3, 4, "?"]]},
    ],
)
def test_state_that_cannot_be_read_is_refused(state):
    with pytest.raises(NoiseStateError):
        RouteNoise.from_json(state)


def test_two_processes_know_together_what_each_learned():
    one, fresh = taught(2)
    other, _ = taught(2, seed=9)
    difference = compared(value(next(fresh), next(fresh)))
    assert one.judge(difference).verdict is other.judge(difference).verdict is Verdict.MISMATCH
    one.merge(other)
    assert one.judge(difference).verdict is Verdict.EXPLAINED
    assert one.asked == 4


def test_memory_is_bounded_and_the_key_seen_longest_ago_gives_way():
    noise = RouteNoise(keys_max=10)
    for number in range(40):
        noise.conclude(MATCH, compared(value(1, 2, f"/key{number}x"), value(1, 2, "/kept")))
    patterns = [report.key.pattern for report in noise.reports()]
    assert len(patterns) == 10
    assert "/kept" in patterns
    assert noise.forgotten == 31


def test_new_version_of_new_is_tested_afresh_and_the_noise_is_still_known():
    noise, fresh = taught()
    for _ in range(40):
        noise.conclude(compared(value(1, 2, "/b")), MATCH)
    assert noise.flagged()
    noise.restart_test()
    assert noise.flagged() == ()
    assert noise.conclude(compared(value(next(fresh), next(fresh))), None).verdict is Verdict.EXPLAINED


def test_more_of_the_same_evidence_never_takes_a_flag_away():
    noise, seen = RouteNoise(), False
    for _ in range(60):
        noise.conclude(compared(value(1, 2)), MATCH)
        assert bool(noise.flagged()) >= seen
        seen = bool(noise.flagged())
    assert seen


def test_second_asks_are_wanted_until_it_is_known_whether_legacy_moves_there_too():
    noise = RouteNoise()
    assert not noise.wants_second_asks()
    for turn in range(100):
        noise.conclude(compared(value(5, 4)) if turn % 4 == 0 else MATCH, None)
    assert noise.wants_second_asks()
    turns = 0
    while noise.wants_second_asks():
        noise.conclude(MATCH, MATCH)
        turns += 1
    # Eight times a quarter of the requests, while what is asked counts too.
    assert 32 <= turns <= 64


def test_second_asks_are_wanted_for_one_difference_only_so_long():
    noise = RouteNoise()
    noise.conclude(compared(value(5, 4)), None)
    for _ in range(1_000):
        assert noise.wants_second_asks()
        noise.conclude(MATCH, MATCH)
    assert not noise.wants_second_asks()


def test_second_asks_are_not_wanted_for_what_was_seen_by_other_rules_or_before_a_restart():
    noise = RouteNoise()
    noise.conclude(compared(value(5, 4)), None)
    assert not RouteNoise.from_json(noise.to_json()).wants_second_asks()
    noise.rules_changed()
    assert not noise.wants_second_asks()
    noise.conclude(compared(value(5, 4)), None)
    assert noise.wants_second_asks()


def test_second_asks_are_not_wanted_for_what_is_noise_or_flagged():
    noise, fresh = taught(20)
    noise.conclude(compared(value(next(fresh), next(fresh))), None)
    assert not noise.wants_second_asks()
    for _ in range(40):
        noise.conclude(compared(value(1, 2, "/b")), MATCH)
    assert noise.flagged()
    assert not noise.wants_second_asks()
