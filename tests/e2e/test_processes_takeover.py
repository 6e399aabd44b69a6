"""SIGUSR2: a new supervisor takes the sockets over, and no client notices."""

from __future__ import annotations

import http.client
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from support.echo_app import EchoOrigin
from support.gateway_config import one_route
from support.poll import poll
from support.process_tree import ProcessTree
from support.steady_load import SteadyLoad


@pytest.fixture
def tree(tmp_path: Path, echo: EchoOrigin) -> Iterator[ProcessTree]:
    with ProcessTree(tmp_path, one_route(echo.url, workers=2)) as running:
        yield running


def end(pid: int) -> None:
    """Stops a successor, which is no child of the test."""
    process = psutil.Process(pid)
    process.send_signal(signal.SIGTERM)
    poll(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE, "the successor does not end")


def test_takeover_under_load_refuses_and_breaks_nothing(tree: ProcessTree) -> None:
    successors: list[int] = []
    try:
        with SteadyLoad(tree.port, threads=3) as fresh, SteadyLoad(tree.port, threads=2, keep_alive=True) as kept:
            fresh.until_answered(20)
            tree.signal(signal.SIGUSR2)
            successors.append(tree.until_event("takeover.completed")["pid"])
            assert tree.ended() == 0
            fresh.until_answered(50)
            status = tree.until_status(lambda now: now["ready"] and now["supervisor_pid"] == successors[0])
            assert len(status["workers"]) == 2
    finally:
        for successor in successors:
            end(successor)
    assert fresh.failures == {}
    # A request may meet the close of the idle connection that it was sent on, as with any server that goes.
    assert set(kept.failures) <= {"RemoteDisconnected", "ConnectionResetError", "BrokenPipeError"}
    assert sum(kept.failures.values()) <= 2


def test_takeover_applies_what_a_reload_cannot(tree: ProcessTree) -> None:
    tree.config["workers"] = 1
    tree.write()
    tree.until_event("config.reload.refused")
    tree.signal(signal.SIGUSR2)
    successor = tree.until_event("takeover.completed")["pid"]
    try:
        assert tree.ended() == 0
        assert len(tree.until_status(lambda now: now["supervisor_pid"] == successor)["workers"]) == 1
    finally:
        end(successor)


def test_response_under_way_is_finished_by_the_old_one(tree: ProcessTree, echo: EchoOrigin, servers: object) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", tree.port, timeout=20)
    connection.request("GET", "/events")
    response = connection.getresponse()
    poll(lambda: echo.streams_open == 1, "the request did not arrive")
    tree.config["shutdown"] = {"drain_timeout": "20s"}
    tree.signal(signal.SIGUSR2)
    successor = tree.until_event("takeover.completed")["pid"]
    try:
        for text in ("last", "end"):
            servers.run(echo.send_event(text))  # type: ignore[attr-defined]
        assert response.read() == b"data: last\n\n"
        connection.close()
        assert tree.ended() == 0
    finally:
        end(successor)


def test_successor_that_cannot_start_leaves_the_old_one_serving(tree: ProcessTree) -> None:
    tree.file.write_text("routes: [")
    with SteadyLoad(tree.port, threads=2) as load:
        load.until_answered(10)
        tree.signal(signal.SIGUSR2)
        assert tree.until_event("takeover.failed")["why"] == "it ended"
        load.until_answered(20)
    assert load.failures == {}
    assert tree.status()["supervisor_pid"] == tree.supervisor.pid
    assert tree.supervisor.poll() is None


def test_second_takeover_follows_the_first(tree: ProcessTree) -> None:
    tree.signal(signal.SIGUSR2)
    first = tree.until_event("takeover.completed")["pid"]
    tree.until_status(lambda now: now["supervisor_pid"] == first)
    os.kill(first, signal.SIGUSR2)
    second = tree.until_event("takeover.completed", 2)["pid"]
    try:
        assert tree.until_status(lambda now: now["supervisor_pid"] == second)["ready"]
    finally:
        end(second)


def test_stop_during_a_takeover_stops_the_successor_too(tree: ProcessTree) -> None:
    tree.signal(signal.SIGUSR2)
    successor = psutil.Process(tree.until_event("takeover.started")["pid"])
    tree.signal(signal.SIGTERM)
    assert tree.ended() == 0
    poll(lambda: not successor.is_running() or successor.status() == psutil.STATUS_ZOMBIE, "the successor lives on")


def test_systemd_is_told_who_serves(tmp_path: Path, echo: EchoOrigin, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with ProcessTree(tmp_path, one_route(echo.url)) as tree:
            assert systemd.recv(4096) == f"MAINPID={tree.supervisor.pid}\nREADY=1".encode()
            tree.signal(signal.SIGUSR2)
            successor = tree.until_event("takeover.completed")["pid"]
            assert systemd.recv(4096) == f"MAINPID={successor}\nREADY=1".encode()
            assert tree.ended() == 0
            end(successor)
            assert systemd.recv(4096) == b"STOPPING=1"
