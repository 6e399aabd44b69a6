"""Stopping: what is under way finishes, what is new is refused, and nobody waits for ever."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.echo_app import EchoOrigin
from support.gateway_config import one_route
from support.loop_thread import LoopThread
from support.poll import poll
from support.process_tree import ProcessTree


class SlowRequest:
    """A request whose response goes on until `finish`."""

    def __init__(self, tree: ProcessTree, echo: EchoOrigin, servers: LoopThread) -> None:
        self._echo, self._servers = echo, servers
        before = echo.streams_open
        self.connection = http.client.HTTPConnection("127.0.0.1", tree.port, timeout=20)
        self.connection.request("GET", "/events")
        self.response = self.connection.getresponse()
        poll(lambda: echo.streams_open > before, "the request did not arrive")

    def finish(self) -> bytes:
        for text in ("last", "end"):
            self._servers.run(self._echo.send_event(text))
        body = self.response.read()
        self.connection.close()
        return body


@pytest.fixture
def tree(tmp_path: Path, echo: EchoOrigin) -> Iterator[ProcessTree]:
    with ProcessTree(tmp_path, one_route(echo.url, workers=2, shutdown={"drain_timeout": "20s"})) as running:
        yield running


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_lets_a_slow_response_finish(
    tree: ProcessTree, echo: EchoOrigin, servers: LoopThread, number: signal.Signals
) -> None:
    slow = SlowRequest(tree, echo, servers)
    tree.signal(number)
    tree.until_event("worker.drain.started", 2)
    assert tree.supervisor.poll() is None
    assert slow.finish() == b"data: last\n\n"
    assert tree.ended() == 0
    assert [event["cut"] for event in tree.events("worker.drain.ended")] == [0, 0]


def test_while_it_drains_new_connections_are_refused_and_it_is_not_ready(
    tree: ProcessTree, echo: EchoOrigin, servers: LoopThread
) -> None:
    slow = SlowRequest(tree, echo, servers)
    tree.signal(signal.SIGTERM)
    poll(lambda: is_refused(tree.port), "it still listens")
    status, body = tree.control("/readyz")
    assert (status, json.loads(body)["draining"]) == (503, True)
    slow.finish()
    assert tree.ended() == 0


def test_idle_connections_do_not_hold_up_the_stop(tree: ProcessTree) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", tree.port, timeout=10)
    connection.request("GET", "/echo")
    connection.getresponse().read()
    tree.signal(signal.SIGTERM)
    assert tree.ended(10) == 0
    assert connection.sock.recv(1) == b""
    connection.close()


def test_what_takes_longer_than_the_drain_timeout_is_cut(tmp_path: Path, echo: EchoOrigin, servers: LoopThread) -> None:
    with ProcessTree(tmp_path, one_route(echo.url, shutdown={"drain_timeout": "100ms"})) as tree:
        slow = SlowRequest(tree, echo, servers)
        tree.signal(signal.SIGTERM)
        assert tree.ended(10) == 0
        assert tree.events("worker.drain.ended")[0]["cut"] == 1
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            slow.response.read()
        slow.connection.close()
    poll(lambda: echo.streams_open == 0, "the service was not told")


def test_second_signal_ends_it_at_once(tree: ProcessTree, echo: EchoOrigin, servers: LoopThread) -> None:
    slow = SlowRequest(tree, echo, servers)
    tree.signal(signal.SIGTERM)
    tree.until_event("worker.drain.started", 2)
    tree.signal(signal.SIGTERM)
    assert tree.ended(5) == 1
    slow.connection.close()
    slow.response.close()
    poll(lambda: echo.streams_open == 0, "the service was not told")


def test_ctrl_c_in_a_terminal_reaches_all_processes_and_still_drains(
    tree: ProcessTree, echo: EchoOrigin, servers: LoopThread
) -> None:
    slow = SlowRequest(tree, echo, servers)
    os.killpg(tree.supervisor.pid, signal.SIGINT)
    tree.until_event("worker.drain.started", 2)
    assert slow.finish() == b"data: last\n\n"
    assert tree.ended() == 0


def test_log_is_reopened_on_usr1_after_it_was_moved_away(tree: ProcessTree) -> None:
    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", tree.port, timeout=10)
        connection.request("GET", "/echo")
        connection.getresponse().read()
        connection.close()

    ask()
    poll(lambda: tree.access.exists() and tree.access.read_bytes().count(b"\n") == 1, "no line was written")
    moved = tree.access.rename(tree.folder / "access.log.1")
    tree.signal(signal.SIGUSR1)
    poll(tree.access.exists, "no new file was opened")

    def new_line() -> bool:
        ask()  # each worker opens the file in its own time
        return tree.access.read_bytes().count(b"\n") > 0

    poll(new_line, "nothing was written to the new file")
    assert moved.read_bytes().count(b"\n") >= 1
