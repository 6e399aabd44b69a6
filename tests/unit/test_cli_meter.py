"""How far long work is: figures, how often they are told, and that nothing of them stays."""

from __future__ import annotations

import pytest

from proxy.cli.meter import LINES_S, Meter, progress_text


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_is_not_known_is_left_out() -> None:
    assert progress_text("a", 24_000, 50_000, per_s=3400.0, left_s=7.6) == (
        "a: 24,000 of about 50,000 rows, 48%, 3,400.0/s, 7s left"
    )
    assert progress_text("a", 24_000, None, per_s=None, left_s=None, unit="records") == "a: 24,000 records"
    assert progress_text("a", 60_000, 50_000, per_s=None, left_s=None) == "a: 60,000 of about 50,000 rows, 100%"


def test_without_a_terminal_there_is_a_line_every_few_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with Meter(clock=clock) as meter:
        for done in range(0, 1_000, 10):
            meter.tell("a", done, 1_000)
            clock.now += LINES_S / 20
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "a: 200 of about 1,000 rows, 20%, 40.0/s, 20s left",
        "a: 400 of about 1,000 rows, 40%, 40.0/s, 15s left",
        "a: 600 of about 1,000 rows, 60%, 40.0/s, 10s left",
        "a: 800 of about 1,000 rows, 80%, 40.0/s, 5s left",
    ]


def test_each_piece_of_work_has_a_rate_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    with Meter(clock=clock) as meter:
        meter.tell("a", 1_000_000)
        clock.now += LINES_S
        meter.tell("b", 0, 100)
        clock.now += LINES_S
        meter.tell("b", 50, 100)
    assert capsys.readouterr().err.splitlines()[-1] == "b: 50 of about 100 rows, 50%, 10.0/s, 5s left"
