"""What a client gets when a service misbehaves, and that the worker is as before afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from support.curl import CurlResult, curl
from support.fault_origin import FaultOrigin
from support.leaks import LeakCheck
from support.loop_thread import LoopThread
from support.nginx_files import free_port
from support.poll import poll
from support.strangler_process import StranglerProcess

pytestmark = pytest.mark.needs("curl")

PARTIAL_FILE, RECEIVE_FAILED = 18, 56


@pytest.fixture(scope="module")
def origin(servers: LoopThread) -> Iterator[FaultOrigin]:
    server = servers.run(FaultOrigin().start())
    yield server
    servers.run(server.stop())


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, origin: FaultOrigin) -> Iterator[StranglerProcess]:
    timeouts = {"connect_timeout": "1s", "response_timeout": "1s", "idle_timeout": "1s"}
    config = {
        "services": {
            "faulty": {"urls": [origin.url], **timeouts},
            "down": {"urls": [f"http://127.0.0.1:{free_port()}"], **timeouts},
            "nameless": {"urls": ["http://no-such-host.invalid"], **timeouts},
        },
        "routes": [
            {"name": name, "match": {"path": f"/{name}/{{rest...}}"}, "legacy": name, "mode": "legacy"}
            for name in ("faulty", "down", "nameless")
        ],
    }
    with StranglerProcess(tmp_path_factory.mktemp("faults"), config) as running:
        assert curl(f"{running.url}/faulty/ok").output == b"ok"
        yield running


@pytest.fixture(scope="module")
def leaks(gateway: StranglerProcess, origin: FaultOrigin) -> LeakCheck:
    return LeakCheck(gateway, [origin])


@pytest.fixture(autouse=True)
def at_rest(leaks: LeakCheck, gateway: StranglerProcess) -> Iterator[None]:
    yield
    leaks.settle()
    assert curl(f"{gateway.url}/faulty/ok").output == b"ok"


def problem_of(done: CurlResult) -> tuple[int, dict[str, Any], str]:
    """Status, problem document and Proxy-Status of an answer of the proxy's own."""
    head, _, body = done.output.partition(b"\r\n\r\n")
    assert done.headers("Content-Type") == ["application/problem+json"]
    (proxy_status,) = done.headers("Proxy-Status")
    return int(head.split(b" ")[1]), json.loads(body), proxy_status


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        ("close-before-head", 502, "connection_terminated"),
        ("close-in-head", 502, "connection_terminated"),
        ("reset-before-head", 502, "connection_terminated"),
        ("reset-in-head", 502, "connection_terminated"),
        ("garbage", 502, "http_protocol_error"),
        ("garbage-in-chunk", 502, "http_protocol_error"),
        ("endless-head", 502, "http_response_header_section_size"),
        ("hang-before-head", 504, "http_response_timeout"),
        ("hang-in-head", 504, "http_response_timeout"),
    ],
)
def test_fault_before_the_body_is_answered_by_the_proxy(
    gateway: StranglerProcess, fault: str, status: int, error: str
) -> None:
    done = curl("-i", f"{gateway.url}/faulty/{fault}")
    got, problem, proxy_status = problem_of(done)
    assert got == status
    assert problem["status"] == status
    assert "faulty" in proxy_status
    assert f"error={error}" in proxy_status


@pytest.mark.parametrize(
    "fault",
    [
        "close-in-body",
        "reset-in-body",
        "hang-in-body",
        "close-in-chunk",
        "close-between-chunks",
        "hang-in-chunk",
    ],
)
def test_fault_within_the_body_is_seen_by_the_client(gateway: StranglerProcess, fault: str) -> None:
    done = curl(f"{gateway.url}/faulty/{fault}")
    assert done.code in (PARTIAL_FILE, RECEIVE_FAILED)
    # A reset may overtake what was sent before it.
    assert done.output == b"first half" or (fault == "reset-in-body" and done.output == b"")


def test_garbage_after_a_good_beginning_cuts_the_response(gateway: StranglerProcess) -> None:
    done = curl(f"{gateway.url}/faulty/garbage-after-chunk")
    assert done.code in (PARTIAL_FILE, RECEIVE_FAILED)
    assert b"zz" not in done.output


def test_http_1_0_client_sees_the_fault_too(gateway: StranglerProcess) -> None:
    """A body that ends with the connection has no other way to say that it is not whole than a reset."""
    done = curl("--http1.0", f"{gateway.url}/faulty/close-between-chunks")
    assert done.code == RECEIVE_FAILED


@pytest.mark.parametrize(("service", "error"), [("down", "connection_refused"), ("nameless", "dns_error")])
def test_service_that_cannot_be_reached_is_a_bad_gateway(gateway: StranglerProcess, service: str, error: str) -> None:
    status, problem, proxy_status = problem_of(curl("-i", f"{gateway.url}/{service}/x"))
    assert (status, problem["status"]) == (502, 502)
    assert service in proxy_status
    assert f"error={error}" in proxy_status


def test_upload_to_a_service_that_is_down_is_answered(gateway: StranglerProcess) -> None:
    done = curl("-o", "/dev/null", "-w", "%{http_code}", "-T", "-", f"{gateway.url}/down/x", stdin=bytes(5 << 20))
    assert done.output == b"502"


def test_bytes_that_nobody_asked_for_reach_nobody(gateway: StranglerProcess, origin: FaultOrigin) -> None:
    for _ in range(3):
        assert curl(f"{gateway.url}/faulty/unasked-for").output == b"ok"
        assert curl(f"{gateway.url}/faulty/ok").output == b"ok"


def test_service_that_answers_before_the_upload_is_done(gateway: StranglerProcess, origin: FaultOrigin) -> None:
    done = curl("-w", " %{http_code}", "-T", "-", f"{gateway.url}/faulty/early-close", stdin=bytes(3 << 20))
    assert done.output == b"origin 413"


def test_response_of_the_service_passes_even_if_it_is_an_error(gateway: StranglerProcess) -> None:
    done = curl("-i", f"{gateway.url}/faulty/unavailable")
    assert done.output.startswith(b"HTTP/1.1 503 ")
    assert done.output.endswith(b"\r\n\r\ndown")


def test_service_that_hangs_is_let_go(gateway: StranglerProcess, origin: FaultOrigin) -> None:
    origin.visits.clear()
    curl(f"{gateway.url}/faulty/hang-in-body")
    (visit,) = origin.named("hang-in-body")
    poll(lambda: visit.let_go, "the connection to the service stays open")


def test_service_that_comes_back_is_used_again(
    gateway: StranglerProcess, origin: FaultOrigin, servers: LoopThread
) -> None:
    servers.run(origin.stop())
    try:
        status, _, _ = problem_of(curl("-i", f"{gateway.url}/faulty/ok"))
    finally:
        servers.run(origin.start())
    assert status == 502
    assert curl(f"{gateway.url}/faulty/ok").output == b"ok"


def test_browser_gets_a_page(gateway: StranglerProcess) -> None:
    done = curl("-i", "-H", "Accept: text/html,application/xhtml+xml,*/*;q=0.8", f"{gateway.url}/down/x")
    assert done.output.startswith(b"HTTP/1.1 502 ")
    assert done.headers("Content-Type")[0].startswith("text/html")


def test_each_fault_leaves_one_line_in_the_access_log(gateway: StranglerProcess) -> None:
    curl(f"{gateway.url}/faulty/garbage?mark=logged")

    def lines() -> list[dict[str, Any]]:
        written = gateway.access.read_text().splitlines() if gateway.access.exists() else []
        return [line for line in map(json.loads, written) if "mark=logged" in line["path"] + line.get("query", "")]

    (line,) = poll(lines, "no line in the access log")
    assert line["event"] == "request.completed"
    assert (line["route"], line["service"], line["status"]) == ("faulty", "faulty", 502)
    assert line["error"] == "http_protocol_error"
