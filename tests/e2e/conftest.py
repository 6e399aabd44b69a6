"""What the end-to-end tests share: a thread for servers, the usual origins, and a proxy in front of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.echo_app import EchoOrigin
from support.loop_thread import LoopThread
from support.nginx_files import NginxFiles
from support.strangler_process import StranglerProcess
from support.websocket_origin import WebSocketOrigin


@pytest.fixture(scope="session")
def servers() -> Iterator[LoopThread]:
    """The loop that servers live on."""
    with LoopThread() as thread:
        yield thread


@pytest.fixture(scope="session")
def echo(servers: LoopThread) -> Iterator[EchoOrigin]:
    """An origin that says what reached it, under a name that no client of the proxy uses."""
    origin = servers.run(EchoOrigin(host="localhost").start())
    yield origin
    servers.run(origin.stop())


@pytest.fixture(scope="session")
def chat(servers: LoopThread) -> Iterator[WebSocketOrigin]:
    """An origin of WebSockets."""
    origin = servers.run(WebSocketOrigin().start())
    yield origin
    servers.run(origin.stop())


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NginxFiles]:
    """nginx with static files below `/files/`."""
    with NginxFiles(tmp_path_factory.mktemp("nginx")) as origin:
        (origin.files / "files").mkdir()
        yield origin


@pytest.fixture(scope="session")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, echo: EchoOrigin, chat: WebSocketOrigin, files: NginxFiles
) -> Iterator[StranglerProcess]:
    """`strangler run` before these origins: `/chat/…`, `/files/…`, and everything else to the echo."""
    config = {
        "limits": {"half_close_timeout": "500ms"},
        "services": {"echo": {"urls": [echo.url]}, "chat": {"urls": [chat.url]}, "files": {"urls": [files.url]}},
        "routes": [
            {"name": "chat", "match": {"path": "/chat/{rest...}"}, "legacy": "chat", "mode": "legacy"},
            {"name": "files", "match": {"path": "/files/{rest...}"}, "legacy": "files", "mode": "legacy"},
            {"name": "echo", "match": {"path": "/{rest...}"}, "legacy": "echo", "mode": "legacy"},
        ],
    }
    with StranglerProcess(tmp_path_factory.mktemp("gateway"), config) as running:
        yield running
