"""Processes that die: the data plane outlives control, the port outlives a worker, nobody outlives the supervisor."""

from __future__ import annotations

import http.client
import signal
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


def requests_total(tree: ProcessTree) -> float | None:
    """The sum of strangler_requests_total; None while control does not answer."""
    try:
        status, body = tree.control("/metrics")
    except OSError:
        return None
    lines = [line for line in body.decode().splitlines() if line.startswith("strangler_requests_total")]
    return sum(float(line.rpartition(" ")[2]) for line in lines) if status == 200 else None


def test_killed_worker_costs_its_own_requests_only_and_comes_back(tree: ProcessTree) -> None:
    with SteadyLoad(tree.port, threads=4) as load:
        for count in range(1, 4):
            load.until_answered(20)
            victim = tree.members("proxy.worker")[0]
            victim.kill()
            tree.until_event("worker.ready", 2 + count)
    assert "ConnectionRefusedError" not in load.failures
    # Each kill can cut what each of the four clients had under way, and nothing else.
    assert sum(load.failures.values()) <= 3 * 4
    status = tree.until_status(lambda now: [worker["state"] for worker in now["workers"]] == ["ready", "ready"])
    assert sum(worker["restarts"] for worker in status["workers"]) == 3


def test_counters_do_not_go_backwards_when_a_worker_dies(tree: ProcessTree) -> None:
    with SteadyLoad(tree.port, threads=2) as load:
        load.until_answered(50)
    poll(lambda: requests_total(tree) == load.answered, "not every request was counted")
    for victim in tree.members("proxy.worker"):
        victim.kill()
    tree.until_event("worker.ready", 4)
    assert requests_total(tree) == load.answered


def test_counters_do_not_go_backwards_when_a_worker_and_then_control_dies(tree: ProcessTree) -> None:
    with SteadyLoad(tree.port, threads=2) as load:
        load.until_answered(50)
    poll(lambda: requests_total(tree) == load.answered, "not every request was counted")
    tree.members("proxy.worker")[0].kill()
    tree.until_event("worker.ready", 3)
    tree.members("proxy.control")[0].kill()
    tree.until_event("control.listening", 2)
    assert poll(lambda: requests_total(tree), "control does not come back") == load.answered


def test_killed_control_does_not_touch_traffic_and_comes_back(tree: ProcessTree) -> None:
    with SteadyLoad(tree.port, keep_alive=True) as load:
        for count in range(2, 4):
            load.until_answered(20)
            tree.members("proxy.control")[0].kill()
            tree.until_event("control.listening", count)
    assert load.failures == {}
    status = tree.until_status(lambda now: now["ready"])
    assert status["control_restarts"] == 2
    assert [worker["restarts"] for worker in status["workers"]] == [0, 0]


def test_reload_asked_for_while_control_is_dead_is_done_when_it_is_back(tree: ProcessTree) -> None:
    control = tree.members("proxy.control")[0]
    control.send_signal(signal.SIGSTOP)
    tree.config["routes"][0]["name"] = "renamed"
    tree.reload()
    control.kill()
    tree.until_event("config.reload.applied")
    status, body = tree.control("/api/routes")
    assert (status, b"renamed" in body) == (200, True)


def test_workers_finish_and_exit_when_the_supervisor_is_killed(
    tree: ProcessTree, echo: EchoOrigin, servers: object
) -> None:
    workers, control = tree.members("proxy.worker"), tree.members("proxy.control")
    connection = http.client.HTTPConnection("127.0.0.1", tree.port, timeout=10)
    connection.request("GET", "/events")
    response = connection.getresponse()
    poll(lambda: echo.streams_open == 1, "the slow request did not arrive")
    tree.signal(signal.SIGKILL)
    tree.until_event("worker.drain.started", 2)
    echo_end(echo, servers)
    assert response.read() == b"data: last\n\n"
    connection.close()
    poll(lambda: not any(alive(process) for process in (*workers, *control)), "processes are left")


def echo_end(echo: EchoOrigin, servers: object) -> None:
    servers.run(echo.send_event("last"))  # type: ignore[attr-defined]
    servers.run(echo.send_event("end"))  # type: ignore[attr-defined]


def alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
