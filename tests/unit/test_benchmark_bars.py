from __future__ import annotations

import pytest

from benchmarks import markdown
from benchmarks.openloop import percentile_us
from benchmarks.results import Bar, Sample, judge, medians

BAR = Bar("cpu_us", 1.6, "nginx")


def sample(entrant: str, number: int, cpu_us: float, *, invalid: str | None = None) -> Sample:
    return Sample("json", entrant, number, {} if invalid else {"cpu_us": cpu_us}, invalid)


def test_ratio_is_formed_within_each_round_before_the_median() -> None:
    # The middle round was disturbed on both sides alike: its ratio is as good as the others.
    samples = [sample("strangler", 1, 20), sample("strangler", 2, 90), sample("strangler", 3, 22)]
    samples += [sample("nginx", 1, 16), sample("nginx", 2, 60), sample("nginx", 3, 16)]
    judgement = judge(samples, "json", BAR)
    assert judgement.value == pytest.approx(22 / 16)
    assert judgement.verdict == "PASS"


def test_limit_itself_passes_and_more_is_a_miss() -> None:
    assert judge([sample("strangler", 1, 16), sample("nginx", 1, 10)], "json", BAR).verdict == "PASS"
    assert judge([sample("strangler", 1, 16.1), sample("nginx", 1, 10)], "json", BAR).verdict == "miss"


def test_one_failed_round_on_either_side_cannot_pass() -> None:
    samples = [sample("strangler", 1, 10), sample("nginx", 1, 10), sample("nginx", 2, 0, invalid="3 timeout")]
    assert judge(samples, "json", BAR).verdict == "invalid: 3 timeout"


def test_absent_peer_is_not_measured() -> None:
    assert judge([sample("strangler", 1, 10)], "json", BAR).verdict == "not measured"


def test_medians_leave_out_invalid_rounds() -> None:
    samples = [sample("nginx", 1, 10), sample("nginx", 2, 0, invalid="no"), sample("nginx", 3, 14)]
    assert medians(samples, "json", "nginx") == {"cpu_us": 12}


def test_percentile_is_a_measured_value() -> None:
    values = [number * 1000 for number in range(100, 0, -1)]
    assert percentile_us(values, 0.99) == 100
    assert percentile_us(values, 0.5) == 51


def test_tables_replace_only_what_stands_between_the_markers() -> None:
    page = f"before\n{markdown.BEGIN}\nlast year's\n{markdown.END}\nafter\n"
    assert markdown.insert(page, "| new |") == f"before\n{markdown.BEGIN}\n\n| new |\n\n{markdown.END}\nafter\n"
