"""Listening sockets: bound, inherited, or refused with words."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from proxy.listening import ListenError, bind_all, bound_address, close_all, explain
from proxy.takeover import VARIABLE, Inheritance, TakeoverError
from routes.config import Listen


def test_port_zero_becomes_a_real_one_and_backlog_is_open() -> None:
    sockets = bind_all([Listen(address="127.0.0.1:0")])
    address = bound_address(sockets["127.0.0.1:0"])
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), 5).close()
    close_all(sockets)
    assert int(port) > 0


def test_inherited_socket_is_used_as_it_is_and_one_that_is_no_longer_configured_is_closed() -> None:
    kept, dropped = socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
    sockets = bind_all([Listen(address="127.0.0.1:8080")], {"127.0.0.1:8080": kept, "127.0.0.1:8081": dropped})
    assert sockets == {"127.0.0.1:8080": kept}
    assert dropped.fileno() == -1
    close_all(sockets)


def test_failure_closes_what_was_bound_before() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with socket.create_server(("127.0.0.1", 0)) as probe:
            free = probe.getsockname()[1]
        with pytest.raises(ListenError, match=f"127.0.0.1:{port}: address already in use"):
            bind_all([Listen(address=f"127.0.0.1:{free}"), Listen(address=f"127.0.0.1:{port}")])
        socket.create_server(("127.0.0.1", free)).close()


def test_ipv6_address_is_written_with_brackets() -> None:
    sockets = bind_all([Listen(address="[::1]:0")])
    assert bound_address(sockets["[::1]:0"]).startswith("[::1]:")
    close_all(sockets)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EADDRINUSE, "ss -ltnp 'sport = :443'"),
        (errno.EACCES, "CAP_NET_BIND_SERVICE"),
        (errno.EADDRNOTAVAIL, "ip address"),
        (errno.EMFILE, "Check the address"),
    ],
)
def test_refusal_says_where_why_and_what_to_do(number: int, words: str) -> None:
    text = explain(Listen(address="0.0.0.0:443"), OSError(number, "x"))
    assert text.startswith(f"cannot listen on 0.0.0.0:443: {os.strerror(number).lower()}")
    assert words in text


def test_host_that_does_not_resolve_is_said() -> None:
    with pytest.raises(ListenError, match="cannot be resolved"):
        bind_all([Listen(address="nowhere.invalid:8080")])


def test_first_supervisor_inherits_nothing() -> None:
    inheritance = Inheritance.from_environment({})
    assert inheritance.sockets == {}
    inheritance.report_ready()


@pytest.mark.parametrize("value", ["", "[]", "{}", '{"sockets": {"a": 4242}, "ready_fd": 4243}', "no json"])
def test_inheritance_that_makes_no_sense_is_refused(value: str) -> None:
    environ = {VARIABLE: value}
    with pytest.raises(TakeoverError, match=VARIABLE):
        Inheritance.from_environment(environ)
    assert environ == {}
