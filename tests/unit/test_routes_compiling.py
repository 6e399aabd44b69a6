"""From configuration to models."""

from __future__ import annotations

from typing import Any

import pytest

from routes.compiling import compile_host
from routes.config import Config
from routes.errors import ConfigError, path_text
from routes.model import BreakerModel, HealthModel, HoldModel
from routes.services import compile_url
from routes.table import compile_table

SERVICES: dict[str, Any] = {
    "legacy": {"urls": ["http://127.0.0.1:9001"]},
    "orders": {"urls": ["http://10.0.0.7:8000/app/"]},
}


def config_of(*routes: dict[str, Any], services: dict[str, Any] = SERVICES) -> Config:
    complete = [
        {"name": f"r{at}", "match": {}, "legacy": "legacy", "new": "orders", "mode": "legacy", **route}
        for at, route in enumerate(routes)
    ]
    return Config.model_validate({"listen": [{"address": "127.0.0.1:8080"}], "services": services, "routes": complete})


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("http://h", ("http", "h", 80, b"h", b"")),
        ("HTTPS://Legacy.Example:443/", ("https", "legacy.example", 443, b"legacy.example", b"")),
        ("http://h:443/a/b/", ("http", "h", 443, b"h:443", b"/a/b")),
        ("http://h.:8080", ("http", "h", 8080, b"h:8080", b"")),
        ("https://[FD00:0:0::7]:8443/x", ("https", "fd00::7", 8443, b"[fd00::7]:8443", b"/x")),
    ],
)
def test_url_is_taken_apart(text, parts):
    url = compile_url(text)
    assert (url.scheme, url.host, url.port, url.authority, url.base_path) == parts
    assert url.text == text


@pytest.mark.parametrize("text", ["", "h:80", "ftp://h", "http://", "http:///x"])
def test_what_is_no_url_is_refused(text):
    with pytest.raises(ValueError, match="not an http or https URL"):
        compile_url(text)


@pytest.mark.parametrize(
    ("text", "name", "wildcard"),
    [
        ("Shop.Example", b"shop.example", False),
        ("*.shop.example.", b".shop.example", True),
        ("b\u00fccher.example", b"xn--bcher-kva.example", False),
    ],
)
def test_host_pattern(text, name, wildcard):
    pattern = compile_host(text)
    assert (pattern.name, pattern.wildcard) == (name, wildcard)


def test_service_has_every_setting():
    service = {
        "urls": ["https://a", "https://b/x"], "connect_timeout": "1s", "response_timeout": "2s", "idle_timeout": "3s",
        "tunnel_idle_timeout": "4s", "connections_max": 5, "queue_max": 6, "queue_timeout": "7s", "idle_connections_max": 8,
        "keepalive": "9s", "host_header": "service", "retry_budget": {"share": "10%", "minimum": 11},
        "health": {"path": "/up", "interval": "12s", "timeout": "13s", "unhealthy_after": 14, "healthy_after": 15},
        "breaker": {"errors": "16%", "window": "17s", "requests_min": 18, "open_for": "19s"},
    }  # fmt: skip
    found = compile_table(config_of({}, services={**SERVICES, "one": service})).services["one"]
    assert [url.authority + url.base_path for url in found.urls] == [b"a", b"b/x"]
    assert (found.connect_timeout_s, found.response_timeout_s, found.idle_timeout_s, found.tunnel_idle_timeout_s) == (
        1,
        2,
        3,
        4,
    )
    assert (found.connections_max, found.queue_max, found.queue_timeout_s) == (5, 6, 7)
    assert (found.idle_connections_max, found.keepalive_s, found.host_header) == (8, 9, "service")
    assert (found.retry_budget_share, found.retry_budget_minimum) == (0.1, 11)
    assert found.health == HealthModel("/up", 12, 13, 14, 15)
    assert found.breaker == BreakerModel(0.16, 17, 18, 19)


def test_services_that_did_not_change_are_equal_after_a_reload():
    one, two = (compile_table(config_of(*routes)).services for routes in ([{}], [{}, {}]))
    assert one == two
    other = compile_table(config_of({}, services={**SERVICES, "orders": {"urls": ["http://10.0.0.8:8000"]}})).services
    assert one["legacy"] == other["legacy"]
    assert one["orders"] != other["orders"]


def test_literal_host_header_is_bytes():
    services = {**SERVICES, "legacy": {"urls": ["http://127.0.0.1:1"], "host_header": "shop.legacy"}}
    assert compile_table(config_of({}, services=services)).services["legacy"].host_header == b"shop.legacy"


@pytest.mark.parametrize(
    ("methods", "compiled"),
    [("safe", frozenset({b"GET", b"HEAD", b"OPTIONS"})), ("all", None), (["PUT"], frozenset({b"PUT"}))],
)
def test_fallback_and_hold_are_compiled(methods, compiled):
    fallback = {"to": "legacy", "on": ["connect", 503], "methods": methods, "credentials": True}
    hold = {"requests_max": 5, "bytes_max": "1KiB", "timeout": "2s"}
    route = compile_table(
        config_of({"mode": "new", "fallback": fallback, "hold": hold, "retry": {"attempts": 2, "on": ["reset"]}})
    ).routes[0]
    assert route.fallback is not None
    assert route.fallback.arm is route.legacy
    assert (route.fallback.on, route.fallback.methods, route.fallback.credentials) == (
        frozenset({"connect", "503"}),
        compiled,
        True,
    )
    assert route.hold == HoldModel(5, 1024, 2)
    assert (route.retry_attempts, route.retry_on) == (2, frozenset({"reset"}))


def test_arm_says_whether_it_rewrites_anything():
    routes = compile_table(
        config_of(
            {},
            {"rewrite": {"new": {"headers": {"set": {"X-A": "1"}, "remove": ["X-B"]}}}},
            {"rewrite": {"new": {"query": {"remove": ["q"]}}}},
        )
    ).routes
    assert [(route.legacy.rewrites, route.new.rewrites) for route in routes] == [
        (False, False),
        (False, True),
        (False, True),
    ]
    assert (routes[1].new.headers_set, routes[1].new.headers_remove) == (((b"X-A", b"1"),), frozenset({b"x-b"}))


def test_everything_that_cannot_be_compiled_is_reported_at_once():
    wrong = {"mode": "canary", "canary": {"percent": "1%", "always_new": {"client_ip": ["x"]}}}
    with pytest.raises(ConfigError) as caught:
        compile_table(config_of(wrong, {}, wrong))
    assert [path_text(problem.path) for problem in caught.value.problems] == ["routes[0].canary", "routes[2].canary"]
