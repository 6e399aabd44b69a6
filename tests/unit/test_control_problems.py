"""What status names as a problem of the comparer."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from proxy.comparer.figures import Figures
from proxy.control.reload import Reloader
from proxy.control.state import ControlState
from proxy.control.views import find_problems
from routes.config import Config

CONFIG = {
    "listen": [{"address": "127.0.0.1:8080"}],
    "services": {"old": {"urls": ["http://127.0.0.1:9"]}},
    "routes": [{"name": "all", "legacy": "old"}],
}


def state_with(comparer: dict[str, Any] | None) -> ControlState:
    config = Config.model_validate(CONFIG)
    reloader = Reloader(
        Path("config.yaml"), {}, config, version=1, version_last=1, send=lambda _: None, on_apply=lambda: None
    )
    return ControlState({"workers": [], "comparer": comparer}, reloader)


def comparer(state: str, started_s_ago: float = 0.0) -> dict[str, Any]:
    return {"state": state, "incarnation": 1, "restarts": 0, "started_at": time.time() - started_s_ago}


@pytest.mark.parametrize(
    ("state", "started_s_ago", "words"),
    [
        (None, 0.0, ""),
        ("ready", 1000.0, ""),
        ("starting", 1.0, ""),
        ("starting", 1000.0, "The comparer is not ready yet"),
        ("down", 0.0, "The comparer is down"),
    ],
)
def test_comparer_that_does_not_come_up_is_a_problem(state: str | None, started_s_ago: float, words: str) -> None:
    process = None if state is None else comparer(state, started_s_ago)
    problems = list(find_problems(state_with(process), ()))
    assert [problem.startswith(words) for problem in problems] == ([True] if words else [])


def test_store_that_takes_nothing_is_a_problem_until_it_does() -> None:
    state, figures = state_with(comparer("ready")), Figures()
    figures.failed("away")
    state.take_comparer({"incarnation": 1, "data": figures.snapshot()})
    (problem,) = find_problems(state, ())
    assert "the state database cannot be reached" in problem
    figures.failing = ""
    state.take_comparer({"incarnation": 1, "data": figures.snapshot()})
    assert list(find_problems(state, ())) == []
