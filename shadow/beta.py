"""The regularised incomplete beta function, in logarithms where numbers get large, and intervals for a share.

Source: DLMF 8.17.22 (continued fraction), evaluated by the modified Lentz algorithm; Clopper and Pearson 1934.
"""

from __future__ import annotations

from math import exp, lgamma, log, log1p
from typing import Final

_TINY: Final = 1e-300
_PRECISION: Final = 1e-15
#: The fraction needs about the square root of the larger parameter; this is enough for 10^9 trials.
_STEPS_MAX: Final = 100_000
#: Steps towards a quantile: as many halvings of the interval 0 to 1 are beyond the precision of a float.
_HALVINGS: Final = 60
#: Relative size of a step that moves nothing any more.
_EXACT: Final = 1e-13


def log_beta(a: float, b: float) -> float:
    """The natural logarithm of the beta function B(a, b), for a, b > 0."""
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def incomplete_beta(x: float, a: float, b: float) -> float:
    """I_x(a, b): the probability that a Beta(a, b) variable is at most x.

    Args:
        x: 0.0 to 1.0.
        a: above 0.
        b: above 0.

    Raises:
        ValueError: an argument is out of its range.
    """
    if not 0.0 <= x <= 1.0 or a <= 0 or b <= 0:
        raise ValueError(f"incomplete beta of x={x}, a={a}, b={b}: x is 0 to 1, a and b are above 0")
    if x in (0.0, 1.0):
        return x
    front = exp(a * log(x) + b * log1p(-x) - log_beta(a, b))
    # The fraction converges fast below the mean; above it the mirrored one does.
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1.0 - front * _fraction(1.0 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    c = 1.0
    d = 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for step in range(1, _STEPS_MAX):
        even = a + 2 * step
        for factor in (
            step * (b - step) * x / ((even - 1.0) * even),
            -(a + step) * (a + b + step) * x / (even * (even + 1.0)),
        ):
            d = 1.0 / _away_from_zero(1.0 + factor * d)
            c = _away_from_zero(1.0 + factor / c)
            value *= c * d
        if abs(c * d - 1.0) < _PRECISION:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY


def exact_interval(successes: int, trials: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """The Clopper-Pearson interval of a share: whatever the true share, it is inside at least this often.

    Args:
        successes: 0 to `trials`.
        trials: at least 0; none says nothing, and the interval is (0, 1).
        confidence: of the two-sided interval, above 0 and below 1.

    Returns:
        (low, high), each 0.0 to 1.0.

    Raises:
        ValueError: an argument is out of its range.
    """
    if not 0 <= successes <= trials or not 0 < confidence < 1:
        raise ValueError(f"an interval for {successes} of {trials} at confidence {confidence}")
    tail = (1 - confidence) / 2
    low = 0.0 if successes == 0 else _quantile(tail, successes, trials - successes + 1)
    high = 1.0 if successes == trials else _quantile(1 - tail, successes + 1, trials - successes)
    return low, high


def _quantile(probability: float, a: float, b: float) -> float:
    """By Newton's steps, each kept inside of the interval that holds the answer; else that is halved."""
    low, high = 0.0, 1.0
    x = a / (a + b)
    scale = log_beta(a, b)
    for _ in range(_HALVINGS):
        excess = incomplete_beta(x, a, b) - probability
        if excess < 0:
            low = x
        else:
            high = x
        density = exp((a - 1) * log(x) + (b - 1) * log1p(-x) - scale)
        step = x - excess / density if density > _TINY else -1.0
        following = step if low < step < high else (low + high) / 2
        if abs(following - x) <= _EXACT * x:
            return following
        x = following
    return x
