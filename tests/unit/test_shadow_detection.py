"""The whole way through: documents with noise and a bug, compared, concluded, judged again, shown; beside Diffy's rule.

Few routes, since this runs with every test; `python -m benchmarks.detection` measures with many.
"""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest

from benchmarks import detection
from benchmarks.detection import NOISES, REGRESSIONS, curves, documents, hard_case
from benchmarks.detection_plot import plot
from shadow.proving.mutations import MUTATIONS


@pytest.mark.parametrize("kind", MUTATIONS)
def test_bug_in_every_answer_is_shown_however_noisy_the_route_is(kind):
    assert [noise for noise in (0.0, 0.1, 0.5) if not documents(kind, noise, 1.0, 1.0, 100)] == []


@pytest.mark.parametrize(
    ("noise", "twice", "more"), [(0.0, 1.0, False), (0.5, 1.0, False), (0.01, 0.01, True), (0.3, 0.01, True)]
)
def test_clean_route_is_not_shown(noise, twice, more):
    assert not documents(None, noise, 0.0, twice, 100, more=more)


@pytest.mark.parametrize("noise", [0.0, 0.1, 0.5])
def test_noise_that_cannot_be_told_from_a_bug_by_its_value_raises_no_alarm(noise):
    ours, _ = hard_case(noise, 0.0, 10)
    assert ours.count == 0


@pytest.mark.parametrize(("noise", "regression"), [(0.01, 0.03), (0.1, 0.1), (0.3, 0.2), (0.5, 0.2)])
def test_bug_below_the_noise_is_found_by_how_often_it_happens(noise, regression):
    ours, _ = hard_case(noise, regression, 4)
    assert ours.count == ours.total


def test_bug_below_half_the_noise_is_never_shown_by_diffys_rule():
    _, diffys = hard_case(0.5, 0.2, 4)
    assert diffys.count == 0


def test_picture_is_drawn_from_the_figures():
    rows = {str(rate): [[rate, rate / 2]] * len(NOISES) for rate in (0.0, *REGRESSIONS)}
    picture = ET.fromstring(plot(curves(json.loads(json.dumps(rows)))))
    lines = picture.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 2 * len([noise for noise in NOISES if noise])
    assert detection.REQUESTS == 3_000
