"""TLS to a service is verified before a byte of its response is read, or of a request sent."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from support.proxy_plane import config_for
from support.raw_client import send_raw

GET = b"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: secret\r\n\r\n"


class TlsServer:
    """Answers everything with 200 at once, even before a request, as an attacker in the middle would."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.received = b""
        self.port = 0
        self._context = context
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> TlsServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.received += await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return str(tmp_path / "ca.pem")


def server_context(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


async def ask(proxy, server: TlsServer, tls: dict[str, object]) -> int:
    plane = await proxy(config_for(f"https://127.0.0.1:{server.port}", service={"tls": tls}))
    return (await send_raw(plane.address, [GET], [b"GET"])).status


async def test_service_with_a_good_certificate_is_used(proxy, authority, ca_file):
    async with TlsServer(server_context(authority, "127.0.0.1")) as server:
        assert await ask(proxy, server, {"ca": ca_file}) == 200
        assert server.received.startswith(b"GET / HTTP/1.1")


async def test_service_whose_certificate_nobody_signed_is_a_502(proxy, authority):
    async with TlsServer(server_context(authority, "127.0.0.1")) as server:
        assert await ask(proxy, server, {}) == 502
        assert server.received == b""


async def test_service_whose_certificate_is_for_another_is_a_502(proxy, authority, ca_file):
    async with TlsServer(server_context(authority, "other.example")) as server:
        assert await ask(proxy, server, {"ca": ca_file}) == 502
        assert server.received == b""


async def test_service_is_known_by_the_name_that_is_configured(proxy, authority, ca_file):
    async with TlsServer(server_context(authority, "orders.example")) as server:
        assert await ask(proxy, server, {"ca": ca_file, "server_name": "orders.example"}) == 200
    async with TlsServer(server_context(authority, "127.0.0.1")) as server:
        assert await ask(proxy, server, {"ca": ca_file, "server_name": "orders.example"}) == 502


async def test_verification_can_be_turned_off(proxy, authority):
    async with TlsServer(server_context(authority, "other.example")) as server:
        assert await ask(proxy, server, {"verify": False}) == 200


async def test_plain_text_injected_before_the_handshake_is_no_response(proxy):
    """What CVE-2026-1642 of nginx let pass: an answer in clear text on a connection that was to be TLS."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        await reader.read(1 << 16)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    plane = await proxy(config_for(f"https://127.0.0.1:{port}"))
    outcome = await send_raw(plane.address, [GET], [b"GET"])
    assert outcome.status == 502
    assert b"evil" not in outcome.raw
    server.close()


async def test_handshake_that_hangs_is_a_504(proxy):
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(-1)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    plane = await proxy(config_for(f"https://127.0.0.1:{port}", service={"connect_timeout": "300ms"}))
    assert (await send_raw(plane.address, [GET], [b"GET"])).status == 504
    server.close()


async def test_client_certificate_is_shown(proxy, authority, ca_file, tmp_path):
    cert = authority.issue_cert("proxy.example")
    cert.private_key_pem.write_to_path(str(tmp_path / "proxy.key"))
    cert.cert_chain_pems[0].write_to_path(str(tmp_path / "proxy.crt"))
    context = server_context(authority, "127.0.0.1")
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    async with TlsServer(context) as server:
        shown = {"certificate": str(tmp_path / "proxy.crt"), "key": str(tmp_path / "proxy.key")}
        assert await ask(proxy, server, {"ca": ca_file, **shown}) == 200
        assert await ask(proxy, server, {"ca": ca_file}) == 502
