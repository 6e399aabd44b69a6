"""Every wrong file of the corpus has its error beside it, as a person reads it.

After a message was changed on purpose, `STRANGLER_UPDATE_GOLDEN=1 pytest tests/unit/test_config_errors.py` writes the
texts anew; read the difference before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from routes.errors import ConfigError
from routes.loading import load_config_bytes

CORPUS = Path(__file__).parents[1] / "corpus" / "config"
ENVIRONMENT = {"STRANGLER_CI_TOKEN": "98765", "WORKERS": "lots", "PROXIES": "10.0.0.0/8, 10.1.0.0/16"}
WRONG = sorted(CORPUS.glob("*.yaml"))
GOOD = sorted((CORPUS / "good").glob("*.yaml"))
GOLDEN_MIN = 48


def load(file: Path, **env: str):
    return load_config_bytes(file.read_bytes(), name=file.name, folder=CORPUS, env=ENVIRONMENT | env)


def test_the_corpus_is_whole():
    assert len(WRONG) >= GOLDEN_MIN
    assert {file.stem for file in CORPUS.glob("*.txt")} == {file.stem for file in WRONG}


@pytest.mark.parametrize("file", WRONG, ids=lambda file: file.stem)
def test_wrong_file_is_refused_in_the_words_beside_it(file):
    with pytest.raises(ConfigError) as caught:
        load(file)
    golden = file.with_suffix(".txt")
    if "STRANGLER_UPDATE_GOLDEN" in os.environ:
        golden.write_text(f"{caught.value}\n", "utf-8")
    assert f"{caught.value}\n" == golden.read_text("utf-8")


@pytest.mark.parametrize("file", WRONG, ids=lambda file: file.stem)
def test_problems_come_in_the_order_of_the_file_and_point_into_it(file):
    with pytest.raises(ConfigError) as caught:
        load(file)
    problems = caught.value.problems
    places = [(problem.line or 0, problem.column or 0) for problem in problems]
    assert places == sorted(places)
    for problem in problems:
        if problem.source is not None:
            assert problem.column <= len(problem.source) + 1
    assert [problem["line"] for problem in caught.value.to_json()["problems"]] == [one.line for one in problems]


@pytest.mark.parametrize("file", GOOD, ids=lambda file: file.stem)
def test_good_file_is_loaded(file):
    assert load(file, WORKERS="3").routes


@pytest.mark.parametrize("secret", ["one-and-the-same", "with space", "secret@", ":secret"])
def test_secrets_never_show_in_errors(secret):
    shown = "".join(file.read_text("utf-8") for file in CORPUS.glob("*.txt"))
    assert secret not in shown
