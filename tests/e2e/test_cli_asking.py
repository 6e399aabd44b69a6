"""`strangler status` and `strangler routes` against a running proxy."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.echo_app import EchoOrigin
from support.gateway_config import one_route
from support.nginx_files import free_port
from support.poll import poll
from support.process_tree import ProcessTree
from support.strangler_command import strangler as in_process

TOKENS = [{"name": "ci", "role": "viewer", "token": "s3cret"}]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, echo: EchoOrigin) -> Iterator[ProcessTree]:
    """A proxy with a canary route, reached with a token."""
    config = {
        "services": {"old": {"urls": [echo.url]}, "fresh": {"urls": [echo.url], "breaker": {}}},
        "routes": [
            {
                "name": "orders",
                "match": {"path": "/orders/**"},
                "legacy": "old",
                "new": "fresh",
                "mode": "canary",
                "canary": {"percent": "25%"},
            },
            {"name": "rest", "match": {"path": "/**"}, "legacy": "old"},
        ],
        "workers": 2,
    }
    tree = ProcessTree(tmp_path_factory.mktemp("asked"), config)
    tree.config["control"] = {"address": f"127.0.0.1:{tree.control_port}", "tokens": TOKENS}
    with tree:
        yield tree


def strangler(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("STRANGLER_")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "proxy", *arguments],
        cwd=folder,
        env={**variables, "COLUMNS": "160", **environ},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_status_is_found_through_the_configuration(tree: ProcessTree) -> None:
    result = strangler(tree.folder, "status")
    assert result.returncode == 0, result.stderr
    assert "ready  strangler" in result.stdout
    assert f"listening on 127.0.0.1:{tree.port}" in result.stdout
    assert "fresh" in result.stdout
    assert "table 1, not reloaded yet" in result.stdout


def test_status_is_found_through_options_and_variables(tree: ProcessTree, tmp_path: Path) -> None:
    address = f"127.0.0.1:{tree.control_port}"
    by_option = strangler(tmp_path, "status", "--control", f"http://{address}", "--token", "s3cret", "--json")
    by_variable = strangler(tmp_path, "status", "--json", STRANGLER_CONTROL=address, STRANGLER_TOKEN="s3cret")
    by_config = strangler(tmp_path, "status", "--json", "--config", str(tree.file))
    for result in (by_option, by_variable, by_config):
        assert result.returncode == 0, result.stderr
        assert json.loads(result.stdout)["ready"] is True


def test_routes_show_mode_share_and_what_was_served(tree: ProcessTree) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", tree.port, timeout=10)
    for _ in range(3):
        connection.request("GET", "/elsewhere")
        connection.getresponse().read()
    connection.close()

    def served() -> bool:
        routes = json.loads(strangler(tree.folder, "routes", "--json").stdout)["routes"]
        return bool(routes[1]["arms"][0]["requests"] >= 3)

    poll(served, "the requests are not shown", 20)
    lines = strangler(tree.folder, "routes").stdout.splitlines()
    legacy = next(line for line in lines if line.startswith("orders"))
    new = lines[lines.index(legacy) + 1]
    assert legacy.split()[:5] == ["orders", "canary", "legacy", "old", "75%"]
    assert new.split()[:3] == ["new", "fresh", "25%"]


def test_wrong_or_missing_token_is_said(tree: ProcessTree, tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{tree.control_port}"
    missing = strangler(tmp_path, "status", "--control", address)
    wrong = strangler(tmp_path, "routes", "--control", address, "--token", "guess")
    assert (missing.returncode, wrong.returncode) == (4, 4)
    assert "needs a token" in missing.stderr
    assert "refuses the token" in wrong.stderr


def test_nobody_there_is_said(tmp_path: Path) -> None:
    result = strangler(tmp_path, "status", "--control", f"http://127.0.0.1:{free_port()}")
    assert result.returncode == 3
    assert "cannot be reached" in result.stderr
    assert "--control" in result.stderr


def test_control_that_is_there_and_does_not_answer_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.cli.asking._ANSWER_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        result = in_process(tmp_path, "report", "--control", f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert result.returncode == 3
    assert "is there, and has not answered within" in result.stderr


def test_something_else_there_is_said(tmp_path: Path, echo: EchoOrigin) -> None:
    result = strangler(tmp_path, "status", "--control", echo.url.replace("localhost", "127.0.0.1") + "/files")
    assert result.returncode == 3
    assert "this is not the control API of strangler" in result.stderr


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "http://", "http://127.0.0.1:port"])
def test_address_that_is_none_is_wrong_usage(tmp_path: Path, url: str) -> None:
    result = strangler(tmp_path, "status", "--control", url)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_broken_configuration_is_wrong_usage(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("routes: [")
    result = strangler(tmp_path, "status")
    assert result.returncode == 2
    assert "--control" in result.stderr


def test_watch_shows_it_again_until_ctrl_c(tree: ProcessTree) -> None:
    command = [sys.executable, "-P", "-m", "proxy", "routes", "--watch", "--json"]
    with subprocess.Popen(command, cwd=tree.folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(2):
            assert json.loads(process.stdout.readline())["version"] == 1
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_proxy_that_is_not_ready_is_exit_status_1(tmp_path: Path, echo: EchoOrigin, servers: object) -> None:
    config = one_route(echo.url, shutdown={"drain_timeout": "20s"})
    with ProcessTree(tmp_path, config) as tree:
        connection = http.client.HTTPConnection("127.0.0.1", tree.port, timeout=20)
        connection.request("GET", "/events")
        connection.getresponse()
        tree.signal(signal.SIGTERM)
        tree.until_event("worker.drain.started")
        result = strangler(tree.folder, "status")
        assert result.returncode == 1
        assert "stopping" in result.stdout
        for text in ("last", "end"):
            servers.run(echo.send_event(text))  # type: ignore[attr-defined]
        connection.close()
        assert tree.ended() == 0
