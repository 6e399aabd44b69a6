"""TLS to services: verified before a byte is read, or the client gets a 502 that says why."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from support.authority import Authority
from support.curl import CurlResult, curl
from support.echo_app import EchoOrigin
from support.loop_thread import LoopThread
from support.strangler_process import StranglerProcess

pytestmark = pytest.mark.needs("curl")


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that the proxy trusts."""
    return Authority(tmp_path_factory.mktemp("known"), "known")


@pytest.fixture(scope="module")
def origins(
    tmp_path_factory: pytest.TempPathFactory, servers: LoopThread, known: Authority
) -> Iterator[dict[str, EchoOrigin]]:
    folder = tmp_path_factory.mktemp("origins")
    stranger = Authority(folder, "stranger")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.load_cert_chain(*known.issue("127.0.0.1"))
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
    contexts = {
        "good": known.server_context("127.0.0.1"),
        "old": old,
        "stranger": stranger.server_context("127.0.0.1"),
        "misnamed": known.server_context("orders.internal"),
        "expired": known.server_context("127.0.0.1", expired=True),
        "demanding": known.server_context("127.0.0.1", asks_client=True),
        "plain": None,
    }
    made = {name: servers.run(EchoOrigin(name).start(context)) for name, context in contexts.items()}
    yield made
    for origin in made.values():
        servers.run(origin.stop())


@pytest.fixture(scope="module")
def alerting(known: Authority) -> Iterator[str]:
    """The URL of a server that demands a certificate and, as OpenSSL does, says by an alert that it got no good one."""
    context = known.server_context("127.0.0.1", asks_client=True)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(5)
                    context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=refuse, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, origins: dict[str, EchoOrigin], alerting: str, known: Authority
) -> Iterator[StranglerProcess]:
    ca = str(known.file)
    stranger = Authority(tmp_path_factory.mktemp("eve"), "eve")
    eve, ours = (
        dict(zip(("certificate", "key"), map(str, authority.issue("proxy@strangler.example")), strict=True))
        for authority in (stranger, known)
    )

    def service(origin: str, **tls: Any) -> dict[str, Any]:
        url = origins[origin].url.replace("http:", "https:")
        return {"urls": [url], "connect_timeout": "2s", "response_timeout": "2s", "tls": {"ca": ca, **tls}}

    services = {
        "good": service("good"),
        "old": service("old"),
        "stranger": service("stranger"),
        "unverified": service("stranger", verify=False),
        "system": service("good", ca=None),
        "misnamed": service("misnamed"),
        "renamed": service("misnamed", server_name="orders.internal"),
        "expired": service("expired"),
        "demanding": service("demanding"),
        "introduced": service("demanding", **ours),
        "impostor": service("demanding", **eve),
        "plain": service("plain"),
        "alerting": {**service("demanding"), "urls": [alerting]},
        "alerting-eve": {**service("demanding", **eve), "urls": [alerting]},
    }
    config = {
        "services": services,
        "routes": [
            {"name": name, "match": {"path": f"/{name}/{{rest...}}"}, "legacy": name, "mode": "legacy"}
            for name in services
        ]
        + [{"name": "download", "match": {"path": "/download/{rest...}"}, "legacy": "good", "mode": "legacy"}],
    }
    with StranglerProcess(tmp_path_factory.mktemp("tls"), config) as running:
        yield running


def ask(gateway: StranglerProcess, service: str, *arguments: str) -> CurlResult:
    return curl("-i", *arguments, f"{gateway.url}/{service}/x")


@pytest.mark.parametrize(
    ("service", "origin"),
    [
        ("good", "good"),
        ("old", "old"),
        ("renamed", "misnamed"),
        ("unverified", "stranger"),
        ("introduced", "demanding"),
    ],
)
def test_service_that_proves_who_it_is_is_asked(gateway: StranglerProcess, service: str, origin: str) -> None:
    done = ask(gateway, service)
    assert done.output.startswith(b"HTTP/1.1 200 ")
    assert done.headers("X-Origin") == [origin]


def test_client_certificate_reaches_the_service(gateway: StranglerProcess) -> None:
    seen = curl(f"{gateway.url}/introduced/x").json()
    assert ["commonName", "proxy@strangler.example"] in seen["client_certificate"]


@pytest.mark.parametrize(
    ("service", "error"),
    [
        ("stranger", "tls_certificate_error"),
        ("system", "tls_certificate_error"),
        ("misnamed", "tls_certificate_error"),
        ("expired", "tls_certificate_error"),
        ("plain", "tls_protocol_error"),
    ],
)
def test_service_that_cannot_prove_it_gets_no_request(
    gateway: StranglerProcess, origins: dict[str, EchoOrigin], service: str, error: str
) -> None:
    before = {name: origin.requests for name, origin in origins.items()}
    done = ask(gateway, service, "-H", "Authorization: Bearer secret")
    assert done.output.startswith(b"HTTP/1.1 502 ")
    assert f"error={error}" in done.headers("Proxy-Status")[0]
    assert {name: origin.requests for name, origin in origins.items()} == before


@pytest.mark.parametrize("service", ["demanding", "impostor"])
def test_service_that_hangs_up_for_want_of_a_certificate_is_a_bad_gateway(
    gateway: StranglerProcess, origins: dict[str, EchoOrigin], service: str
) -> None:
    before = origins["demanding"].requests
    done = ask(gateway, service)
    assert done.output.startswith(b"HTTP/1.1 502 ")
    assert origins["demanding"].requests == before


@pytest.mark.parametrize("service", ["alerting", "alerting-eve"])
def test_service_that_refuses_our_certificate_by_an_alert_is_told_apart(
    gateway: StranglerProcess, service: str
) -> None:
    """In TLS 1.3 the alert comes after our side of the handshake, in the place of the response."""
    done = ask(gateway, service)
    assert done.output.startswith(b"HTTP/1.1 502 ")
    assert "error=tls_" in done.headers("Proxy-Status")[0]


def test_large_bodies_pass_both_ways(gateway: StranglerProcess) -> None:
    body = bytes(range(256)) * 20_000
    assert curl("-T", "-", f"{gateway.url}/good/x", stdin=body).json()["body"]["bytes"] == len(body)
    assert curl(f"{gateway.url}/download/5000000").output == bytes(5_000_000)


def test_connections_to_a_tls_service_are_used_again(gateway: StranglerProcess) -> None:
    urls = [f"{gateway.url}/good/{number}" for number in range(5)]
    peers = [curl(url).json()["peer"] for url in urls]
    assert len(set(peers)) == 1


def test_refusal_is_told_without_secrets(gateway: StranglerProcess) -> None:
    done = ask(gateway, "stranger")
    assert b"BEGIN CERTIFICATE" not in done.output
    assert b"/known.pem" not in done.output
