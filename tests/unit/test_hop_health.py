from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from proxy.hop.health import HealthChecker, Verdict
from proxy.hop.tls import client_context
from routes.config import ServiceTls
from routes.model import HealthModel, ServiceModel, Url
from support.authority import Authority
from support.waits import eventually

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def url_of(port: int, *, scheme: str = "http", base_path: bytes = b"", host: str = "127.0.0.1") -> Url:
    authority = f"{host}:{port}".encode()
    return Url(scheme, host, port, authority, base_path, f"{scheme}://{host}:{port}{base_path.decode()}")


def service_of(
    *urls: Url, tls: ServiceTls | None = None, host_header: str | bytes = "client", **health
) -> ServiceModel:
    settings = {
        "path": "/healthz",
        "interval_s": 0.01,
        "timeout_s": 5.0,
        "unhealthy_after": 2,
        "healthy_after": 2,
    }
    return ServiceModel(
        name="orders",
        urls=urls,
        connect_timeout_s=1,
        response_timeout_s=1,
        idle_timeout_s=1,
        tunnel_idle_timeout_s=1,
        connections_max=1,
        queue_max=1,
        queue_timeout_s=1,
        idle_connections_max=1,
        keepalive_s=1,
        health=HealthModel(**(settings | health)),
        breaker=None,
        host_header=host_header,
        tls=tls or ServiceTls(),
        retry_budget_share=0.2,
        retry_budget_minimum=3,
    )


@contextlib.asynccontextmanager
async def serving(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """An aiohttp server for any path; yields its port."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return await handler(request)

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def serving_raw(answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]):
    async def serve(reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await answer(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class Checks:
    """A checker that runs, and what it reported."""

    def __init__(self, service: ServiceModel, context: ssl.SSLContext | None = None) -> None:
        self.reports: list[tuple[Url, bool]] = []
        self._checker = HealthChecker(service, lambda url, healthy: self.reports.append((url, healthy)), context)

    async def __aenter__(self) -> Checks:
        self.task = asyncio.get_running_loop().create_task(self._checker.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self.task

    async def reported(self, *verdicts: bool) -> None:
        await eventually(lambda: self.task.done() or len(self.reports) >= len(verdicts))
        if self.task.done():
            await self.task
        assert tuple(healthy for _, healthy in self.reports) == verdicts


class Switch:
    """Answers with the status that is set, and counts."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.requests: list[web.Request] = []
        self.under_way = 0
        self.under_way_most = 0

    async def __call__(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        headers = {"Location": "/elsewhere"} if 300 <= self.status < 400 else {}
        return web.Response(status=self.status, headers=headers)

    async def asked(self, more: int) -> None:
        goal = len(self.requests) + more
        await eventually(lambda: len(self.requests) >= goal)


def test_a_verdict_changes_after_results_in_a_row_only():
    verdict = Verdict(unhealthy_after=3, healthy_after=2)
    assert verdict.healthy
    changes = [verdict.add(ok=ok) for ok in (False, False, True, False, False, False, True, False, True, True)]
    assert changes == [False, False, False, False, False, True, False, False, False, True]
    assert verdict.healthy


async def test_an_endpoint_goes_and_comes_back():
    switch = Switch(503)
    async with serving(switch) as port:
        url = url_of(port)
        with capture_logs() as events:
            async with Checks(service_of(url)) as checks:
                await checks.reported(False)
                switch.status = 204
                await checks.reported(False, True)
                await switch.asked(5)
        assert checks.reports == [(url, False), (url, True)], "only changes are reported"
    changes = [event for event in events if event["event"] == "service.health.changed"]
    assert [(event["healthy"], event["reason"], event["log_level"]) for event in changes] == [
        (False, "status 503", "warning"),
        (True, None, "info"),
    ]
    assert {event["url"] for event in changes} == {url.text}


@pytest.mark.parametrize("status", [200, 204, 301, 399])
async def test_2xx_and_3xx_are_healthy_and_redirects_are_not_followed(status):
    switch = Switch(status)
    async with serving(switch) as port, Checks(service_of(url_of(port), unhealthy_after=1)) as checks:
        await switch.asked(4)
        assert checks.reports == []
        assert {request.path for request in switch.requests} == {"/healthz"}


@pytest.mark.parametrize("status", [400, 404, 500, 503, 599])
async def test_other_statuses_are_failures(status):
    async with serving(Switch(status)) as port, Checks(service_of(url_of(port))) as checks:
        await checks.reported(False)


async def test_the_request_is_what_is_configured():
    switch = Switch()
    async with serving(switch) as port:
        service = service_of(
            url_of(port, base_path=b"/app%20one"), path="/health%2Fz?deep=a%20b", host_header=b"orders.example"
        )
        async with Checks(service):
            await switch.asked(2)
    request = switch.requests[0]
    assert request.raw_path == "/app%20one/health%2Fz?deep=a%20b"
    assert request.method == "GET"
    assert request.headers.getall("Host") == ["orders.example"]
    assert request.headers["User-Agent"] == "strangler-health"
    assert "Cookie" not in switch.requests[1].headers


async def test_a_refused_connection_is_a_failure(unused_tcp_port):
    async with Checks(service_of(url_of(unused_tcp_port))) as checks:
        await checks.reported(False)


async def test_a_service_that_hangs_is_a_failure():
    async def hang(reader, writer):
        await reader.read()

    async with serving_raw(hang) as port:
        with capture_logs() as events:
            async with Checks(service_of(url_of(port), timeout_s=0.05)) as checks:
                await checks.reported(False)
    assert events[0]["reason"] == "no answer within 0.05 s"


async def test_a_body_that_stalls_is_a_failure():
    async def stall(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await reader.read()

    async with serving_raw(stall) as port, Checks(service_of(url_of(port), timeout_s=0.05)) as checks:
        await checks.reported(False)


@pytest.mark.parametrize(
    "answer",
    [
        b"\x00\xffnonsense\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"",
    ],
)
async def test_garbage_is_a_failure(answer):
    async def send(reader, writer):
        writer.write(answer)
        await writer.drain()

    async with serving_raw(send) as port, Checks(service_of(url_of(port))) as checks:
        await checks.reported(False)


async def test_an_endless_body_is_read_in_part_only():
    sent = asyncio.Event()

    async def flood(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(OSError):
            while True:
                writer.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
                await writer.drain()
        sent.set()

    async with serving_raw(flood) as port, Checks(service_of(url_of(port), unhealthy_after=1)) as checks:
        await asyncio.wait_for(sent.wait(), 5)
        assert checks.reports == []


async def test_compressed_bodies_are_not_inflated():
    async def bomb(request):
        return web.Response(body=b"not gzip at all", headers={"Content-Encoding": "gzip"})

    switch = Switch()

    async def both(request):
        await switch(request)
        return await bomb(request)

    async with serving(both) as port, Checks(service_of(url_of(port), unhealthy_after=1)) as checks:
        await switch.asked(3)
        assert checks.reports == []


async def test_checks_of_one_endpoint_never_overlap_and_those_of_others_do_not_wait():
    slow, fast = Switch(), Switch()
    release = asyncio.Event()

    async def hold(request):
        slow.under_way += 1
        slow.under_way_most = max(slow.under_way_most, slow.under_way)
        await release.wait()
        slow.under_way -= 1
        return await slow(request)

    async with (
        serving(hold) as slow_port,
        serving(fast) as fast_port,
        Checks(service_of(url_of(slow_port), url_of(fast_port))),
    ):
        await fast.asked(10)
        assert slow.under_way == 1
        release.set()
        await slow.asked(5)
    assert slow.under_way_most == 1


async def test_each_check_is_a_connection_of_its_own():
    ports = []

    async def note(request):
        ports.append(request.transport.get_extra_info("peername")[1])
        return web.Response()

    async with serving(note) as port, Checks(service_of(url_of(port))):
        await eventually(lambda: len(ports) >= 3)
    assert len(set(ports)) == len(ports)


async def test_https_endpoints_are_verified_under_the_configured_name(tmp_path):
    authority = Authority(tmp_path)
    switch = Switch()
    async with serving(switch, authority.server_context("orders.internal")) as port:
        tls = ServiceTls.model_validate({"ca": str(authority.file), "server_name": "orders.internal"})
        service = service_of(url_of(port, scheme="https"), tls=tls, unhealthy_after=1)
        async with Checks(service, client_context(tls)) as checks:
            await switch.asked(3)
            assert checks.reports == []
        wrong = ServiceTls.model_validate({"ca": str(authority.file)})
        service = service_of(url_of(port, scheme="https"), tls=wrong)
        async with Checks(service, client_context(wrong)) as checks:
            await checks.reported(False)


async def test_cancellation_ends_the_checks_under_way():
    arrived, gone = asyncio.Event(), asyncio.Event()

    async def hang(reader, writer):
        arrived.set()
        await reader.read()
        gone.set()

    async with serving_raw(hang) as port:
        async with Checks(service_of(url_of(port))) as checks:
            await asyncio.wait_for(arrived.wait(), 5)
        assert checks.task.cancelled()
        await asyncio.wait_for(gone.wait(), 5)


async def test_a_service_without_health_settings_is_not_checked():
    service = dataclasses.replace(service_of(url_of(1)), health=None)
    async with Checks(service) as checks:
        await asyncio.wait_for(checks.task, 1)
