"""`strangler explain` and the model behind it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from proxy.cli.explain import command, host_of, parse_head
from routes.config import Config
from routes.explain import explain
from routes.table import compile_table

CONFIG = """
listen: [{address: "127.0.0.1:8080"}]
services:
  legacy: {urls: ["http://127.0.0.1:9001"]}
  orders: {urls: ["http://10.0.0.7:8000/base"], host_header: service}
routes:
  - {name: write, match: {path: "/api/orders/{id}", methods: [PUT], host: shop.example}, legacy: legacy, mode: legacy}
  - {name: beta, match: {path: "/api/**", host: shop.example, headers: {X-Beta: "1"}}, legacy: legacy, mode: legacy}
  - {name: other, match: {path: /else, host: shop.example}, legacy: legacy, mode: legacy}
  - name: orders
    match: {path: "/api/orders/{id}", host: shop.example}
    legacy: legacy
    new: orders
    mode: canary
    canary: {percent: 20%, key: ["header:X-Tenant"], always_new: {"header:X-Tenant": [umbrella]}}
    rewrite:
      new: {path: "/v2/orders/{id}", headers: {set: {X-From: strangler}, remove: [X-Debug]}}
  - {name: rest, match: {host: "*.shop.example"}, legacy: legacy, mode: legacy}
"""


@pytest.fixture
def run(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG)

    def invoke(*arguments: str):
        return CliRunner().invoke(command, [*arguments, "--config", str(file)])

    return invoke


def test_request_that_is_served_is_explained_completely(run):
    result = run("GET", "https://shop.example/api/orders/7?x=1", "-H", "X-Tenant: acme", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.output)
    assert found["outcome"] == "served"
    assert (found["route"], found["mode"], found["arm"], found["reason"]) == ("orders", "canary", "new", "percent")
    assert (found["key"], found["bucket"], found["threshold"]) == ("header:X-Tenant", 1290, 2000)
    assert found["sent"] == {
        "service": "orders",
        "urls": ["http://10.0.0.7:8000/base"],
        "request_line": "GET /base/v2/orders/7?x=1 HTTP/1.1",
        "host": "10.0.0.7:8000",
        "headers_set": {"X-From": "strangler"},
        "headers_remove": ["x-debug"],
    }
    assert [(miss["route"], miss["near"]) for miss in found["misses"]] == [
        ("write", True),
        ("beta", True),
        ("other", False),
    ]
    assert found["misses"][0]["reasons"] == [{"part": "method", "reason": "method is GET, not PUT"}]


def test_people_see_near_misses_only_unless_they_ask_for_all(run):
    few = run("GET", "https://shop.example/api/orders/7", "-H", "X-Tenant: acme").output
    assert "1290 < threshold 2000" in few
    assert "method is GET, not PUT" in few
    assert "GET /base/v2/orders/7 HTTP/1.1" in few
    assert "X-From: strangler" in few
    assert "path is /api/orders/7, not /else" not in few
    assert "1 more" in few
    assert "path is /api/orders/7, not /else" in run("GET", "https://shop.example/api/orders/7", "--all").output


@pytest.mark.parametrize(
    ("url", "outcome", "code"),
    [
        ("http://a.shop.example/x", "served", 0),
        ("http://shop.example/x", "no_route", 1),
        ("http://elsewhere.example/x", "host_not_served", 1),
        ("/x", "host_not_served", 1),
        ("http://shop.example/api/orders/..", "path_refused", 3),
        ("http://a.shop.example/a%2fb", "path_refused", 3),
    ],
)
def test_exit_code_says_the_outcome(run, url, outcome, code):
    result = run("GET", url, "--json")
    assert (json.loads(result.output)["outcome"], result.exit_code) == (outcome, code)
    assert run("GET", url).exit_code == code


@pytest.mark.parametrize("arguments", [("GET", "ftp://x/"), ("GET", "x"), ("GET", "/x", "-H", "nothing")])
def test_wrong_usage_is_refused(run, arguments):
    assert run(*arguments).exit_code == 2


def test_missing_and_wrong_files_exit_with_2(run, tmp_path):
    assert CliRunner().invoke(command, ["GET", "/", "--config", str(tmp_path / "none.yaml")]).exit_code == 2
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("listen: 7")
    assert CliRunner().invoke(command, ["GET", "/", "--config", str(wrong)]).exit_code == 2


def test_markup_in_what_people_type_is_shown_as_it_is(run):
    assert "[red]" in run("GET", "http://a.shop.example/[red]x").output


def test_url_becomes_the_head_that_a_browser_would_send():
    head = parse_head("GET", "https://me:x@Shop.Example:8443/caf\u00e9 1/%2F?q=\u00fc#f", ("X-A:  1 ",), "192.0.2.1")
    assert (head.scheme, head.authority, head.host) == (b"https", b"Shop.Example:8443", b"shop.example")
    assert (head.path, head.query) == (b"/caf%C3%A9%201/%2F", b"q=%C3%BC")
    assert head.fields == [(b"host", b"Shop.Example:8443", b"Host"), (b"x-a", b"1", b"X-A")]


def test_host_header_wins_over_the_url():
    head = parse_head("GET", "http://127.0.0.1:8080?x", ("host: shop.example",), "192.0.2.1")
    assert (head.host, head.path, head.query, len(head.fields)) == (b"shop.example", b"/", b"x", 1)


@pytest.mark.parametrize(
    ("authority", "host"), [("A.b.:80", b"a.b"), ("[::1]:80", b"[::1]"), ("[::1]", b"[::1]"), ("", b""), ("x", b"x")]
)
def test_host_of_an_authority(authority, host):
    assert host_of(authority) == host


def test_star_is_explained():
    route = {
        "name": "all",
        "match": {"path": "/**"},
        "legacy": "legacy",
        "mode": "legacy",
        "rewrite": {"legacy": {"path": "/app/**"}},
    }
    config = {
        "listen": [{"address": "127.0.0.1:1"}],
        "services": {"legacy": {"urls": ["http://127.0.0.1:2/base"]}},
        "routes": [route],
    }
    found = explain(compile_table(Config.model_validate(config)), parse_head("OPTIONS", "*", (), "192.0.2.1"))
    assert found.sent is not None
    assert found.sent.request_line == "OPTIONS * HTTP/1.1"


def test_address_that_is_none_is_refused(tmp_path):
    (tmp_path / "c.yaml").write_text(CONFIG)
    given = ["GET", "/else", "--client-ip", "banana", "--config", str(tmp_path / "c.yaml")]
    result = CliRunner().invoke(command, given)
    assert result.exit_code == 2
    assert "'banana' is no IP address" in result.output
