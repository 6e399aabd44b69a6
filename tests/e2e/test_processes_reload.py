"""Reload: what is open stays open, what is wrong is refused, and the table before serves on."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.sync.client import connect

from support.authority import Authority
from support.echo_app import EchoOrigin
from support.gateway_config import one_route
from support.loop_thread import LoopThread
from support.poll import poll
from support.process_tree import ProcessTree
from support.steady_load import SteadyLoad
from support.websocket_origin import WebSocketOrigin


@pytest.fixture(scope="module")
def other(servers: LoopThread) -> Iterator[EchoOrigin]:
    """A second origin, to reload to."""
    origin = servers.run(EchoOrigin("other").start())
    yield origin
    servers.run(origin.stop())


@pytest.fixture
def tree(tmp_path: Path, echo: EchoOrigin) -> Iterator[ProcessTree]:
    with ProcessTree(tmp_path, one_route(echo.url, workers=2)) as running:
        yield running


def answered_by(connection: http.client.HTTPConnection) -> str | None:
    connection.request("GET", "/echo")
    response = connection.getresponse()
    response.read()
    return response.headers["X-Origin"]


def send_to(tree: ProcessTree, origin: EchoOrigin) -> None:
    tree.config["services"]["legacy"]["urls"] = [origin.url]


def connect_tls(tree: ProcessTree, authority: Authority) -> tuple[ssl.SSLSocket, str]:
    """A TLS connection to the proxy, and the serial number of the certificate that it shows."""
    context = ssl.create_default_context(cafile=str(authority.file))
    plain = socket.create_connection(("127.0.0.1", tree.tls_ports[0]), 10)
    wrapped = context.wrap_socket(plain, server_hostname="shop.example")
    return wrapped, str((wrapped.getpeercert() or {})["serialNumber"])


def status_over(connection: ssl.SSLSocket) -> bytes:
    connection.sendall(b"GET /echo HTTP/1.1\r\nHost: shop.example\r\n\r\n")
    return connection.recv(12)


def metric(tree: ProcessTree, sample: str) -> float:
    answers: list[bytes] = []

    def ask() -> bool:
        status, body = tree.control("/metrics")
        answers.append(body)
        return status == 200

    poll(ask, "no metrics")
    body = answers[-1]
    return next(float(line.rpartition(" ")[2]) for line in body.decode().splitlines() if line.startswith(sample))


def test_reload_keeps_connections_and_serves_their_next_request_by_the_new_table(
    tree: ProcessTree, other: EchoOrigin
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", tree.port, timeout=10)
    assert answered_by(connection) == "origin"
    sock = connection.sock

    send_to(tree, other)
    tree.reload()
    tree.until_event("config.reload.applied")

    assert answered_by(connection) == "other"
    assert connection.sock is sock
    connection.close()


def test_reload_keeps_websockets(tree: ProcessTree, chat: WebSocketOrigin, other: EchoOrigin) -> None:
    tree.config["services"]["chat"] = {"urls": [chat.url]}
    tree.config["routes"].insert(0, {"name": "chat", "match": {"path": "/chat/**"}, "legacy": "chat"})
    tree.reload()
    tree.until_event("config.reload.applied")
    with connect(f"ws://127.0.0.1:{tree.port}/chat/echo") as talk:
        talk.send("before")
        assert talk.recv(5) == "before"
        del tree.config["routes"][0]
        del tree.config["services"]["chat"]
        tree.reload()
        tree.until_event("config.reload.applied", 2)
        talk.send("after")
        assert talk.recv(5) == "after"


def test_reloads_under_load_disturb_nobody(tree: ProcessTree, echo: EchoOrigin, other: EchoOrigin) -> None:
    with SteadyLoad(tree.port, keep_alive=True) as kept, SteadyLoad(tree.port) as fresh:
        for count in range(1, 7):
            send_to(tree, other if count % 2 else echo)
            tree.reload()
            tree.until_event("config.reload.applied", count)
    assert (kept.failures, fresh.failures) == ({}, {})
    assert min(kept.answered, fresh.answered) > 20


def test_file_that_is_replaced_is_picked_up_without_a_signal(tree: ProcessTree, other: EchoOrigin) -> None:
    send_to(tree, other)
    text = tree.file.with_name("config.new")
    before = tree.file.read_bytes()
    tree.write()
    text.write_bytes(tree.file.read_bytes())
    tree.file.write_bytes(before)
    os.replace(text, tree.file)
    assert tree.until_event("config.reload.applied")["reason"] == "file"
    assert tree.status()["config"]["version"] == 2


def test_swapped_config_map_is_picked_up(tmp_path: Path, echo: EchoOrigin, other: EchoOrigin) -> None:
    tree = ProcessTree(tmp_path, one_route(echo.url))
    tree.write()
    for name in ("..1", "..2"):
        (tmp_path / name).mkdir()
    tree.file.rename(tmp_path / "..1" / "config.yaml")
    (tmp_path / "..data").symlink_to("..1")
    tree.file.symlink_to("..data/config.yaml")
    with tree:
        second = tmp_path / "..2" / "config.yaml"
        second.write_text((tmp_path / "..1" / "config.yaml").read_text().replace(echo.url, other.url))
        (tmp_path / "..data_tmp").symlink_to("..2")
        os.replace(tmp_path / "..data_tmp", tmp_path / "..data")
        assert tree.until_event("config.reload.applied")["reason"] == "file"


def test_bad_file_is_refused_and_the_table_before_serves_on(tree: ProcessTree, echo: EchoOrigin) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", tree.port, timeout=10)
    send_to(tree, echo)
    tree.config["routes"][0]["legacy"] = "nowhere"
    tree.reload()

    refused = tree.until_event("config.reload.refused")
    assert refused["problems"][0]["path"] == "routes[0].legacy"
    assert answered_by(connection) == "origin"
    status = tree.status()
    assert status["ready"]
    assert status["config"]["version"] == 1
    assert "there is no service nowhere" in status["config"]["last_reload"]["text"]
    assert status["problems"] == ["The last reload was refused; table 1 serves on."]
    assert metric(tree, "strangler_config_refused") == 1
    assert metric(tree, 'strangler_reloads_total{outcome="refused"}') >= 1

    tree.config["routes"][0]["legacy"] = "legacy"
    tree.reload()
    tree.until_status(lambda now: now["problems"] == [])
    assert metric(tree, "strangler_config_refused") == 0
    connection.close()


def test_worker_that_dies_while_the_file_is_broken_comes_back_with_the_table_in_force(
    tree: ProcessTree, echo: EchoOrigin
) -> None:
    tree.file.write_text("routes: [")
    tree.signal(signal.SIGHUP)
    tree.until_event("config.reload.refused")
    tree.worker().kill()
    tree.until_event("worker.ready", 3)
    status = tree.until_status(lambda now: all(worker["state"] == "ready" for worker in now["workers"]))
    assert [worker["version"] for worker in status["workers"]] == [1, 1]


@pytest.mark.parametrize(
    ("part", "value", "named"),
    [
        ("workers", 3, "workers"),
        ("listen", [{"address": "127.0.0.1:0"}], "listen"),
        ("control", {"address": "127.0.0.1:0"}, "control.address"),
        ("log", {"access": "off"}, "log.access"),
    ],
)
def test_change_that_needs_a_restart_is_refused_by_name(
    tree: ProcessTree, part: str, value: object, named: str
) -> None:
    tree.config[part] = value
    tree.reload()
    problems = tree.until_event("config.reload.refused")["problems"]
    assert [problem["path"] for problem in problems] == [named]
    assert "SIGUSR2" in problems[0]["hint"]


def test_renewed_certificate_is_served_after_the_signal_and_open_connections_live_on(
    tmp_path: Path, echo: EchoOrigin
) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("shop.example")
    files = {"certificates": [{"certificate": str(certificate), "key": str(key)}]}
    with ProcessTree(tmp_path, one_route(echo.url), tls=[files]) as tree:
        old, serial = connect_tls(tree, authority)
        authority.issue("shop.example")
        tree.signal(signal.SIGHUP)
        tree.until_event("config.reload.applied")
        new, renewed = connect_tls(tree, authority)
        with old, new:
            assert renewed != serial
            assert status_over(old) == status_over(new) == b"HTTP/1.1 200"


def test_certificate_that_does_not_fit_its_key_is_refused_on_reload(tmp_path: Path, echo: EchoOrigin) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue("shop.example")
    files = {"certificates": [{"certificate": str(certificate), "key": str(key)}]}
    with ProcessTree(tmp_path, one_route(echo.url), tls=[files]) as tree:
        certificate.write_bytes(authority.issue("other.example")[0].read_bytes())
        tree.signal(signal.SIGHUP)
        assert "listen" in tree.until_event("config.reload.refused")["problems"][0]["path"]
        poll(lambda: tree.status()["ready"], "it does not serve on")
