"""`strangler report` and the control API behind it, over a store that has findings in it."""

from __future__ import annotations

import http.client
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from support import shadow_store
from support.echo_app import EchoOrigin
from support.process_tree import ProcessTree
from support.strangler_command import strangler

TOKENS = [
    {"name": "ci", "role": "viewer", "token": "look"},
    {"name": "ops", "role": "operator", "token": "change"},
]


def config(url: str) -> dict[str, Any]:
    route = {"name": "orders", "match": {"path": "/orders/**"}, "legacy": "old", "new": "fresh", "mode": "shadow"}
    return {
        "services": {"old": {"urls": [url]}, "fresh": {"urls": [url]}},
        "routes": [route, {"name": "rest", "legacy": "old"}],
        "state": {"url": "sqlite:///state/strangler.db"},
    }


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, echo: EchoOrigin) -> Iterator[ProcessTree]:
    tree = ProcessTree(tmp_path_factory.mktemp("reported"), config(echo.url))
    tree.config["control"] = {"address": f"127.0.0.1:{tree.control_port}", "tokens": TOKENS}
    shadow_store.fill(tree.folder / "state" / "strangler.db")
    with tree:
        yield tree


def ask(tree: ProcessTree, path: str, token: str = "look", method: str = "GET", **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", tree.control_port, timeout=10)
    try:
        connection.request(method, path, headers={"Authorization": f"Bearer {token}", **headers})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_report_says_it_in_a_sentence(tree: ProcessTree) -> None:
    result = strangler(tree.folder, "report", "orders")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert "orders: 1 kind of difference in 1.2 % of 5,060 compared requests; not ready" in lines
    assert "rounded to 2" in result.stdout
    assert "10.9575" in result.stdout


def test_every_format_is_written_to_a_file(tree: ProcessTree, tmp_path: Path) -> None:
    begins = {"text": "Shadow report", "json": "{", "html": "<!doctype html>", "markdown": "# Shadow", "junit": "<?xml"}
    for name, begin in begins.items():
        file = tmp_path / name
        result = strangler(tree.folder, "report", "--format", name, "--output", str(file))
        assert (result.returncode, result.stdout) == (0, ""), result.stderr
        assert file.read_text().startswith(begin)
    assert etree.parse(tmp_path / "junit").getroot().get("failures") != "0"


def test_output_that_nobody_takes_is_no_success(tree: ProcessTree) -> None:
    command = [sys.executable, "-P", "-m", "proxy", "report", "--config", str(tree.file)]
    with open("/dev/full", "wb") as full:
        finished = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    assert finished.returncode == 2
    assert finished.stderr == "What there is to say cannot be written: No space left on device.\n"


def test_gate_is_closed_and_says_why(tree: ProcessTree) -> None:
    result = strangler(tree.folder, "report", "orders", "--gate", "--format", "json")
    assert result.returncode == 1
    assert "gate: orders: new differs in 1.2 % of the compared requests" in result.stderr
    assert json.loads(result.stdout)["routes"][0]["judgement"]["state"] == "not_ready"


def test_gate_opens_where_the_conditions_allow_it(tree: ProcessTree) -> None:
    result = strangler(tree.folder, "report", "orders", "--gate", "--require", "different_max=5%")
    assert (result.returncode, result.stderr) == (0, "")
    assert "; ready" in result.stdout


def test_time_before_which_nothing_counts(tree: ProcessTree) -> None:
    recent = json.loads(strangler(tree.folder, "report", "--since", "1h", "--json").stdout)
    assert recent["routes"][0]["coverage"]["compared"] == 5060
    assert recent["until"] - recent["since"] == 3600


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--since", "soon"], "since=soon: must be a duration; a number with ms, s, m, h or d"),
        (["--require", "different_max=lots"], "different_max=lots: must be a share"),
        (["--require", "luck=1"], "the gate has no setting luck"),
        (["--require", "luck"], "write NAME=VALUE"),
        (["nowhere"], "nothing is known of a route nowhere in shadow; there is orders"),
        (["--output", "/nowhere/at/all"], "/nowhere/at/all"),
    ],
)
def test_what_cannot_be_is_said(tree: ProcessTree, arguments: list[str], words: str) -> None:
    result = strangler(tree.folder, "report", *arguments)
    assert result.returncode == 2
    assert words in result.stderr


def test_wrong_token_is_exit_status_4(tree: ProcessTree) -> None:
    assert strangler(tree.folder, "report", "--token", "guess").returncode == 4


def test_viewer_may_look_and_not_change(tree: ProcessTree) -> None:
    assert ask(tree, "/api/report")[0] == 200
    for method in ("POST", "DELETE", "PUT"):
        status, body = ask(tree, "/api/report", method=method)
        assert status == 403
        assert "operator" in body["detail"]


def test_form_of_a_web_page_is_refused(tree: ProcessTree) -> None:
    headers = {"Content-Type": "text/plain", "Content-Length": "0", "Transfer-Encoding": "chunked"}
    connection = http.client.HTTPConnection("127.0.0.1", tree.control_port, timeout=10)
    connection.request("POST", "/api/report", body=iter([b"{}"]), headers={**headers, "Authorization": "Bearer change"})
    assert connection.getresponse().status in {400, 415}
    connection.close()


def test_exchange_is_shown_side_by_side(tree: ProcessTree) -> None:
    result = strangler(tree.folder, "exchange", shadow_store.EXCHANGE)
    assert result.returncode == 0, result.stderr
    for words in ("GET /orders/7", "mismatch", '"total": 7.9575', '"total": 7.96', "~hmac:", "/total"):
        assert words in result.stdout
    assert [line for line in result.stdout.splitlines() if line != line.rstrip()] == []
    data = json.loads(strangler(tree.folder, "exchange", shadow_store.EXCHANGE, "--json").stdout)
    assert data["differences"][0]["path"] == "/total"
    assert data["legacy"]["document"] == {"id": 7, "total": 7.9575}


@pytest.mark.parametrize("identifier", ["never-there", "../../api/status", "a b%", "é\u202e"])
def test_exchange_that_is_not_kept_is_said(tree: ProcessTree, identifier: str) -> None:
    result = strangler(tree.folder, "exchange", identifier)
    assert result.returncode == 2
    assert "is kept" in result.stderr


def test_store_that_is_away_is_said_and_found_again(tmp_path: Path, echo: EchoOrigin) -> None:
    tree = ProcessTree(tmp_path, config(echo.url))
    file = tmp_path / "state" / "strangler.db"
    file.parent.mkdir()
    file.write_bytes(b"this is no database, and was never one" * 100)
    with tree:
        status, body = ask(tree, "/api/report")
        assert (status, body["status"]) == (503, 503)
        assert "state store" in body["detail"]
        result = strangler(tree.folder, "report")
        assert result.returncode == 3
        assert "state store" in result.stderr
        assert ask(tree, "/api/status")[0] == 200
        for part in file.parent.iterdir():
            part.unlink()
        shadow_store.fill(file, mismatches=0)
        status, body = ask(tree, "/api/report")
        assert (status, body["routes"][0]["judgement"]["state"]) == (200, "ready")


def test_nothing_in_the_store_is_a_report_and_a_closed_gate(tmp_path: Path, echo: EchoOrigin) -> None:
    with ProcessTree(tmp_path, config(echo.url)) as tree:
        result = strangler(tree.folder, "report", "--gate")
        assert result.returncode == 1
        assert "orders: nothing was compared" in result.stdout
    with sqlite3.connect(tmp_path / "state" / "strangler.db") as database:
        assert database.execute("SELECT count(*) FROM shadow_tallies").fetchone() == (0,)
