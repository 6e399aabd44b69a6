from __future__ import annotations

from collections import Counter

from proxy.hop.balancer import choose
from proxy.hop.breaker import Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Endpoint:
    def __init__(self, pending: int = 0, *, healthy: bool = True, breaker: Breaker | None = None) -> None:
        self.pending = pending
        self.healthy = healthy
        self.breaker = breaker


def open_breaker(clock: Clock) -> Breaker:
    breaker = Breaker(errors_share=0.5, window_s=10, requests_min=1, open_for_s=5, clock=clock)
    breaker.record(False)
    assert breaker.state == "open"
    return breaker


def test_no_endpoints_is_none():
    assert choose([]) is None


def test_the_only_endpoint_is_chosen_even_when_unhealthy_or_tried():
    only = Endpoint(healthy=False)
    assert choose([only], {only}) is only


def test_the_only_endpoint_with_an_open_breaker_is_not_chosen_until_its_trial():
    clock = Clock()
    only = Endpoint(breaker=open_breaker(clock))
    assert choose([only]) is None
    clock.now = 5.0
    assert choose([only]) is only
    assert choose([only]) is None


def test_the_fewest_pending_wins():
    endpoints = [Endpoint(3), Endpoint(1), Endpoint(2)]
    assert all(choose(endpoints) is endpoints[1] for _ in range(50))


def test_ties_are_spread_over_all():
    endpoints = [Endpoint(1), Endpoint(0), Endpoint(0), Endpoint(0)]
    counts = Counter(endpoints.index(choose(endpoints)) for _ in range(3000))
    assert set(counts) == {1, 2, 3}
    assert all(800 < count < 1200 for count in counts.values())


def test_an_unhealthy_endpoint_is_not_chosen_however_idle():
    endpoints = [Endpoint(50), Endpoint(0, healthy=False)]
    assert all(choose(endpoints) is endpoints[0] for _ in range(20))


def test_a_tried_endpoint_is_chosen_only_when_nothing_else_is_left():
    endpoints = [Endpoint(0), Endpoint(9)]
    assert choose(endpoints, {endpoints[0]}) is endpoints[1]
    assert choose(endpoints, set(endpoints)) is endpoints[0]
    endpoints[1].healthy = False
    assert choose(endpoints, {endpoints[0]}) is endpoints[0], "tried but healthy is better than unhealthy"


def test_when_all_are_unhealthy_it_fails_open():
    endpoints = [Endpoint(2, healthy=False), Endpoint(1, healthy=False)]
    assert choose(endpoints) is endpoints[1]
    assert choose(endpoints, {endpoints[1]}) is endpoints[0]


def test_an_open_breaker_takes_its_endpoint_out_and_all_open_is_none():
    clock = Clock()
    endpoints = [Endpoint(0, breaker=open_breaker(clock)), Endpoint(9)]
    assert all(choose(endpoints) is endpoints[1] for _ in range(20))
    endpoints[1].breaker = open_breaker(clock)
    assert choose(endpoints) is None


def test_a_trial_is_taken_only_by_the_endpoint_that_is_chosen():
    clock = Clock()
    endpoints = [Endpoint(5, breaker=open_breaker(clock)), Endpoint(0, breaker=Breaker(0.5, 10, 1, 5, clock))]
    clock.now = 6.0
    assert choose(endpoints) is endpoints[1]
    assert endpoints[0].breaker.state == "open"
    endpoints[1].pending = 9
    assert choose(endpoints) is endpoints[0]
    assert endpoints[0].breaker.state == "half_open"
    assert choose(endpoints) is endpoints[1]
