"""The example shop behind the proxy, started by its own launcher with the config.yaml of the repository."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from pathlib import Path

from support.nginx_files import free_port
from support.poll import poll

ROOT = Path(__file__).resolve().parents[2]
PORTS = ("SHOP_PORT", "SHOP_CONTROL_PORT", "SHOP_LEGACY_PORT", "SHOP_CUSTOMERS_PORT", "SHOP_ORDERS_PORT")
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0


class ShopDemo:
    """`python -m shop.demo` on free ports, with stores of its own. Use as a context manager."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in PORTS}
        self.log = folder / "demo.out"
        self._arguments = arguments

    @property
    def url(self) -> str:
        """The shop, as a browser is told to open it: another host name than the one the monolith believes in."""
        return f"http://localhost:{self.ports['SHOP_PORT']}"

    def start(self) -> subprocess.Popen[bytes]:
        """Start the launcher; its output goes to `log`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "examples")}
        environment |= {name: str(port) for name, port in self.ports.items()}
        command = [sys.executable, "-m", "shop.demo", f"--var={self.folder}", *self._arguments]
        with self.log.open("wb") as log:
            return subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log)

    def __enter__(self) -> ShopDemo:
        self._process = self.start()
        try:
            poll(self._is_up, "the demo is not up", START_TIMEOUT_S)
        except AssertionError as error:
            self._stop()
            raise AssertionError(f"{error}\n{self.log.read_text()}") from None
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop()
        assert self._process.returncode == 0, self.log.read_text()

    def _stop(self) -> None:
        self._process.terminate()
        self._process.wait(STOP_TIMEOUT_S)

    def _is_up(self) -> bool:
        if self._process.poll() is not None:
            raise AssertionError(f"the demo ended with code {self._process.returncode}")
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["SHOP_PORT"], timeout=5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()
