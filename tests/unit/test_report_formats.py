"""The five formats of a report: what they say, and that nobody's text becomes markup, a command or a link."""

from __future__ import annotations

import io
import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree
from lxml import html as lxml_html
from markdown_it import MarkdownIt
from rich.console import Console

from shadow.errors import ReportError
from shadow.reporting.building import build_route, make_share
from shadow.reporting.gate import GateSettings
from shadow.reporting.marking import VALUE_CHARACTERS_MAX, mark
from shadow.reporting.measured import SelfProof
from shadow.reporting.model import Report
from shadow.reporting.rendering import FORMATS, from_json, to_json
from shadow.reporting.rows import RouteFacts, RouteRows
from shadow.reporting.text import render_text
from support.shadow_reports import (
    BOUNDS_S,
    HOSTILE,
    WINDOW,
    describe,
    empty_report,
    hostile_report,
    orders_report,
    shop_report,
)

CORPUS = Path(__file__).parents[1] / "corpus" / "reports"
#: Set to 1 to write what is rendered now; then look at the difference.
UPDATE = "STRANGLER_UPDATE_GOLDEN"
#: Of the Markdown of one route.
HEADINGS = ("Shadow report", "the route", "Kinds of difference")
ENDINGS = {"text": "txt", "markdown": "md", "junit": "xml"}


def render(name: str, report: Report) -> str:
    return FORMATS[name][0](report).decode()


@pytest.mark.parametrize("name", ENDINGS)
@pytest.mark.parametrize("make", [orders_report, shop_report, empty_report])
def test_report_reads_as_it_did(name: str, make: Callable[[], Report]) -> None:
    golden = CORPUS / f"{make.__name__.removesuffix('_report')}.{ENDINGS[name]}"
    text = render(name, make())
    if os.environ.get(UPDATE) == "1":
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


@pytest.mark.parametrize("make", [orders_report, shop_report, hostile_report, empty_report])
def test_json_comes_back_as_the_same_report(make: Callable[[], Report]) -> None:
    report = make()
    assert from_json(json.loads(to_json(report))) == report


def test_json_of_something_else_is_refused() -> None:
    with pytest.raises(ReportError):
        from_json({"routes": "none"})


@pytest.mark.parametrize("name", FORMATS)
def test_nothing_unprintable_is_left_of_hostile_text(name: str) -> None:
    text = render(name, hostile_report())
    assert [character for character in text if not character.isprintable() and character not in "\n\u00a0"] == []


def test_hostile_text_is_text_in_html() -> None:
    page = lxml_html.document_fromstring(render("html", hostile_report()))
    assert page.xpath("count(//script)") == 1
    assert page.xpath("count(//img) + count(//iframe) + count(//link) + count(//object)") == 0
    assert [name for node in page.iter() for name in node.attrib if name.startswith("on")] == []
    assert [link for link in page.xpath("//@href | //@src") if not link.startswith("#")] == []
    assert "window.hacked" in page.text_content()
    assert "window.hacked" not in page.xpath("string(//script)")


def test_hostile_text_is_text_in_junit() -> None:
    root = etree.fromstring(render("junit", hostile_report()).encode())
    assert {node.tag for node in root.iter()} == {"testsuites", "testsuite", "testcase", "failure", "system-out"}


def test_hostile_text_is_text_in_markdown() -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(render("markdown", hostile_report()))
    flat = [inner for token in tokens for inner in (token, *(token.children or ()))]
    markup = [token.content.strip() for token in flat if token.type in {"html_block", "html_inline"}]
    assert set(markup) == {"<details><summary>Examples and a rule</summary>", "</details>"}
    assert not {"link_open", "image"} & {token.type for token in flat}
    assert sum(token.type == "heading_open" for token in flat) == len(HEADINGS)


@pytest.mark.parametrize("name", ["text", "html", "markdown", "junit"])
def test_one_line_says_what_the_comparer_finds_of_seeded_faults(name: str) -> None:
    said = (
        "The comparer found 329 of 330 faults that were seeded into copies of real answers (98.3 % to > 99.9 %), "
        "and took 1 of 400 copies without one for different (0.006 % to 1.4 %)."
    )
    assert said in shown(render(name, orders_report()), name)


@pytest.mark.parametrize("name", ["text", "html", "markdown", "junit"])
def test_what_was_never_proved_is_said_too(name: str) -> None:
    (route,) = orders_report().routes
    never = "No fault was seeded into a copy of a real answer yet."
    assert never in shown(render(name, replace(orders_report(), routes=(replace(route, self_proof=None),))), name)
    proof = SelfProof(make_share(0, 0), make_share(2, 50), ())
    text = shown(render(name, replace(orders_report(), routes=(replace(route, self_proof=proof),))), name)
    assert (
        never.replace(".", "; the comparer took 2 of 50 copies without one for different (0.49 % to 13.7 %).") in text
    )


def shown(text: str, name: str) -> str:
    """What a reader sees, on one line."""
    if name == "html":
        text = lxml_html.document_fromstring(text).text_content()
    return " ".join(re.sub(r"\\(?=[^\w\s])|&gt;", lambda found: ">" if found[0] == "&gt;" else "", text).split())


def test_terminal_shows_the_missed_faults_and_an_example_of_what_a_word_explains() -> None:
    text = render("text", orders_report())
    assert "missed: time zone 1 of 80" in text
    assert "10.9575" in text
    assert "3.1245" not in text
    assert "also in exchange 01HZX5-11bc02" in text


def test_rule_can_be_copied_from_a_narrow_terminal() -> None:
    console = Console(file=io.StringIO(), width=40, color_system=None)
    (route,) = orders_report().routes
    (kind, *_) = route.clusters
    rule = "- path: /lines/*/tax\n  reason: a reason that is longer than the terminal is wide"
    report = replace(orders_report(), routes=(replace(route, clusters=(replace(kind, rule=rule),)),))
    console.print(render_text(report), crop=False)
    lines = [line.strip() for line in console.file.getvalue().splitlines()]
    assert "reason: a reason that is longer than the terminal is wide" in lines


def test_terminal_ends_with_the_sentence_and_the_next_commands() -> None:
    last = render("text", shop_report()).splitlines()[-5:]
    assert [line.partition(":")[0].strip() for line in last[:3]] == ["orders", "invoices", "customers"]
    assert "strangler exchange 01HZX4-7f3a9c" in last[3]
    assert "strangler report --format html --output report.html" in last[4]
    assert "strangler report orders --format html" in render("text", orders_report())
    assert "strangler" not in render("text", empty_report())


@pytest.mark.parametrize("name", ["text", "html", "markdown"])
def test_route_without_a_request_says_why_and_nothing_else(name: str) -> None:
    facts = RouteFacts("quiet", "shadow")
    route = build_route(facts, RouteRows(), WINDOW, BOUNDS_S, settings=GateSettings(), describe=describe)
    text = shown(render(name, replace(orders_report(), routes=(route,))), name)
    assert "quiet" in text
    assert "othing was compared" in text
    assert "No request of it was mirrored in this time: none came" in text
    for words in ("wanted", "median", "Latency", "Verdicts", "mirrored 0", "strangler exchange"):
        assert words not in text, words


def test_junit_has_the_shape_that_pipelines_read() -> None:
    """A suite per route; counts that add up; every case has a name and a class."""
    root = etree.fromstring(render("junit", shop_report()).encode())
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites] == ["shadow.orders", "shadow.invoices", "shadow.customers"]
    for suite in suites:
        cases = suite.findall("testcase")
        assert int(suite.get("tests", "-1")) == len(cases)
        assert int(suite.get("failures", "-1")) == len(suite.findall("testcase/failure"))
        assert all(case.get("name") and case.get("classname") == suite.get("name") for case in cases)
        children = [child.tag for child in suite]
        assert children == ["testcase"] * len(cases) + ["system-out"]
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.get("timestamp", ""))
    assert int(root.get("tests", "-1")) == sum(int(suite.get("tests", "-1")) for suite in suites)
    assert int(root.get("failures", "-1")) == sum(int(suite.get("failures", "-1")) for suite in suites)


def test_every_failing_condition_says_why_in_junit() -> None:
    root = etree.fromstring(render("junit", shop_report()).encode())
    for failure in root.iter("failure"):
        assert failure.get("message") == failure.text
        assert failure.get("type") in {"failed", "unknown"}


def test_page_allows_only_its_own_style_and_script() -> None:
    page = lxml_html.document_fromstring(render("html", orders_report()))
    (policy,) = page.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.xpath("//@style") == []


def of_class(page: str, name: str) -> list[str]:
    """Text of the elements of a class."""
    return [one.text_content() for one in lxml_html.document_fromstring(page).find_class(name)]


def test_page_says_first_what_it_is_about() -> None:
    (about,) = of_class(render("html", orders_report()), "about")
    assert about.startswith("Requests of this route went to two systems")
    assert of_class(render("html", empty_report()), "about") == []


def test_no_line_of_the_page_begins_with_a_sign_or_a_unit() -> None:
    said = " ".join(lxml_html.document_fromstring(render("html", shop_report())).find("body").itertext())
    assert "1.50\u00a0\u00d7" in said
    assert "3.8\u00a0ms" in said
    assert re.findall("[0-9] (?:[%\u00d7]|ms\\b)|[<>] [0-9]", said) == []


def test_fewer_steps_of_time_than_show_a_trend_are_not_drawn() -> None:
    report = orders_report()
    (route,) = report.routes
    drawn = []
    for points in (2, 3):
        trend = replace(route.trend, points=route.trend.points[:points])
        drawn.append(len(of_class(render("html", replace(report, routes=(replace(route, trend=trend),))), "trend")))
    assert drawn == [0, 1]


def test_long_values_are_cut_around_their_first_difference() -> None:
    (cluster, *_) = hostile_report().routes[0].clusters
    example = cluster.examples[1]
    assert example.legacy is not None
    assert example.new is not None
    assert len(example.legacy) <= VALUE_CHARACTERS_MAX + 2
    assert example.legacy.startswith("…aaa")
    assert "<script>" in example.legacy
    assert example.new.endswith('ab"')


def test_routes_that_need_attention_come_first() -> None:
    assert [route.judgement.state for route in shop_report().routes] == ["not_ready", "too_early", "ready"]


def test_headlines_say_it_in_a_sentence() -> None:
    headlines = {route.route: route.headline for route in shop_report().routes}
    assert headlines == {
        "orders": "3 kinds of difference in 1.1 % of 5,261 compared requests; not ready",
        "invoices": "no difference in 12 compared requests; too early to say",
        "customers": "no difference in 4,800 compared requests; ready",
    }


def leaves(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Where a text stands in a JSON value."""
    if isinstance(value, str):
        return [path]
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [leaf for key, member in members for leaf in leaves(member, (*path, key))]


def replaced(report: Report, path: tuple[str | int, ...], text: str) -> Report | None:
    """The report as an answer in which one text is another; None where it is not taken for a report any more."""
    answer = json.loads(to_json(report))
    inner = answer
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = text
    try:
        return from_json(answer)
    except ReportError:
        return None


def fields() -> list[tuple[str | int, ...]]:
    """One place of each sort."""
    found = {tuple("*" if isinstance(key, int) else key for key in path): path for path in leaves(json.loads(to_json(orders_report())))}  # fmt: skip
    return list(found.values())


@pytest.mark.parametrize("path", fields(), ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize("name", FORMATS)
def test_hostile_text_is_text_wherever_it_stands_in_what_control_answers(name, path) -> None:
    report = replaced(orders_report(), path, HOSTILE)
    if report is None:
        return
    try:
        text = render(name, report)
    except (KeyError, ValueError):
        return  # a word that there is none of
    assert [character for character in text if not character.isprintable() and character not in "\n\u00a0"] == []
    if name == "html":
        page = lxml_html.document_fromstring(text)
        assert page.xpath("count(//script)") == 1
        assert page.xpath("count(//img)") == 0
        assert [attribute for node in page.iter() for attribute in node.attrib if attribute.startswith("on")] == []
    if name == "markdown":
        tokens = MarkdownIt("commonmark").enable("table").parse(text)
        flat = [inner for token in tokens for inner in (token, *(token.children or ()))]
        assert not {"link_open", "image"} & {token.type for token in flat}
        assert all("<script" not in token.content for token in flat if token.type.startswith("html"))
    if name == "junit":
        etree.fromstring(text.encode())


def cells(row: str) -> list[str]:
    """A row of a table as GitHub splits it: a backslash and what follows it are one, whatever it is."""
    return re.findall(r"((?:\\[^\n]|[^|\\\n])+)\|", row.removeprefix("|"))


@pytest.mark.parametrize("value", ["\\|![x](http://a/b)\\|", "\\\\|x", "a|b", "a\\", "|", "``|`", "a\\\\\\|b|c\\|"])
def test_a_value_stays_in_its_cell(value: str) -> None:
    (route,) = orders_report().routes
    (kind, *_) = route.clusters
    shown_value = replace(kind.examples[0], legacy=value, new=value, path=value, exchange=value)
    report = replace(orders_report(), routes=(replace(route, clusters=(replace(kind, examples=(shown_value,)),)),))
    page = render("markdown", report)
    (row,) = [
        line for line in page.splitlines() if line.startswith("| `") and line.count("`") >= 8 and "tax" not in line
    ]
    assert len(cells(row)) == 4
    assert all(cell.strip().startswith("`") and cell.strip().endswith("`") for cell in cells(row))
    tokens = MarkdownIt("commonmark").enable("table").parse(page)
    inline = [child for token in tokens for child in token.children or ()]
    assert not {"link_open", "image"} & {token.type for token in inline}


def test_nobody_is_mentioned_and_nothing_is_calculated_by_a_name_of_a_member() -> None:
    (route,) = orders_report().routes
    (kind, *_) = route.clusters
    words = "the same value under the name @everyone and org/repo#12 costs $\\sum$"
    report = replace(orders_report(), routes=(replace(route, clusters=(replace(kind, words=words),), headline=words),))
    tokens = MarkdownIt("commonmark").enable("table").parse(render("markdown", report))
    said = "".join(child.content for token in tokens for child in token.children or () if child.type == "text")
    assert "@" not in said
    assert "#12" not in said
    assert "\\$" in render("markdown", report)


def test_two_long_values_are_marked_in_linear_time() -> None:
    small, large = ("ab" * n + "x" + "ba" * n for n in (10_000, 80_000))
    took_s = []
    for text in (small, large):
        began = time.process_time()
        mark(text, text[::-1] + "y")
        took_s.append(time.process_time() - began)
    assert took_s[1] < max(took_s[0], 0.01) * 28
    left, right = mark("same " * 2_000 + "one" + " end" * 2_000, "same " * 2_000 + "two" + " end" * 2_000)
    assert [piece.text for piece in left if piece.differs] == ["one"]
    assert [piece.text for piece in right if piece.differs] == ["two"]
