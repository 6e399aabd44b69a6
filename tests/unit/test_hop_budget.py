from __future__ import annotations

from proxy.hop.budget import RetryBudget


def test_the_minimum_is_always_there():
    budget = RetryBudget(share=0.2, minimum=3)
    assert [budget.acquire(active=1) for _ in range(4)] == [True, True, True, False]
    assert budget.in_use == 3
    assert budget.refused == 1


def test_a_share_of_the_active_requests_is_the_most():
    budget = RetryBudget(share=0.2, minimum=3)
    assert sum(budget.acquire(active=100) for _ in range(50)) == 20


def test_what_is_released_can_be_taken_again():
    budget = RetryBudget(share=0.2, minimum=1)
    assert budget.acquire(active=1)
    assert not budget.acquire(active=1)
    budget.release()
    assert budget.acquire(active=1)


def test_no_share_and_no_minimum_means_no_retries():
    assert not RetryBudget(share=0.0, minimum=0).acquire(active=1000)
