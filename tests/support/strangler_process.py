"""`strangler run` as a user starts it: a subprocess with a configuration file of its own."""

from __future__ import annotations

import dataclasses
import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil
import yaml
from prometheus_client.parser import text_string_to_metric_families

from support.nginx_files import free_port
from support.poll import poll


@dataclasses.dataclass(frozen=True)
class EndpointState:
    """What `/metrics` says of one URL of a service."""

    service: str
    url: str
    active: int
    idle: int
    pending: int
    healthy: bool


#: Five processes that import what they need, on a machine that is busy with other tests.
START_TIMEOUT_S = 90.0


class StranglerProcess:
    """The proxy with one worker (unless told otherwise). Use as a context manager.

    Attributes:
        config: the configuration as given, with `listen`, `control` and `log` filled in where left out.
        log: what it prints; the access log is `access` beside it.
        port, tls_ports: where it listens; a port for each entry of `tls`.
    """

    def __init__(
        self, folder: Path, config: dict[str, Any], *, tls: Sequence[dict[str, Any]] = (), descriptors_max: int = 0
    ) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.port, self.control_port = free_port(), free_port()
        self.tls_ports = [free_port() for _ in tls]
        listen: list[dict[str, Any]] = [{"address": f"127.0.0.1:{self.port}"}]
        listen += [
            {"address": f"127.0.0.1:{port}", "tls": part} for port, part in zip(self.tls_ports, tls, strict=True)
        ]
        self.config: dict[str, Any] = {
            "listen": listen,
            "workers": 1,
            "control": {"address": f"127.0.0.1:{self.control_port}"},
            "log": {"access": "access.log", "level": "info", "format": "json"},
            "shutdown": {"drain_timeout": "2s"},
            **config,
        }
        self.log = folder / "strangler.log"
        self.access = folder / "access.log"
        self._descriptors_max = descriptors_max
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The proxy as clients without TLS see it."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> tuple[str, int]:
        """The same for `RawClient.connect`."""
        return ("127.0.0.1", self.port)

    def write(self) -> None:
        """Writes `config` to the file that the proxy reads."""
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self.config, sort_keys=False))

    def __enter__(self) -> StranglerProcess:
        self.write()
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command(),
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            poll(self._is_ready, "strangler run is not ready", START_TIMEOUT_S)
        except AssertionError as error:
            self.__exit__()
            raise AssertionError(f"{error}\n{self.log.read_text()}") from None
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process is not None
        family = [] if self._process.poll() is not None else self._family()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            for member in family:
                member.kill()
            self._process.kill()
            self._process.wait(10)
            raise AssertionError(f"strangler run does not end on SIGTERM\n{self.log.read_text()}") from None

    def reload(self) -> None:
        """Writes `config` and sends SIGHUP."""
        self.write()
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def worker(self) -> psutil.Process:
        """The (first) worker's process."""
        found = poll(self._worker, "there is no worker")
        assert found is not None
        return found

    def descriptors(self) -> int:
        """How many file descriptors the worker has open."""
        return self.worker().num_fds()

    def resident_bytes(self) -> int:
        """The worker's resident memory."""
        status = Path(f"/proc/{self.worker().pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    def control(self, path: str) -> tuple[int, bytes]:
        """Asks the control API."""
        connection = http.client.HTTPConnection("127.0.0.1", self.control_port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def endpoints(self) -> list[EndpointState]:
        """The state of every URL of every service, as the worker told control last."""
        numbers = self._metrics()
        return [
            EndpointState(
                service=labels["service"],
                url=labels["url"],
                active=int(numbers["strangler_endpoint_connections", frozenset({**labels, "state": "active"}.items())]),
                idle=int(numbers["strangler_endpoint_connections", frozenset({**labels, "state": "idle"}.items())]),
                pending=int(pending),
                healthy=bool(numbers["strangler_endpoint_healthy_workers", key]),
            )
            for (name, key), pending in numbers.items()
            if name == "strangler_endpoint_requests_pending" and (labels := dict(key))
        ]

    def waiting(self, service: str) -> int:
        """How many requests wait for a connection to the service."""
        return int(self._metrics()["strangler_service_requests_waiting", frozenset({("service", service)})])

    def _metrics(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Every sample of `/metrics`, by name and labels."""
        families = text_string_to_metric_families(self.control("/metrics")[1].decode())
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value for one in families for sample in one.samples
        }

    def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"strangler run ended with {self._process.returncode}")
        try:
            return self.control("/readyz")[0] == 200
        except OSError:
            return False

    def _family(self) -> list[psutil.Process]:
        assert self._process is not None
        return psutil.Process(self._process.pid).children(recursive=True)

    def _worker(self) -> psutil.Process | None:
        for member in self._family():
            if "proxy.worker" in member.cmdline():
                return member
        return None

    def _command(self) -> list[str]:
        command = [str(Path(sys.executable).with_name("strangler")), "run", "config.yaml"]
        if self._descriptors_max:
            return ["sh", "-c", f'ulimit -n {self._descriptors_max}; exec "$@"', "sh", *command]
        return command


def environment() -> dict[str, str]:
    """The environment without the settings that send a client through somebody else's proxy."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
