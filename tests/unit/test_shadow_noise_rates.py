"""False alarms and missed regressions of the paired test, beside the rule that Diffy publishes, on the same requests.

Diffy asks three instances and compares counts: `raw` requests in which new differs from legacy, `noise` in which the
second legacy answer does. It shows a field where raw > noise, the relative difference (raw - noise) / (raw + noise) is
above 20 % and the absolute one, (raw - noise) / total, above 0.03 %. Source: the defaults in Diffy's README.
"""

from __future__ import annotations

import random
from math import log

import pytest

from shadow.noise.evalue import log_e_value

ALPHA = 0.01
ROUTES = 200
NOISES = (0.0, 0.01, 0.05, 0.1, 0.2, 0.3, 0.5)


def counts(requests: int, noise: float, regression: float, draw: random.Random) -> tuple[int, int, int]:
    """Requests in which only new differs, only the second legacy answer differs, and both do."""
    new_only = legacy_only = both = 0
    for _ in range(requests):
        new = draw.random() < noise or draw.random() < regression
        legacy = draw.random() < noise
        new_only += new and not legacy
        legacy_only += legacy and not new
        both += new and legacy
    return new_only, legacy_only, both


def diffy_shows(requests: int, new_only: int, legacy_only: int, both: int) -> bool:
    raw, noise = new_only + both, legacy_only + both
    return raw > noise and (raw - noise) / (raw + noise) > 0.2 and (raw - noise) / requests > 0.0003


def rates(requests: int, noise: float, regression: float, routes: int = ROUTES) -> tuple[float, float]:
    """Share of routes that the paired test and Diffy's rule show."""
    draw = random.Random(f"{requests} {noise} {regression}")
    ours = diffys = 0
    for _ in range(routes):
        new_only, legacy_only, both = counts(requests, noise, regression, draw)
        ours += log_e_value(new_only, legacy_only) >= log(1 / ALPHA)
        diffys += diffy_shows(requests, new_only, legacy_only, both)
    return ours / routes, diffys / routes


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("requests", [100, 1_000])
def test_clean_route_is_hardly_ever_shown_whatever_the_noise(requests, noise):
    ours, _ = rates(requests, noise, 0.0)
    assert ours <= 0.01


def test_diffys_rule_shows_a_third_of_the_clean_routes_with_little_noise_after_100_requests():
    _, diffys = rates(100, 0.02, 0.0, routes=2_000)
    assert 0.3 <= diffys <= 0.37


@pytest.mark.parametrize("noise", NOISES)
def test_regression_of_a_fifth_of_the_requests_is_found_at_every_noise(noise):
    ours, _ = rates(3_000, noise, 0.2, routes=40)
    assert ours == 1.0


@pytest.mark.parametrize(("noise", "regression"), [(0.2, 0.08), (0.3, 0.1), (0.5, 0.2)])
def test_diffys_rule_never_shows_a_regression_below_half_the_noise_and_the_paired_test_does(noise, regression):
    ours, diffys = rates(6_000, noise, regression, routes=20)
    assert (ours, diffys) == (1.0, 0.0)


def test_regression_of_one_in_a_hundred_is_found_where_legacy_is_steady():
    ours, _ = rates(3_000, 0.0, 0.01, routes=40)
    assert ours == 1.0


def test_regression_of_one_in_ten_thousand_cannot_be_told_from_three_thousand_requests():
    ours, _ = rates(3_000, 0.0, 0.0001, routes=40)
    assert ours == 0.0
