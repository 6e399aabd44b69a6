"""The example shop behind the proxy, started by its own launcher with the config.yaml of the repository."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from support.nginx_files import free_port
from support.poll import poll

ROOT = Path(__file__).resolve().parents[2]
PORTS = ("SHOP_PORT", "SHOP_CONTROL_PORT", "SHOP_LEGACY_PORT", "SHOP_CUSTOMERS_PORT", "SHOP_ORDERS_PORT")
#: Longer than the demo waits for its four processes itself: where it gives up, it says why.
START_TIMEOUT_S = 500.0
STOP_TIMEOUT_S = 90.0
#: The end of what it prints once everything is ready.
WELCOME = "Ctrl-C ends everything."


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
            poll(lambda: self.said(WELCOME), "the demo is not up", START_TIMEOUT_S)
        except AssertionError:
            self.stop()
            raise
        return self

    def said(self, words: str) -> bool:
        """Whether it has printed this by now; fails where it has ended."""
        self.check()
        return words in self.log.read_text()

    def check(self) -> None:
        """Fail where it has ended, with what it printed."""
        code = self._process.poll()
        assert code is None, f"the demo ended with code {code}\n{self.log.read_text()}"

    def __exit__(self, *exc: object) -> None:
        self.stop()
        assert self._process.returncode == 0, self.log.read_text()

    def stop(self) -> None:
        """End it, as a person would, and wait until everything of it has ended."""
        self._process.terminate()
        self._process.wait(STOP_TIMEOUT_S)
