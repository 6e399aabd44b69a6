"""nginx as an origin of static files: ranges, validators, compression, keep-alive, as in production."""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path

from support.poll import poll
from support.programs import find_program

# nginx takes a request with Via for one of a proxy, and compresses nothing for those unless `gzip_proxied` says so.
CONFIGURATION = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  types {{ text/html html; text/plain txt; application/octet-stream bin; }}
  gzip on;
  gzip_proxied any;
  gzip_types text/plain;
  gzip_min_length 64;
  server {{
    listen 127.0.0.1:{port};
    root {folder}/files;
    location = /moved {{ return 301 /notes.txt; }}
  }}
}}
"""


class NginxFiles:
    """Serves `folder/files`. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "files"
        self.files.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> NginxFiles:
        path = self.folder / "nginx.conf"
        # The folders of tests are their owner's alone, and a master of root's drops to `nobody`.
        user = "user root;" if os.geteuid() == 0 else ""
        path.write_text(CONFIGURATION.format(folder=self.folder, port=self.port, user=user))
        program = find_program("nginx")
        assert program is not None
        self._process = subprocess.Popen([program, "-p", str(self.folder), "-c", str(path)], stderr=subprocess.DEVNULL)
        wait_for_port(self.port)
        return self

    def __exit__(self, *exc: object) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(10)


def free_port() -> int:
    """A port of the loopback that nobody listened on a moment ago: for programs that cannot be given port 0."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def wait_for_port(port: int, timeout_s: float = 10) -> None:
    """Returns once somebody accepts connections on the port."""

    def accepts() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True

    poll(accepts, f"nobody listens on port {port}", timeout_s)
