"""The table decides as a plain walk through the file would."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routes import segments
from routes.config import Config
from routes.head import Head
from routes.table import HOSTS_MAX, Table, compile_table

SERVICES = {"legacy": {"urls": ["http://127.0.0.1:9001"]}, "orders": {"urls": ["http://10.0.0.7:8000"]}}


def table_of(*matches: dict, **route) -> Table:
    routes = [
        {"name": f"r{at}", "match": match, "legacy": "legacy", "new": "orders", "mode": "legacy", **route}
        for at, match in enumerate(matches)
    ]
    return compile_table(
        Config.model_validate({"listen": [{"address": "127.0.0.1:8080"}], "services": SERVICES, "routes": routes})
    )


def head_of(
    path: bytes = b"/", *, host: bytes = b"shop.example", method: bytes = b"GET", query=None, **headers
) -> Head:
    fields = [(name.replace("_", "-").encode(), value, name.encode()) for name, value in headers.items()]
    return Head(method, path, query, authority=host, host=host, fields=fields, client_ip="192.0.2.1")


def linear(table: Table, head: Head) -> str | None:
    """The reference: the first route of the file without anything that does not match."""
    return next((route.name for route in table.routes if not route.match.failures(head)), None)


def name_of(table: Table, head: Head) -> str | None:
    decision = table.decide(head)
    return None if decision is None else decision.route.name


SEGMENTS = ["a", "b"]
PATHS = st.one_of(
    st.none(),
    st.builds(
        lambda parts, rest: ("/" + "/".join(parts)) + (rest if parts else "") if parts else (rest or "/"),
        st.lists(st.sampled_from([*SEGMENTS, "{x}"]), max_size=4).map(
            lambda parts: [f"{{x{at}}}" if part == "{x}" else part for at, part in enumerate(parts)]
        ),
        st.sampled_from(["", "/", "/**", "/{rest...}"]),
    ),
    st.sampled_from(["^/a", "^/a/b", "b$", "^/(a|b)/c", "^/a/b?", "^/", "^$"]).map(lambda text: {"regex": text}),
)
VALUES = st.sampled_from(["1", "2", {"regex": "^[12]$"}, {"present": True}, {"present": False}])
HOSTS = st.sampled_from([None, "shop.example", "*.example", "*.shop.example", "a.shop.example"])
MATCHES = st.fixed_dictionaries(
    {},
    optional={
        "host": HOSTS,
        "path": PATHS,
        "methods": st.lists(st.sampled_from(["GET", "POST", "HEAD"]), min_size=1, unique=True),
        "headers": st.dictionaries(st.sampled_from(["X-Tenant", "X-Beta"]), VALUES, max_size=2),
        "query": st.dictionaries(st.sampled_from(["q"]), VALUES),
        "cookies": st.dictionaries(st.sampled_from(["k"]), VALUES),
    },
)
HEADS = st.builds(
    lambda path, host, method, query, headers: head_of(path, host=host, method=method, query=query, **headers),
    st.one_of(
        st.just(b"*"),
        st.lists(st.sampled_from([b"a", b"b", b"c", b""]), max_size=5).map(lambda parts: b"/" + b"/".join(parts)),
    ),
    st.sampled_from(
        [b"", b"shop.example", b"a.shop.example", b"b.a.shop.example", b"example", b"x.example", b"other", b".example"]
    ),
    st.sampled_from([b"GET", b"POST", b"HEAD", b"BREW"]),
    st.sampled_from([None, b"", b"q=1", b"x=1&q=%32", b"q", b"q=1&q=2"]),
    st.dictionaries(st.sampled_from(["x_tenant", "x_beta"]), st.sampled_from([b"1", b"2", b"3", b""])).flatmap(
        lambda headers: st.sampled_from([headers, {**headers, "cookie": b"k=1"}, {**headers, "cookie": b"a=b; k=3"}])
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PATHS, min_size=1, max_size=8), st.lists(HEADS, min_size=1, max_size=12))
def test_decides_by_path_as_a_walk_through_the_file_would(paths, heads):
    table = table_of(*({"path": path} for path in paths))
    for head in heads:
        assert name_of(table, head) == linear(table, head)


@settings(max_examples=300, deadline=None)
@given(st.lists(MATCHES, min_size=1, max_size=14), st.lists(HEADS, min_size=1, max_size=8))
def test_decides_as_a_walk_through_the_file_would(matches, heads):
    table = table_of(*matches)
    for head in heads:
        assert name_of(table, head) == linear(table, head)
        assert table.serves_host(head.host) == any(
            route.match.host is None or route.match.host.matches(head.host) for route in table.routes
        )


@settings(max_examples=50, deadline=None)
@given(st.lists(MATCHES, min_size=1, max_size=10), st.lists(HEADS, min_size=1, max_size=8))
def test_decides_the_same_while_the_index_is_thrown_away_again_and_again(matches, heads):
    before, segments.ITEMS_MAX = segments.ITEMS_MAX, 3
    try:
        table = table_of(*matches)
        for head in heads:
            assert name_of(table, head) == linear(table, head)
    finally:
        segments.ITEMS_MAX = before


def test_first_match_in_file_order_wins_over_the_more_specific_one():
    table = table_of({"path": "/api/{x}"}, {"path": "/api/orders"})
    assert name_of(table, head_of(b"/api/orders")) == "r0"


def test_an_earlier_route_without_host_wins_over_a_later_one_with_it():
    table = table_of({"path": "/a"}, {"host": "shop.example"})
    assert name_of(table, head_of(b"/a")) == "r0"
    assert name_of(table, head_of(b"/b")) == "r1"


def test_get_in_the_methods_does_not_bring_head_with_it():
    table = table_of({"path": "/a", "methods": ["GET"]}, {})
    assert name_of(table, head_of(b"/a")) == "r0"
    assert name_of(table, head_of(b"/a", method=b"HEAD")) == "r1"


@pytest.mark.parametrize("source", ["headers", "cookies", "query"])
def test_many_routes_that_differ_in_one_value_are_told_apart(source):
    table = table_of(
        {"path": "/a", source: {"t": "none"}}, *[{"path": "/a", source: {"t": f"v{at}"}} for at in range(40)], {}
    )
    for at in range(40):
        value = b"v%d" % at
        query = b"t=" + value if source == "query" else None
        headers = {"headers": {"t": value}, "cookies": {"cookie": b"t=" + value}, "query": {}}[source]
        assert name_of(table, head_of(b"/a", query=query, **headers)) == f"r{at + 1}"
    assert name_of(table, head_of(b"/a")) == "r41"


def test_routes_without_canary_and_captures_share_one_decision():
    table = table_of({"path": "/a/{x}"})
    assert table.decide(head_of(b"/a/1")) is table.decide(head_of(b"/a/2"))


def test_params_are_captured_only_where_a_rewrite_needs_them():
    table = table_of({"path": "/a/{x}/{y}"}, rewrite={"legacy": {"path": "/v2/{y}/{x}"}})
    decision = table.decide(head_of(b"/a/1%20/2", query=b"q=1"))
    assert decision is not None
    assert decision.arm.target(head_of(b"/a/1%20/2", query=b"q=1"), decision.params) == b"/v2/2/1%20?q=1"


def test_mode_new_serves_from_new():
    decision = table_of({}, mode="new").decide(head_of())
    assert decision is not None
    assert (decision.arm.name, decision.arm.service, decision.reason) == ("new", "orders", "mode")


def test_remembered_hosts_are_bounded():
    table = table_of({"host": "*.example"}, {"host": "shop.example"})
    for at in range(HOSTS_MAX + 10):
        assert name_of(table, head_of(host=b"h%d.example" % at)) == "r0"
    assert name_of(table, head_of(host=b"x" * 300 + b".example")) is None
    assert len(table._hosts) <= HOSTS_MAX


def test_a_path_of_nothing_but_slashes_is_walked_only_as_deep_as_the_templates():
    table = table_of({"path": "/a/{x}"}, {"path": "/**"})
    assert name_of(table, head_of(b"/" * 8000)) == "r1"
    assert name_of(table, head_of(b"/a/b" + b"/" * 8000)) == "r1"


def test_query_is_decoded_as_forms_are():
    table = table_of({"query": {"full name": "J\u00f6rg & Co"}}, {})
    assert name_of(table, head_of(query=b"full+name=J%C3%B6rg+%26+Co")) == "r0"
    assert name_of(table, head_of(query=b"full%20name=J%c3%b6rg%20%26%20Co")) == "r0"
    assert name_of(table, head_of(query=b"full+name=J%C3%B6rg")) == "r1"
