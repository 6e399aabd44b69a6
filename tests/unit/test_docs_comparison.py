"""The reference of the comparison has every verdict, kind, media, bound and rule, and its examples are true."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from routes.config.rule import Rule
from routes.shadowing import RULE_KINDS, CompareModel, RuleModel
from shadow.comparing import arrays, bijections, cookies, judging
from shadow.comparing.comparer import RouteComparer
from shadow.comparison import Kind, Verdict
from shadow.exchange import COMPLETE, FAILED, OUTCOMES
from shadow.reading import body, codings, exact, jsontext, markup, media, multipart
from support.answers import answer

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "comparison.md"
TEXT = PAGE.read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    below = re.split(r"^##+ ", TEXT.split(f"# {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in below.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]


def names(heading: str) -> set[str]:
    return {row[0].strip("` ") for row in rows(heading)}


def test_every_verdict_and_kind_is_documented_and_no_other():
    assert names("Verdicts") == {str(verdict) for verdict in Verdict}
    assert names("Differences") == {str(kind) for kind in Kind}


def test_every_media_is_documented():
    told = {media.JSON, media.XML, media.HTML, media.FORM, media.TEXT, media.MULTIPART, media.BINARY, media.EMPTY}
    assert names("Reading a body") == told


def test_every_outcome_that_prevents_a_comparison_is_documented():
    cell = next(row[1] for row in rows("Verdicts") if row[0] == "`not_comparable`")
    assert set(OUTCOMES) - {COMPLETE, FAILED} <= set(re.findall(r"`(\w+)`", cell))


def test_every_rule_is_documented():
    assert names("Rules") == set(RULE_KINDS)


def examples() -> list[tuple[str, str, str, str]]:
    found = []
    for _, rule, *sides in rows("Rules"):
        for expected, side in zip(("explained", "mismatch"), sides, strict=True):
            if side:
                legacy, new = re.fullmatch(r"`(.*)` → `(.*)`", side).groups()
                found.append((rule.strip("`"), legacy, new, expected))
    return found


@pytest.mark.parametrize(("rule", "legacy", "new", "verdict"), examples())
def test_example_of_a_rule_is_true(rule, legacy, new, verdict):
    given = Rule.model_validate(yaml.safe_load(rule))
    argument = getattr(given, given.kind)
    if given.kind == "tolerance":
        argument = argument.model_dump(exclude_none=True)
    model = RuleModel("file:0", given.path, given.kind, None if argument is True else argument)
    route = RouteComparer(CompareModel(rules=(model,)), now=lambda: 0.0)
    comparison = route.compare(answer(json.loads(legacy)), answer(json.loads(new)), method="GET")
    assert comparison.verdict == verdict, comparison.differences


@pytest.mark.parametrize(
    "bound",
    [
        arrays.LIKENESS_PAIRS_MAX, bijections.PAIRS_MAX, cookies.COOKIES_MAX, judging.PATTERN_CHARACTERS_MAX,
        body.FORM_FIELDS_MAX, body.LINES_MAX, codings.CODINGS_MAX, exact.DIGITS_MAX, jsontext.DEPTH_MAX,
        jsontext.VALUES_MAX, markup.DEPTH_MAX, markup.TAGS_MAX, multipart.PARTS_MAX,
    ],
)  # fmt: skip
def test_every_bound_is_documented(bound):
    assert re.search(rf"\b{bound:,}\b", TEXT)
