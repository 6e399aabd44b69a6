"""Data planes in the test's own process, and the proof that nothing of them is left afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from pathlib import Path
from typing import Any

import orjson

from proxy.hop.accesslog import AccessLog
from proxy.hop.plane import DataPlane
from routes.config import Config
from routes.loading import load_config
from routes.table import compile_table
from support.raw_client import Address, RawClient
from support.waits import eventually


def config_for(url: str | list[str], **parts: Any) -> dict[str, Any]:
    """A configuration with one service and one route for everything; `parts` are merged in.

    Args:
        url: of the service, or several.
        parts: `service={…}` and `route={…}` are merged into the one service and route; the rest are top-level keys.
    """
    service = {"urls": [url] if isinstance(url, str) else url, **parts.pop("service", {})}
    route = {"name": "all", "match": {"path": "/**"}, "legacy": "legacy", "mode": "legacy", **parts.pop("route", {})}
    return {
        "listen": [{"address": "127.0.0.1:0"}],
        "services": {"legacy": service, **parts.pop("services", {})},
        "routes": [*parts.pop("routes_before", []), route],
        **parts,
    }


def make_config(given: str | dict[str, Any], folder: Path) -> Config:
    """The configuration as the program would load it from a file in `folder`."""
    text = given if isinstance(given, str) else json.dumps(given)
    return load_config(text, name="test.yaml", folder=folder, env=os.environ)


class Proxy:
    """One running data plane.

    Attributes:
        address: of the (first) listening socket.
        plane: the data plane.
    """

    def __init__(self, plane: DataPlane, config: Config, log: AccessLog, log_file: Path) -> None:
        self.plane = plane
        self.config = config
        self.addresses: list[Address] = []
        self._clients: list[RawClient] = []
        self._log = log
        self._log_file = log_file
        self._version = 1

    @property
    def address(self) -> Address:
        return self.addresses[0]

    @property
    def access_lines(self) -> list[dict[str, Any]]:
        """Every access log line until now, parsed."""
        self._log.flush()
        if not self._log_file.exists():
            return []
        return [orjson.loads(line) for line in self._log_file.read_bytes().splitlines()]

    async def connect(self) -> RawClient:
        """A raw client connection to it; ends with the test at the latest."""
        client = await RawClient.connect(self.address)
        self._clients.append(client)
        return client

    async def install(self, given: str | dict[str, Any]) -> None:
        """Reload: put another configuration in force."""
        self.config = make_config(given, self._log_file.parent)
        self._version += 1
        await self.plane.install(self.config, compile_table(self.config, self._version))

    async def close(self) -> None:
        """Stop it.

        Raises:
            AssertionError: sockets, tasks or requests of the data plane are left.
        """
        for client in self._clients:
            client.abort()
        await self.plane.close()
        self._log.close(5.0)
        try:
            await eventually(lambda: not self._sockets() and not _tasks(), 2.0)
        except AssertionError:
            raise AssertionError(f"left after close: sockets {self._sockets()}, tasks {_tasks()}") from None
        assert self.plane.metrics.active == 0, "a request was begun and never ended, or ended twice"

    def _sockets(self) -> list[tuple[Any, Any]]:
        """Sockets in this process that are the data plane's: those whose own end is its listening address, and those
        that lead to one of its services."""
        own = set(self.addresses)
        services = {(url.host, url.port) for service in self.plane_services() for url in service.urls}
        return [ends for ends in _tcp_sockets() if ends[0] in own or ends[1] in services]

    def plane_services(self) -> list[Any]:
        return list(compile_table(self.config).services.values())


#: Packages of `proxy` that make up a data plane.
_PARTS = ("hop", "mirroring")


class PlaneFactory:
    """Starts data planes: `plane = await proxy(config)`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._proxies: list[Proxy] = []

    async def __call__(self, given: str | dict[str, Any], *, comparer: Path | None = None) -> Proxy:
        """Start one with this configuration (text or dict), listening wherever the system finds a port.

        Args:
            given: the configuration.
            comparer: the socket to which mirrored requests go.
        """
        config = make_config(given, self._folder)
        log_file = self._folder / f"access-{len(self._proxies)}.log"
        log = AccessLog(str(log_file), format="json")
        path = None if comparer is None else str(comparer)
        plane = DataPlane(config, compile_table(config, 1), access_log=log, comparer=path)
        proxy = Proxy(plane, config, log, log_file)
        self._proxies.append(proxy)
        await plane.start()
        for listen in config.listen:
            sock = socket.create_server((listen.host, listen.port), backlog=2048)
            proxy.addresses.append(sock.getsockname()[:2])
            await plane.listen(sock, listen)
            sock.close()
        return proxy

    async def once(self, given: str | dict[str, Any]) -> Proxy:
        """The same on the first call; that proxy again on later ones, for the examples of a property."""
        return self._proxies[0] if self._proxies else await self(given)

    async def close(self) -> None:
        """Stop all of them; see `Proxy.close`."""
        for proxy in self._proxies:
            await proxy.close()


def _tasks() -> list[str]:
    """Tasks whose coroutine is code of the data plane."""
    found = []
    for task in asyncio.all_tasks():
        code = getattr(task.get_coro(), "cr_code", None)
        ours = code is not None and any(f"{os.sep}proxy{os.sep}{part}{os.sep}" in code.co_filename for part in _PARTS)
        if ours and not task.done():
            found.append(repr(task))
    return found


def _tcp_sockets() -> list[tuple[Any, Any]]:
    """(own end, other end) of every TCP socket of this process."""
    found: list[tuple[Any, Any]] = []
    for name in os.listdir("/proc/self/fd"):
        try:
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
            sock = socket.socket(fileno=os.dup(int(name)))
        except OSError:
            continue
        with sock:
            if sock.family not in {socket.AF_INET, socket.AF_INET6} or sock.type != socket.SOCK_STREAM:
                continue
            found.append((sock.getsockname()[:2], _peer(sock)))
    return found


def _peer(sock: socket.socket) -> Any:
    try:
        return sock.getpeername()[:2]
    except OSError:
        return None
