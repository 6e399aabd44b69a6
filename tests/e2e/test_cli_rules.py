"""`strangler rules`, `strangler retest` and `strangler replay`: proved before, audited after, and only by operators."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support import shadow_store
from support.echo_app import EchoOrigin
from support.nginx_files import free_port
from support.process_tree import ProcessTree
from support.state_lock import locked
from support.strangler_command import strangler

TOKENS = [
    {"name": "ops", "role": "operator", "token": "change"},
    {"name": "ci", "role": "viewer", "token": "look"},
]
RULE = "{path: /total, tolerance: {absolute: 0.005}, owner: billing}"
IN_FILE = {"path": "/request_id", "same_kind": True, "reason": "made anew for each request", "owner": "checkout"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory, echo: EchoOrigin) -> Iterator[ProcessTree]:
    route = {"name": "orders", "match": {"path": "/orders/**"}, "legacy": "old", "new": "fresh", "mode": "shadow"}
    route |= {"shadow": {"compare": {"rules": [IN_FILE]}}, "rewrite": {"new": {"headers": {"set": {"X-Arm": "new"}}}}}
    nobody = {**route, "name": "nobody", "match": {"path": "/nobody/**"}, "new": "gone"}
    services = {"old": {"urls": [echo.url]}, "fresh": {"urls": [echo.url]}}
    services |= {"gone": {"urls": [f"http://127.0.0.1:{free_port()}"]}}
    config: dict[str, Any] = {
        "services": services,
        "routes": [route, nobody, {"name": "rest", "legacy": "old"}],
        "state": {"url": "sqlite:///state/strangler.db"},
    }
    tree = ProcessTree(tmp_path_factory.mktemp("ruled"), config)
    tree.config["control"] = {"address": f"127.0.0.1:{tree.control_port}", "tokens": TOKENS}
    shadow_store.fill(tree.folder / "state" / "strangler.db")
    with tree:
        yield tree


def ask(tree: ProcessTree, method: str, path: str, body: Any = None, token: str = "change") -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", tree.control_port, timeout=20)
    try:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def live(tree: ProcessTree) -> list[str]:
    rules = ask(tree, "GET", "/api/rules")[1]["rules"]
    return [rule["id"] for rule in rules if rule["id"].startswith("live:")]


def test_rules_of_the_file_are_listed(tree: ProcessTree) -> None:
    result = strangler(tree.folder, "rules", "list", "orders")
    assert result.returncode == 0, result.stderr
    assert "file:0" in result.stdout
    assert "made anew for each request" in result.stdout


def test_rules_of_a_route_that_is_not_there_are_no_empty_list(tree: ProcessTree) -> None:
    result = strangler(tree.folder, "rules", "list", "odrers")
    assert result.returncode == 2
    assert "there is no route odrers; there are " in result.stderr
    assert "orders" in result.stderr


def test_proof_says_what_a_rule_would_change_and_hide(tree: ProcessTree) -> None:
    before = live(tree)
    result = strangler(tree.folder, "rules", "prove", "orders", "--rule", RULE)
    assert result.returncode == 0, result.stderr
    assert "21 of 21 kept exchanges change their verdict" in result.stdout
    assert "mismatch → explained" in result.stdout
    assert live(tree) == before
    ignoring = strangler(tree.folder, "rules", "prove", "orders", "--rule", "{path: /total, ignore: true}")
    assert "It would hide" in ignoring.stdout


def test_an_operator_chooses_no_code(tree: ProcessTree) -> None:
    """A function of a rule is given values of answers: naming any would be running what a service answers."""
    for rule in ({"path": "/total", "map": "os:system"}, {"path": "/total", "call": "subprocess:check_output"}):
        for path in ("/api/rules/prove", "/api/rules"):
            body = {"route": "orders", "rules": [rule], "reason": "x", "proof": "x"}
            status, answer = ask(tree, "POST", path, body)
            assert (status, "configuration" in answer["detail"]) == (400, True)
    own = {"path": "/total", "map": "shadow.clusters.transforms:trimmed"}
    assert ask(tree, "POST", "/api/rules/prove", {"route": "orders", "rules": [own]})[0] == 200


@pytest.mark.parametrize("body", ["[" * 100_000, '{"route": "\\ud800"}', '{"reason": "\\u0000"}', "", "nothing"])
def test_a_body_that_no_store_takes_is_refused(tree: ProcessTree, body: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", tree.control_port, timeout=20)
    headers = {"Authorization": "Bearer change", "Content-Type": "application/json"}
    for path in ("/api/rules/prove", "/api/rules", "/api/exchanges/x%00y/replay"):
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["status"]) == (400, 400)
    connection.close()


def test_proof_of_a_rule_for_nothing_says_so(tree: ProcessTree) -> None:
    result = strangler(tree.folder, "rules", "prove", "orders", "--rule", "{path: /nowhere, ignore: true}")
    assert result.returncode == 0, result.stderr
    assert "None of 21 kept exchanges changes its verdict: it accounts for nothing in them." in result.stdout


def test_rule_is_added_listed_audited_and_removed(tree: ProcessTree) -> None:
    reason = "rounded since 2026"
    result = strangler(tree.folder, "rules", "add", "orders", "--rule", RULE, "--reason", reason, "--yes")
    assert result.returncode == 0, result.stderr
    (identifier,) = live(tree)
    assert f"In force: {identifier}" in result.stdout
    assert "21 of 21 kept exchanges" in result.stdout
    report = json.loads(strangler(tree.folder, "report", "orders", "--json").stdout)
    assert [rule["state"] for rule in report["routes"][0]["rules"]] == ["unused", "unused"]
    status, audit = ask(tree, "GET", "/api/audit?verify")
    entry = audit["entries"][0]
    assert (status, audit["broken_at"]) == (200, None)
    assert (entry["who"], entry["action"], entry["why"]) == ("ops", "rule.accepted", reason)
    assert entry["evidence"][0]["changed"] == 21
    gone = strangler(tree.folder, "rules", "remove", identifier, "--reason", "a mistake")
    assert gone.returncode == 0, gone.stderr
    assert live(tree) == []
    assert ask(tree, "GET", "/api/audit?limit=1")[1]["entries"][0]["action"] == "rule.withdrawn"


@pytest.mark.slow
def test_a_process_that_writes_for_six_seconds_fails_no_command(tree: ProcessTree) -> None:
    with locked(tree.folder / "state" / "strangler.db", 6.0):
        listed = strangler(tree.folder, "rules", "list", "orders")
        assert (listed.returncode, "file:0" in listed.stdout) == (0, True), listed.stderr
        added = strangler(tree.folder, "rules", "add", "orders", "--rule", RULE, "--reason", "x", "--yes")
    assert added.returncode == 0, added.stderr
    (identifier,) = live(tree)
    assert strangler(tree.folder, "rules", "remove", identifier, "--reason", "x").returncode == 0


def test_test_is_begun_anew_by_an_operator_with_a_reason_and_audited(tree: ProcessTree) -> None:
    result = strangler(tree.folder, "retest", "orders", "--reason", "release 42")
    assert result.returncode == 0, result.stderr
    assert "The paired test of orders begins anew" in result.stdout
    entry = ask(tree, "GET", "/api/audit?limit=1")[1]["entries"][0]
    assert (entry["who"], entry["action"], entry["subject"]) == ("ops", "test.restarted", "orders")
    assert entry["why"] == "release 42"
    first, second = (
        json.loads(strangler(tree.folder, "retest", "orders", "--reason", "x", "--json").stdout)["retest"]
        for _ in range(2)
    )
    assert second == {"route": "orders", "number": first["number"] + 1, "flagged_before": 0}
    assert strangler(tree.folder, "retest", "orders").returncode == 2
    unknown = strangler(tree.folder, "retest", "rest", "--reason", "x")
    assert unknown.returncode != 0
    assert "no route rest is compared" in unknown.stderr
    assert ask(tree, "POST", "/api/routes/orders/retest", {"reason": "x"}, token="look")[0] == 403
    assert ask(tree, "POST", "/api/routes/orders/retest", {"reason": " "})[0] == 400


def test_rules_come_from_a_file_too(tree: ProcessTree, tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("- {path: /a, ignore: true, expires: 2030-01-31}\n- {path: /b, unordered: true}\n")
    result = strangler(tree.folder, "rules", "add", "orders", "--file", str(file), "--reason", "x", "--yes", "--json")
    assert result.returncode == 0, result.stderr
    made = json.loads(result.stdout)
    assert [(rule["path"], rule["kind"]) for rule in made["rules"]] == [("/a", "ignore"), ("/b", "unordered")]
    for rule in made["rules"]:
        assert strangler(tree.folder, "rules", "remove", rule["id"], "--reason", "x").returncode == 0


def test_rule_is_not_accepted_unseen(tree: ProcessTree) -> None:
    rules = [{"path": "/total", "ignore": True}]
    body = {"route": "orders", "rules": rules, "reason": "x"}
    assert ask(tree, "POST", "/api/rules", body)[0] == 400
    proof = ask(tree, "POST", "/api/rules/prove", {"route": "orders", "rules": rules})[1]["proof"]
    other = {**body, "rules": [{"path": "", "ignore": True}], "proof": proof}
    status, answer = ask(tree, "POST", "/api/rules", other)
    assert (status, "other rules" in answer["detail"]) == (400, True)
    assert ask(tree, "POST", "/api/rules", {**body, "proof": proof, "reason": " "})[0] == 400
    assert live(tree) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["prove", "orders", "--rule", "{path: total, ignore: true}"], "is not a path"),
        (["prove", "orders", "--rule", "{path: /a, map: 'no.such.module:f'}"], "no.such.module"),
        (["prove", "orders", "--rule", "{"], "these are no rules"),
        (["prove", "orders"], "give a rule"),
        (["prove", "rest", "--rule", RULE], "no route rest is compared"),
        (["remove", "file:0", "--reason", "x"], "take it out there"),
        (["remove", "live:999", "--reason", "x"], "there is no rule live:999"),
        (["remove", "live:1"], "--reason"),
    ],
)
def test_what_cannot_be_is_said(tree: ProcessTree, arguments: list[str], words: str) -> None:
    result = strangler(tree.folder, "rules", *arguments)
    assert result.returncode == 2, result.stdout
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_viewer_changes_nothing(tree: ProcessTree) -> None:
    body = {"route": "orders", "rules": [{"path": "/a", "ignore": True}], "reason": "x", "proof": "x", "headers": []}
    changes = [
        ("POST", "/api/rules"), ("POST", "/api/rules/prove"), ("DELETE", "/api/rules/live:1"),
        ("POST", f"/api/exchanges/{shadow_store.EXCHANGE}/replay"),
    ]  # fmt: skip
    assert [ask(tree, method, path, body, token="look")[0] for method, path in changes] == [403] * 4
    result = strangler(tree.folder, "rules", "prove", "orders", "--rule", RULE, "--token", "look")
    assert result.returncode == 4
    assert "operator" in result.stderr


def test_replay_asks_both_arms_again_and_compares(tree: ProcessTree) -> None:
    result = strangler(tree.folder, "replay", shadow_store.EXCHANGE, "--json", "-H", "X-Extra: 7")
    assert result.returncode in {0, 1}, result.stderr
    data = json.loads(result.stdout)
    assert (data["was"], data["missing"]) == ("mismatch", ["authorization"])
    legacy, new = (data[arm]["document"] for arm in ("legacy", "new"))
    sent = [{name.lower(): value for name, value in one["headers"]} for one in (legacy, new)]
    assert [one["x-strangler-mirror"] for one in sent] == ["1", "1"]
    assert [one["x-extra"] for one in sent] == ["7", "7"]
    assert [one.get("x-arm") for one in sent] == [None, "new"]
    assert ask(tree, "GET", "/api/audit?limit=1")[1]["entries"][0]["action"] == "exchange.replayed"


def test_replay_says_what_is_missing(tree: ProcessTree) -> None:
    result = strangler(tree.folder, "replay", shadow_store.EXCHANGE)
    assert "tokens only: authorization" in result.stdout


def test_write_is_never_replayed(tree: ProcessTree) -> None:
    result = strangler(tree.folder, "replay", shadow_store.UNSAFE)
    assert result.returncode == 2
    assert "may change things" in result.stderr
