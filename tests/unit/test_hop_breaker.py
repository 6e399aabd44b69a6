from __future__ import annotations

import pytest

from proxy.hop.breaker import Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(errors_share=0.5, window_s=10.0, requests_min=4, open_for_s=5.0, clock=clock)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.record(False)


def test_fewer_requests_than_the_minimum_never_open_it(breaker):
    fail(breaker, 3)
    assert breaker.allows()
    assert breaker.state == "closed"


def test_it_opens_when_the_share_of_failures_is_reached(breaker):
    breaker.record(True)
    breaker.record(True)
    breaker.record(False)
    assert breaker.allows()
    breaker.record(False)
    assert breaker.state == "open"
    assert not breaker.allows()
    assert not breaker.ready


def test_a_lower_share_of_failures_leaves_it_closed(breaker):
    for _ in range(20):
        breaker.record(True)
        breaker.record(True)
        breaker.record(False)
    assert breaker.state == "closed"


def test_failures_that_left_the_window_do_not_count(breaker, clock):
    fail(breaker, 3)
    clock.now += 10.0
    fail(breaker, 3)
    assert breaker.state == "closed"
    fail(breaker, 1)
    assert breaker.state == "open"


def test_the_window_slides_by_a_tenth(breaker, clock):
    fail(breaker, 1)
    clock.now += 5.0
    fail(breaker, 2)
    clock.now += 5.0  # the first failure is out, the two are not
    fail(breaker, 1)
    assert breaker.state == "closed"
    fail(breaker, 1)
    assert breaker.state == "open"


def test_a_long_silence_empties_the_window(breaker, clock):
    fail(breaker, 3)
    clock.now += 1e6
    fail(breaker, 3)
    assert breaker.state == "closed"


def test_after_its_time_exactly_one_trial_passes(breaker, clock):
    fail(breaker, 4)
    clock.now += 4.9
    assert not breaker.allows()
    clock.now += 0.2
    assert breaker.ready
    assert breaker.ready, "looking takes no trial"
    assert [breaker.allows() for _ in range(3)] == [True, False, False]
    assert breaker.state == "half_open"
    assert not breaker.ready


def test_a_good_trial_closes_it_with_an_empty_window(breaker, clock):
    fail(breaker, 4)
    clock.now += 5.0
    assert breaker.allows()
    breaker.record(True)
    assert breaker.state == "closed"
    fail(breaker, 3)
    assert breaker.state == "closed"


def test_a_bad_trial_opens_it_again_for_the_whole_time(breaker, clock):
    fail(breaker, 4)
    clock.now += 5.0
    assert breaker.allows()
    clock.now += 1.0
    breaker.record(False)
    assert breaker.state == "open"
    clock.now += 4.9
    assert not breaker.allows()
    clock.now += 0.2
    assert breaker.allows()


def test_a_lost_trial_does_not_wedge_it(breaker, clock):
    fail(breaker, 4)
    clock.now += 5.0
    assert breaker.allows()
    clock.now += 5.0
    assert [breaker.allows() for _ in range(2)] == [True, False]


def test_late_results_of_requests_sent_before_it_opened_do_not_prolong_or_end_it(breaker, clock):
    fail(breaker, 4)
    clock.now += 2.0
    fail(breaker, 10)
    breaker.record(True)
    assert breaker.state == "open"
    clock.now += 3.0
    assert breaker.allows()
