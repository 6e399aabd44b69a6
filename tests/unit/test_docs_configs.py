"""What the docs show as configuration is one: whole files load and compile, pieces do so in their place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from routes.analysis import analyse
from routes.config import Config, Route, Service
from routes.head import Head
from routes.loading import load_config
from routes.table import Table, compile_table

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])

#: The word after `yaml` that marks a block which is YAML, and no configuration of the proxy.
NOT_OURS = "other"
BLOCK = re.compile(r"^```ya?ml *(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)

SERVICES: dict[str, Any] = {"legacy": {"urls": ["http://127.0.0.1:1"]}, "new": {"urls": ["http://127.0.0.1:2"]}}
ROUTE: dict[str, Any] = {"name": "one", "match": {"path": "/orders/{id}"}, "legacy": "legacy", "new": "new"}
BASE: dict[str, Any] = {"listen": [{"address": "127.0.0.1:0"}], "services": SERVICES, "routes": [ROUTE]}


def blocks() -> Iterator[Any]:
    for page in PAGES:
        for number, (kind, text) in enumerate(BLOCK.findall(page.read_text(encoding="utf-8")), start=1):
            if kind != NOT_OURS:
                yield pytest.param(text, id=f"{page.relative_to(ROOT).as_posix()} {number}")


def in_its_place(text: str) -> str:
    """A whole configuration as it is; a piece of one, of a route or of a service where it belongs."""
    block = yaml.safe_load(text)
    keys = set(block) if isinstance(block, dict) else set()
    if {"listen", "services", "routes"} <= keys:
        return text
    if keys and keys <= set(Config.model_fields):
        whole = {**BASE, **block}
        whole["services"] = {**named(whole["routes"]), **SERVICES, **block.get("services", {})}
    elif keys and keys <= set(Route.model_fields):
        route = {**ROUTE, **block}
        whole = {**BASE, "services": {**named([route]), **SERVICES}, "routes": [route]}
    elif keys and keys <= set(Service.model_fields):
        whole = {**BASE, "services": {**SERVICES, "new": {**SERVICES["new"], **block}}}
    else:
        raise AssertionError(
            f"this block is no piece of a configuration; if it should be none: ```yaml {NOT_OURS}\n{text}"
        )
    return yaml.safe_dump(whole, sort_keys=False)


def named(routes: list[dict[str, Any]]) -> dict[str, Any]:
    """A service for every name that these routes use."""
    names = {route.get(arm) for route in routes for arm in ("legacy", "new")} - {None}
    return {name: {"urls": ["http://127.0.0.1:3"]} for name in sorted(names)}


@pytest.mark.parametrize("text", list(blocks()))
def test_every_configuration_in_the_docs_loads_and_compiles(text: str) -> None:
    environment = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "secret")
    config = load_config(in_its_place(text), name="docs", folder=ROOT, env=environment)
    assert compile_table(config).routes


@pytest.fixture(scope="module")
def example() -> Table:
    """The table of the config.yaml that the demo runs."""
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    return compile_table(load_config(text, name="config.yaml", folder=ROOT, env={}))


def head(method: str, target: str, headers: dict[str, str]) -> Head:
    path, _, query = target.partition("?")
    fields = [(name.lower().encode(), value.encode(), name.encode()) for name, value in headers.items()]
    return Head(
        method.encode(),
        path.encode(),
        query.encode() or None,
        authority=b"localhost:8080",
        host=b"localhost",
        fields=fields,
    )


@pytest.mark.parametrize(
    ("asked", "tenant", "route", "arm"),
    [
        ("GET /api/orders/7", "acme", "orders", "new"),
        ("GET /api/orders/7", "globex", "orders", "legacy"),
        ("POST /api/orders", "acme", "everything-else", "legacy"),
        ("GET /api/customers?page=2", "globex", "customers", "new"),
        ("GET /api/invoices/7", "acme", "invoices", "legacy"),
        ("GET /v2/orders/feed", "globex", "orders-v2", "new"),
        ("GET /", "acme", "everything-else", "legacy"),
        ("GET /ticker", "acme", "everything-else", "legacy"),
    ],
)
def test_example_configuration_sends_each_request_where_its_comments_say(
    example: Table, asked: str, tenant: str, route: str, arm: str
) -> None:
    decision = example.decide(head(*asked.split(), {"X-Tenant": tenant}))
    assert decision is not None
    assert (decision.route.name, decision.arm.name) == (route, arm)


def test_example_configuration_has_nothing_to_mend() -> None:
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    findings = analyse(load_config(text, name="config.yaml", folder=ROOT, env={}))
    assert [finding for finding in findings if finding.level != "hint"] == []


def test_example_configuration_maps_what_the_new_service_says_back_to_the_old_paths(example: Table) -> None:
    request = head("GET", "/api/customers?page=2", {})
    decision = example.decide(request)
    assert decision is not None
    link = b'<http://127.0.0.1:9002/compat/customers?page=3>; rel="next"'
    mapped = decision.arm.map_response(b"link", link, request)
    assert mapped == b'<http://localhost:8080/api/customers?page=3>; rel="next"'
    assert decision.arm.target(request, decision.params) == b"/compat/customers?page=2"
