"""Second asks of legacy beyond the sample: granted, spent, taken back."""

from __future__ import annotations

import pytest

from proxy.mirroring.bucket import Bucket
from proxy.mirroring.capture import Capture, Memory
from proxy.mirroring.secondasks import GRANTED, PAUSE_S, PER_S, SPENT_MAX, SecondAsks
from routes.shadowing import ShadowModel, spread
from shadow.exchange import COMPLETE, FAILED, TIMED_OUT

NOW = 1_000.0


class Head:
    """As much of a response as is looked at."""

    def __init__(self, status: int) -> None:
        self.status = status


def answered(outcome: str, status: int | None = None) -> Capture:
    capture = Capture(Memory(), 0)
    capture.outcome = outcome
    if status is not None:
        capture.response = Head(status)
    return capture


def granted() -> SecondAsks:
    asks = SecondAsks()
    asks.grant(NOW)
    return asks


def taken(asks: SecondAsks, bucket: Bucket, now_s: float, times: int) -> int:
    return sum(asks.take(bucket, now_s) for _ in range(times))


def test_nothing_is_asked_before_it_was_granted():
    assert taken(SecondAsks(), Bucket(), NOW, 10) == 0


def test_one_acknowledgement_grants_only_so_many_however_long_the_next_one_takes():
    asks, bucket = granted(), Bucket()
    assert sum(asks.take(bucket, NOW + turn) for turn in range(1_000)) == GRANTED
    asks.grant(NOW)
    assert asks.left == GRANTED


def test_all_routes_of_a_worker_share_what_may_be_asked_a_second():
    bucket = Bucket()
    routes = [granted() for _ in range(10)]
    assert sum(taken(asks, bucket, NOW, 100) for asks in routes) == PER_S
    for asks in routes:
        asks.grant(NOW + 1)
    assert sum(taken(asks, bucket, NOW + 1, 100) for asks in routes) == PER_S


def test_a_comparer_that_is_never_settled_is_not_followed_for_ever():
    asks, bucket, now_s = SecondAsks(), Bucket(), NOW
    for _ in range(SPENT_MAX):
        now_s += 1
        asks.grant(now_s)
        taken(asks, bucket, now_s, GRANTED)
    assert (asks.spent, asks.left) == (SPENT_MAX, 0)
    asks.begin_anew()
    asks.grant(now_s)
    assert asks.left == GRANTED


def test_what_was_granted_is_taken_back():
    asks = granted()
    asks.withdraw()
    assert taken(asks, Bucket(), NOW, 10) == 0


@pytest.mark.parametrize(
    "capture",
    [answered(FAILED), answered(TIMED_OUT), *(answered(COMPLETE, status) for status in (429, 502, 503, 504))],
    ids=["failed", "timed out", "429", "502", "503", "504"],
)
def test_a_second_ask_that_went_wrong_leaves_legacy_alone_for_a_while(capture):
    asks = granted()
    asks.on_answer(capture, NOW)
    assert asks.left == 0
    asks.grant(NOW + PAUSE_S - 1)
    assert asks.left == 0
    asks.grant(NOW + PAUSE_S)
    assert asks.left == GRANTED


@pytest.mark.parametrize("status", [200, 304, 404, 500])
def test_any_other_answer_is_an_answer(status):
    asks = granted()
    asks.on_answer(answered(COMPLETE, status), NOW)
    assert asks.left == GRANTED


def test_the_larger_share_takes_whatever_the_sample_takes_and_never_less():
    shadow = ShadowModel(noise_sample=0.2, noise_sample_max=0.5)
    spreads = [spread(b"req-%06d" % number) for number in range(20_000)]
    sampled = {one for one in spreads if shadow.samples_noise(one)}
    more = {one for one in spreads if shadow.may_sample_noise(one)}
    assert sampled < more
    assert 0.48 < len(more) / len(spreads) < 0.52
    off = ShadowModel(noise_sample=0.2, noise_sample_max=0.0)
    assert {one for one in spreads if off.may_sample_noise(one)} == sampled
