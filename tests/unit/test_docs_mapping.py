"""The page of transforms has every one of them, and its examples are true."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from legacy_adapters.mapping.step import Shape
from routes.config.sync_transform import DIRECTIVES, NAMES, Transform
from support.mappings import step_of

PAGE = (Path(__file__).parents[2] / "docs/reference/mapping.md").read_text(encoding="utf-8")
BEGIN, END = "<!-- transforms: checked by tests/unit/test_docs_mapping.py -->", "<!-- end of transforms -->"
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in PAGE.split(BEGIN)[1].split(END)[0].splitlines()
    if line.startswith("| `")
]


class Words(yaml.SafeLoader):
    """Dates and floats stay text: what comes out is compared as it is shown."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":float"))]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def value(cell: str) -> Any:
    return yaml.load(cell.strip("`"), Words)


def name_of(written: Any) -> str:
    return next(iter(written)) if isinstance(written, dict) else "python" if ":" in written else written


def shown(result: Any) -> Any:
    return (
        list(result) if isinstance(result, tuple) else result if isinstance(result, dict | bool | None) else str(result)
    )


def test_every_transform_is_on_the_page():
    assert {name_of(value(row[0])) for row in ROWS} == set(NAMES)


@pytest.mark.parametrize("row", [row for row in ROWS if ":function" not in row[0]], ids=lambda row: row[0])
def test_example_is_true(row):
    written, given, becomes = map(value, row[:3])
    back, loses = [*row[3:], ""][:2]
    name = name_of(written)
    step = step_of(written, {"join": Shape(3, 1), "split": Shape(1, 2)}.get(name))
    taken = Decimal(str(given)) if name in {"scale", "round"} else tuple(given) if name == "join" else given
    result = step.apply(taken)
    assert result == becomes or shown(result) == becomes or shown(result) == str(becomes)
    assert (step.loses or "") == loses.strip(" |")
    assert (step.inverse is None) == (back == "none")


def test_directives_of_dates_are_on_the_page():
    assert f"`{DIRECTIVES}`" in PAGE


def test_arguments_of_every_transform_say_what_they_do():
    for name, field in Transform.model_fields.items():
        assert field.description, name
        model = next(one for one in field.annotation.__args__ if one is not type(None))
        assert all(argument.description for argument in model.model_fields.values()), name


def test_words_of_rules_are_on_the_page():
    from routes.config import SyncRule
    from routes.config.part import settings_of

    rules = PAGE.split("## Rules")[1].split("## ")[0]
    assert all(re.search(rf"\b{name}\b", rules) for name in settings_of(SyncRule) if name != "field")
