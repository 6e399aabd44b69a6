"""What the analysis claims is true, and what it is for is found."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routes.analysis import OVERLAPS_MAX, analyse, has_nested_quantifier
from routes.config import Config
from routes.head import Head
from routes.overlap import covers, path_covers
from routes.table import compile_table
from routes.template import parse_regex, parse_template

SERVICES = {"legacy": {"urls": ["http://127.0.0.1:9001"]}, "orders": {"urls": ["http://10.0.0.7:8000"]}}


def config_of(*matches: dict, services=SERVICES, **route) -> Config:
    routes = [
        {"name": f"r{at}", "match": match, "legacy": "legacy", "new": "orders", "mode": "legacy", **route}
        for at, match in enumerate(matches)
    ]
    return Config.model_validate({"listen": [{"address": "127.0.0.1:8080"}], "services": services, "routes": routes})


def found(*matches: dict, **route) -> list[tuple[str, str | None, str | None]]:
    return [(finding.kind, finding.route, finding.other) for finding in analyse(config_of(*matches, **route))]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ({}, {"path": "/a"}),
        ({"path": "/**"}, {}),
        ({"path": "/a/**"}, {"path": "/a/{x}"}),
        ({"path": "/a/**"}, {"path": "/a"}),
        ({"path": "/a/{x}"}, {"path": "/a/b"}),
        ({"path": "/a/**"}, {"path": {"regex": "^/a/b/\\d"}}),
        ({"path": {"regex": "^/a"}}, {"path": "/a/b"}),
        ({"path": {"regex": "^/a"}}, {"path": {"regex": "^/a"}}),
        ({"host": "*.example"}, {"host": "shop.example"}),
        ({"host": "*.example"}, {"host": "*.shop.example"}),
        ({"methods": ["GET", "POST"]}, {"methods": ["POST"]}),
        ({"headers": {"X-A": {"present": True}}}, {"headers": {"x-a": "1"}}),
        ({"headers": {"X-A": {"regex": "^[12]$"}}}, {"headers": {"X-A": "1", "X-B": "2"}}),
        ({"query": {"q": "1"}}, {"query": {"q": "1"}, "path": "/x"}),
    ],
)
def test_route_that_an_earlier_one_covers_is_unreachable(earlier, later):
    assert ("unreachable", "r1", "r0") in found(earlier, later)


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ({"path": "/a"}, {}),
        ({"path": "/a/{x}"}, {"path": "/a/**"}),
        ({"path": "/a/{x}"}, {"path": "/a/"}),
        ({"path": "/a/**"}, {"path": {"regex": "^/a"}}),
        ({"path": "/a/b/**"}, {"path": {"regex": "^/a/b"}}),
        ({"path": "/a/**"}, {"path": {"regex": "/a/"}}),
        ({"path": {"regex": "^/a"}}, {"path": "/a/{x}"}),
        ({"host": "*.shop.example"}, {"host": "shop.example"}),
        ({"host": "shop.example"}, {"host": "*.shop.example"}),
        ({"methods": ["GET"]}, {}),
        ({"headers": {"X-A": "1"}}, {"headers": {"X-A": {"present": True}}}),
        ({"headers": {"X-A": {"regex": "1"}}}, {"headers": {"X-A": {"regex": "11"}}}),
        ({"headers": {"X-A": "1"}}, {"cookies": {"X-A": "1"}}),
        ({"cookies": {"a": "1"}}, {"cookies": {"A": "1"}}),
    ],
)
def test_route_that_is_not_surely_covered_is_not_called_unreachable(earlier, later):
    assert "unreachable" not in {kind for kind, _, _ in found(earlier, later)}


TEXTS = st.builds(
    lambda parts, rest: "/" + "/".join(parts) + rest if parts else rest or "/",
    st.lists(st.sampled_from(["a", "b", "{x}", "{y}"]), max_size=3, unique=True),
    st.sampled_from(["", "/", "/**"]),
)
PATHS = st.lists(st.sampled_from([b"a", b"b", b"", b"c"]), max_size=4).map(lambda parts: b"/" + b"/".join(parts))


@given(TEXTS, TEXTS, PATHS)
def test_no_path_contradicts_what_covers_claims(one, other, path):
    earlier, later = parse_template(one), parse_template(other)
    if path_covers(earlier, later) and later.matches(path):
        assert earlier.matches(path)


@given(TEXTS, st.sampled_from(["^/a/b", "^/a/\\w", "^/", "a", "^/a/b/c", "^/a|b", "^a"]), PATHS)
def test_no_path_contradicts_what_covers_claims_of_regexes(one, text, path):
    template, regex = parse_template(one), parse_regex(text)
    if path_covers(template, regex) and regex.matches(path):
        assert template.matches(path)
    if path_covers(regex, template) and template.matches(path):
        assert regex.matches(path)


VALUES = st.sampled_from(["1", "2", {"regex": "^[12]$"}, {"present": True}, {"present": False}])
MATCHES = st.fixed_dictionaries(
    {},
    optional={
        "host": st.sampled_from(["shop.example", "*.example", "*.shop.example"]),
        "path": TEXTS,
        "methods": st.sampled_from([["GET"], ["POST"], ["GET", "POST"]]),
        "headers": st.dictionaries(st.just("X-A"), VALUES, min_size=1),
    },
)


@settings(max_examples=300, deadline=None)
@given(
    MATCHES,
    MATCHES,
    PATHS,
    st.sampled_from([b"shop.example", b"a.shop.example"]),
    st.sampled_from([None, b"1", b"2", b"3"]),
)
def test_no_request_gets_to_a_route_that_is_called_covered(one, other, path, host, value):
    table = compile_table(config_of(one, other))
    fields = [] if value is None else [(b"x-a", value, b"X-A")]
    for method in (b"GET", b"POST"):
        decision = table.decide(Head(method, path, host=host, fields=fields))
        if covers(table.routes[0].match, table.routes[1].match):
            assert decision is None or decision.route.name == "r0"


def test_routes_that_cross_are_named():
    assert ("overlapping", "r1", "r0") in found({"path": "/{x}/items"}, {"path": "/orders/{y}"})
    assert ("overlapping", "r1", "r0") in found({"host": "shop.example", "path": "/**"}, {"path": "/api/**"})


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ({"path": "/orders/{x}"}, {"path": "/orders/**"}),
        ({"path": "/{x}/items"}, {"path": "/orders/lines"}),
        ({"path": "/{x}/items", "methods": ["GET", "HEAD"]}, {"path": "/orders/{y}", "methods": ["POST"]}),
        ({"path": "/{x}/items", "headers": {"X-A": "1"}}, {"path": "/orders/{y}", "headers": {"X-A": "2"}}),
        ({"host": "a.example", "path": "/**"}, {"host": "b.example", "path": "/a"}),
    ],
)
def test_routes_that_do_not_cross_are_not_named(earlier, later):
    assert "overlapping" not in {kind for kind, _, _ in found(earlier, later)}


def test_crossing_routes_are_counted_beyond_a_bound():
    matches = [{"path": f"/{{x}}/i{at}"} for at in range(12)] + [{"path": f"/o{at}/{{y}}"} for at in range(12)]
    findings = [finding for finding in analyse(config_of(*matches)) if finding.kind == "overlapping"]
    assert len(findings) == OVERLAPS_MAX + 1
    assert str(144 - OVERLAPS_MAX) in findings[-1].message


def test_service_without_route_is_named():
    services = {**SERVICES, "spare": {"urls": ["http://127.0.0.1:1"]}}
    assert [(one.kind, one.other) for one in analyse(config_of({}, services=services))] == [("service_unused", "spare")]


@pytest.mark.parametrize(
    ("canary", "kind"),
    [
        ({"percent": "0%"}, "canary_nobody"),
        ({"percent": "100%"}, "canary_everybody"),
        ({"percent": "5%", "key": ["client_ip"], "sticky_cookie": "arm"}, "sticky_unused"),
        ({"percent": "5%", "key": ["client_ip", "header:X-A"]}, "key_unused"),
    ],
)
def test_canaries_that_do_nothing_are_named(canary, kind):
    assert (kind, "r0", None) in found({}, mode="canary", canary=canary)
    assert found({}, mode="canary", canary={"percent": "5%", "key": ["header:X-A"], "sticky_cookie": "arm"}) == []


def test_canary_beside_another_mode_is_named():
    assert ("canary_unused", "r0", None) in found({}, canary={"percent": "5%"})


def test_findings_are_data_too():
    [finding] = analyse(config_of({}, {"path": "/a"}))
    assert finding.as_json() == {
        "level": "warning",
        "kind": "unreachable",
        "message": "route r1 is never reached: r0, earlier in the file, matches all its requests",
        "path": "routes[1]",
        "route": "r1",
        "other": "r0",
    }


def test_way_back_does_not_matter_where_responses_are_left_alone():
    assert found({"path": "/a/{x}"}, rewrite={"new": {"path": "/b"}, "responses": False}) == []


def test_other_hints():
    assert ("head_missing", "r0", None) in found({"methods": ["GET"]})
    assert ("path_refused", "r0", None) in found({"path": "/a//b"})
    assert found({"path": "/a//b"}, paths="raw") == []
    assert ("regex_unanchored", "r0", None) in found({"path": {"regex": "/a"}})
    assert ("regex_risk", "r0", None) in found({"path": {"regex": "^/(a+)+$"}})
    assert ("regex_risk", "r0", None) in found({"headers": {"X-A": {"regex": "(x*)*y"}}})
    assert ("no_way_back", "r0", None) in found({"path": "/a/{x}"}, rewrite={"new": {"path": "/b"}})


@pytest.mark.parametrize(
    "text", ["(a+)+", "(a*)*", "(?:a+b?)*", "((a+))+", "(a{2,})+", "(a+){2,}", "([)]+)+", "(x(a+)y)*", "(?P<n>a+)+"]
)
def test_nested_quantifiers_are_seen(text):
    assert has_nested_quantifier(text)


@pytest.mark.parametrize(
    "text",
    [
        "a+b+",
        "(a+)",
        "(ab)+",
        "(a+)?",
        "(a+){2}",
        "(a++)+",
        "(?>a+)+",
        "[(a+)]+",
        "\\(a+\\)+",
        "(a+)b+",
        "(a{2})+",
        "(a",
        "[a",
        "\\",
    ],
)
def test_other_regexes_are_not_called_risky(text):
    assert not has_nested_quantifier(text)


@pytest.mark.parametrize(
    "make",
    [
        lambda at: {"path": f"/api/r{at}/{{id}}"},
        lambda at: {"path": "/api/{x}", "headers": {"X-Tenant": f"t{at}"}},
        lambda at: {"path": f"/{{x}}/a{at}" if at % 2 else f"/b{at}/{{x}}"},
        lambda at: {"host": f"*.h{at}.example"},
    ],
)
def test_a_thousand_routes_are_analysed_in_seconds(make):
    config = config_of(*[make(at) for at in range(1000)])
    start = time.process_time()
    analyse(config)
    assert time.process_time() - start < 20  # two where nothing else runs and no coverage is measured


def test_sync_that_is_to_work_in_parallel_is_told_that_it_does_not():
    side = {"connector": "sql", "url": "sqlite:///a.db", "table": "t", "key": ["id"]}
    sync = {"name": "s", "legacy": side, "new": side, "direction": "to_new", "fields": [{"legacy": "id", "new": "id"}]}
    plain = config_of({}).model_dump(exclude_unset=True)
    config = Config.model_validate(plain | {"syncs": [sync, sync | {"name": "t", "apply": {"parallel": 4}}]})
    finding = next(one for one in analyse(config) if one.kind == "parallel_unused")
    assert finding.path == ("syncs", 1, "apply", "parallel")
    assert sum(one.kind == "parallel_unused" for one in analyse(config)) == 1
