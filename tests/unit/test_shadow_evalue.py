"""The paired test against exact arithmetic, and what it promises in simulation."""

from __future__ import annotations

import random
from fractions import Fraction
from math import comb, exp, inf, isclose, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.beta import exact_interval, incomplete_beta
from shadow.noise.evalue import log_e_value, rejected


def binomial_at_least(count: int, trials: int, share: Fraction) -> Fraction:
    return sum(
        (comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in range(count, trials + 1)), start=Fraction(0)
    )


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 19))
def test_incomplete_beta_equals_the_exact_binomial_tail(a, b, twentieths):
    share = Fraction(twentieths, 20)
    exact = binomial_at_least(a, a + b - 1, share)
    assert isclose(incomplete_beta(float(share), a, b), exact, rel_tol=1e-10, abs_tol=1e-14)


def test_incomplete_beta_stays_exact_where_numbers_are_large():
    assert isclose(incomplete_beta(0.5, 500_000, 500_000), 0.5, rel_tol=1e-7)
    assert incomplete_beta(0.5, 10, 1_000_000) == 1.0
    assert incomplete_beta(0.0, 2, 3) == 0.0
    assert incomplete_beta(1.0, 2, 3) == 1.0


@pytest.mark.parametrize(("x", "a", "b"), [(-0.1, 1, 1), (1.1, 1, 1), (0.5, 0, 1), (0.5, 1, -1)])
def test_incomplete_beta_outside_of_its_domain_is_refused(x, a, b):
    with pytest.raises(ValueError, match="incomplete beta"):
        incomplete_beta(x, a, b)


@given(st.integers(0, 60), st.integers(0, 60))
def test_e_value_equals_the_integral_in_exact_arithmetic(new_only, legacy_only):
    total = new_only + legacy_only
    # The integral of theta^b (1-theta)^c over (1/2, 1) is B(b+1, c+1) · P(Bin(n+1, 1/2) <= b).
    beta = Fraction(1, (total + 1) * comb(total, new_only))
    above = 1 - binomial_at_least(new_only + 1, total + 1, Fraction(1, 2))
    exact = 2 ** (total + 1) * beta * above
    assert isclose(log_e_value(new_only, legacy_only), log(exact), rel_tol=1e-9, abs_tol=1e-9)


def test_no_observation_is_no_evidence():
    assert isclose(log_e_value(0, 0), 0.0, abs_tol=1e-12)


@given(st.integers(0, 200), st.integers(0, 200))
def test_one_more_observation_keeps_the_expectation_under_the_hypothesis(new_only, legacy_only):
    now = log_e_value(new_only, legacy_only)
    either = (log_e_value(new_only + 1, legacy_only), log_e_value(new_only, legacy_only + 1))
    assert isclose(sum(exp(value - now) for value in either) / 2, 1.0, rel_tol=1e-6)


def test_evidence_beyond_floats_is_minus_infinity_and_not_an_error():
    assert log_e_value(0, 5_000) == -inf
    assert log_e_value(5_000, 0) > 3_000


def test_negative_counts_are_refused():
    with pytest.raises(ValueError, match="negative"):
        log_e_value(-1, 0)


@pytest.mark.parametrize("noise", [0.01, 0.1, 0.5])
def test_looking_after_every_request_flags_a_clean_route_at_most_as_often_as_promised(noise):
    alpha, routes, draw = 0.05, 200, random.Random(7)
    flagged = 0
    for _ in range(routes):
        new_only = legacy_only = 0
        for _ in range(400):
            first, second = draw.random() < noise, draw.random() < noise
            if first != second:
                new_only, legacy_only = new_only + first, legacy_only + second
                if log_e_value(new_only, legacy_only) >= log(1 / alpha):
                    flagged += 1
                    break
    low, _ = exact_interval(flagged, routes, confidence=0.999)
    assert low <= alpha


def test_regression_beside_noise_is_flagged():
    draw = random.Random(11)
    new_only = legacy_only = 0
    for _ in range(3_000):
        first, second = draw.random() < 0.3 or draw.random() < 0.1, draw.random() < 0.3
        new_only, legacy_only = new_only + (first and not second), legacy_only + (second and not first)
    assert log_e_value(new_only, legacy_only) >= log(1 / 0.001)


def test_e_bh_takes_the_largest_rank_that_holds_and_not_the_first():
    values = {"price": log(1_000), "time": log(35), "id": log(34), "name": 0.0}
    assert rejected(values, 0.1) == {"price", "time", "id"}
    assert rejected({"price": log(30), "name": 0.0}, 0.1) == {"price"}
    assert rejected({"price": log(19), "name": 0.0}, 0.1) == frozenset()
    assert rejected({}, 0.1) == frozenset()


@given(st.integers(0, 60), st.integers(0, 60))
def test_exact_interval_holds_the_share_and_its_ends_have_the_right_tails(successes, failures):
    trials = successes + failures
    low, high = exact_interval(successes, trials)
    assert 0.0 <= low <= (successes / trials if trials else 0.0) + 1e-12
    assert (successes / trials if trials else 1.0) - 1e-12 <= high <= 1.0
    if successes:
        assert isclose(incomplete_beta(low, successes, failures + 1), 0.025, rel_tol=1e-6)
    if failures:
        assert isclose(incomplete_beta(high, successes + 1, failures), 0.975, rel_tol=1e-6)


def test_none_in_n_is_bounded_by_about_three_in_n():
    _, high = exact_interval(0, 1_000, confidence=0.9)
    assert isclose(high, 3 / 1_000, rel_tol=0.01)


def test_interval_of_impossible_counts_is_refused():
    with pytest.raises(ValueError, match="5 of 4"):
        exact_interval(5, 4)
