"""The paired test that may be looked at after every request: does new differ more often than legacy from itself?

Legacy is asked twice and new once about the same request. Count, per place where answers can differ, the requests in
which only new differs (b) and those in which only the second legacy answer differs (c). Where new behaves like legacy,
the two are exchangeable, so that b given b + c is Bin(b + c, 1/2) however noisy the place is.

The e-value bets against that hypothesis: the likelihood ratio of theta over 1/2, averaged over theta uniform on
(1/2, 1), one-sided because only more differences than noise are a regression. It is a non-negative martingale that
starts at 1, so by Ville's inequality the chance that it ever reaches 1/alpha is at most alpha: no correction is needed
for looking again and again.

Source: Ville 1939; Vovk and Wang 2021, "E-values: calibration, combination and applications"; Wang and Ramdas 2022,
"False discovery rate control with e-values".
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from math import inf, log
from typing import Final, TypeVar

from shadow.beta import incomplete_beta, log_beta

_LOG_2: Final = log(2)
_HALF: Final = 0.5

Key = TypeVar("Key", bound=Hashable)


def log_e_value(new_only: int, legacy_only: int) -> float:
    """The natural logarithm of the e-value; 0.0 is no evidence, `log(1 / alpha)` rejects at level alpha.

    Args:
        new_only: requests in which only new differed from the first legacy answer (b).
        legacy_only: requests in which only the second legacy answer did (c).

    Returns:
        log(2^(b+c+1) · B(b+1, c+1) · P(Beta(b+1, c+1) > 1/2)); `-inf` where that probability is below any float.

    Raises:
        ValueError: a count is negative.
    """
    if new_only < 0 or legacy_only < 0:
        raise ValueError(f"counts cannot be negative: {new_only}, {legacy_only}")
    a, b = new_only + 1, legacy_only + 1
    above_half = incomplete_beta(_HALF, b, a)  # P(Beta(a, b) > 1/2) = P(Beta(b, a) < 1/2)
    if above_half <= 0:
        return -inf
    return (a + b - 1) * _LOG_2 + log_beta(a, b) + log(above_half)


def rejected(log_e_values: Mapping[Key, float], alpha: float) -> frozenset[Key]:
    """The keys that e-BH rejects: of those, the share that is flagged wrongly is at most `alpha` on average.

    Holds whatever the dependence between the keys: the fields of one response move together.

    Args:
        log_e_values: natural logarithm of each key's e-value.
        alpha: false discovery rate, above 0 and below 1.

    Returns:
        The k keys with the largest e-values, for the largest k where the k-th is at least n / (alpha · k).
    """
    ranked = sorted(log_e_values.items(), key=lambda item: -item[1])
    total = len(ranked)
    chosen = 0
    for rank, (_, log_e) in enumerate(ranked, 1):
        if log_e >= log(total / (alpha * rank)):
            chosen = rank
    return frozenset(key for key, _ in ranked[:chosen])
