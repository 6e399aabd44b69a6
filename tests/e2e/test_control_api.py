"""The control API as it is reached over the network: who may ask what, and what is answered."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.echo_app import EchoOrigin
from support.gateway_config import one_route
from support.poll import poll
from support.process_tree import ProcessTree

TOKENS = [{"name": "ci", "role": "viewer", "token": "s3cret-viewer"}]


def ask(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, dict(response.headers), response.read()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def open_tree(tmp_path_factory: pytest.TempPathFactory, echo: EchoOrigin) -> Iterator[ProcessTree]:
    """On loopback without tokens."""
    with ProcessTree(tmp_path_factory.mktemp("open"), one_route(echo.url, workers=2)) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, echo: EchoOrigin) -> Iterator[ProcessTree]:
    """On every address, with a token."""
    tree = ProcessTree(tmp_path_factory.mktemp("guarded"), one_route(echo.url))
    tree.config["control"] = {"address": f"0.0.0.0:{tree.control_port}", "tokens": TOKENS}
    with tree:
        yield tree


def test_health_and_readiness(open_tree: ProcessTree) -> None:
    assert ask(open_tree.control_port, "/healthz")[0] == 200
    open_tree.until_event("supervisor.ready")
    status, _, body = ask(open_tree.control_port, "/readyz")
    detail = json.loads(body)
    assert status == 200
    assert detail == {"ready": True, "draining": False, "version": 1, "workers": 2, "workers_ready": 2}


def test_routes_and_status_count_what_was_served(open_tree: ProcessTree) -> None:
    before = json.loads(ask(open_tree.control_port, "/api/routes")[2])["routes"][0]["arms"][0]["requests"]
    for _ in range(5):
        assert ask(open_tree.port, "/echo")[0] == 200
    assert ask(open_tree.port, "/a/../b")[0] == 400

    def counted() -> bool:
        arm = json.loads(ask(open_tree.control_port, "/api/routes")[2])["routes"][0]["arms"][0]
        return bool(arm["requests"] == before + 5)

    poll(counted, "the requests were not counted")
    status = open_tree.until_status(lambda now: now["requests_rejected"])
    assert status["requests_rejected"]["400"] >= 1
    assert [worker["state"] for worker in status["workers"]] == ["ready", "ready"]
    assert status["services"][0]["endpoints"][0]["requests"] >= 5


def test_metrics_are_text_for_prometheus(open_tree: ProcessTree) -> None:
    poll(lambda: ask(open_tree.control_port, "/metrics")[0] == 200, "no metrics")
    _, headers, body = ask(open_tree.control_port, "/metrics")
    assert headers["Content-Type"].startswith("text/plain")
    assert b"# TYPE strangler_client_connections gauge" in body
    accept = "application/openmetrics-text; version=1.0.0"
    _, headers, body = ask(open_tree.control_port, "/metrics", Accept=accept)
    assert headers["Content-Type"].startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:1", "127.9.9.9", "[::1]:9090"])
def test_names_of_this_machine_are_answered(open_tree: ProcessTree, host: str) -> None:
    assert ask(open_tree.control_port, "/api/status", Host=host)[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "192.0.2.1"])
def test_name_that_was_made_to_lead_here_is_refused(open_tree: ProcessTree, host: str) -> None:
    status, _, body = ask(open_tree.control_port, "/api/status", Host=host)
    assert status in {400, 421}
    assert b"workers" not in body


def test_answers_are_not_kept_or_guessed_at(open_tree: ProcessTree) -> None:
    _, headers, _ = ask(open_tree.control_port, "/api/status")
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "frame-ancestors 'none'"


def test_unknown_path_and_method_are_problem_details(open_tree: ProcessTree) -> None:
    status, headers, body = ask(open_tree.control_port, "/nowhere")
    assert (status, json.loads(body)["status"]) == (404, 404)
    assert headers["Content-Type"].startswith("application/problem+json")
    status, headers, _ = ask(open_tree.control_port, "/api/status", "DELETE")
    assert (status, headers["Allow"]) == (405, "GET,HEAD")


@pytest.mark.parametrize("path", ["/api/status", "/api/routes", "/metrics", "/nowhere"])
@pytest.mark.parametrize(
    "authorization", [None, "Bearer wrong", "Bearer ", "Basic s3cret-viewer", "Bearer s3cret-viewer x", "s3cret-viewer"]
)
def test_without_the_token_nothing_is_told(guarded: ProcessTree, path: str, authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    status, answer, body = ask(guarded.control_port, path, **headers)
    assert status == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert b"strangler_" not in body


def test_with_the_token_it_is(guarded: ProcessTree) -> None:
    token = {"Authorization": "Bearer s3cret-viewer"}
    assert ask(guarded.control_port, "/api/status", **token)[0] == 200
    assert ask(guarded.control_port, "/metrics", **token)[0] in {200, 503}
    assert ask(guarded.control_port, "/nowhere", **token)[0] == 404


def test_probes_need_no_token(guarded: ProcessTree) -> None:
    assert ask(guarded.control_port, "/healthz")[0] == 200
    assert ask(guarded.control_port, "/readyz")[0] == 200


def test_token_is_in_no_worker_and_in_no_log(guarded: ProcessTree) -> None:
    assert b"s3cret-viewer" not in guarded.log.read_bytes()
    for process in guarded.members("proxy.worker"):
        assert "s3cret-viewer" not in " ".join(process.cmdline())


def test_reload_replaces_tokens(tmp_path: Path, echo: EchoOrigin) -> None:
    with ProcessTree(tmp_path, one_route(echo.url)) as tree:
        tree.config["control"]["tokens"] = [{"name": "new", "role": "admin", "token": "n3w"}]
        tree.reload()
        tree.until_event("config.reload.applied")
        assert ask(tree.control_port, "/api/status")[0] == 401
        assert ask(tree.control_port, "/api/status", Authorization="Bearer n3w")[0] == 200


def test_control_port_in_use_is_told_and_tried_again_while_traffic_flows(tmp_path: Path, echo: EchoOrigin) -> None:
    tree = ProcessTree(tmp_path, one_route(echo.url))
    taken = socket.create_server(("127.0.0.1", tree.control_port))
    tree._is_ready = lambda: bool(tree.log.exists() and tree.events("supervisor.ready"))  # type: ignore[method-assign]
    with tree:
        event = tree.until_event("control.listen.failed")
        assert (event["level"], event["address"]) == ("error", f"127.0.0.1:{tree.control_port}")
        assert ask(tree.port, "/echo")[0] == 200
        taken.close()
        tree.until_event("control.listening")
        assert tree.status()["ready"]
