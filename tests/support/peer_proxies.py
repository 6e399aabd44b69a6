"""nginx and HAProxy in front of the same kind of upstream, to see what they make of the same bytes."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from support.nginx_files import free_port
from support.programs import find_program
from support.raw_client import RawClient
from support.waits import eventually

NGINX = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  underscores_in_headers on;
  client_header_timeout 3s;
  client_body_timeout 3s;
  proxy_read_timeout 3s;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Connection "";
      proxy_pass http://127.0.0.1:{upstream};
    }}
  }}
}}
"""

HAPROXY = """
global
  maxconn 512
defaults
  mode http
  timeout client 3s
  timeout server 3s
  timeout connect 3s
  timeout http-request 3s
frontend f
  bind 127.0.0.1:{port}
  default_backend b
backend b
  http-reuse never
  server s 127.0.0.1:{upstream}
"""


class PeerProxy:
    """One of the two. Use as an async context manager.

    Attributes:
        name: `nginx` or `haproxy`.
        address: where it listens.
    """

    def __init__(self, name: str, upstream_port: int, folder: Path) -> None:
        self.name = name
        self.address = ("127.0.0.1", free_port())
        self._upstream_port = upstream_port
        self._folder = folder / name
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> PeerProxy:
        self._folder.mkdir(parents=True, exist_ok=True)
        text = {"nginx": NGINX, "haproxy": HAPROXY}[self.name].format(
            folder=self._folder,
            port=self.address[1],
            upstream=self._upstream_port,
            user="user root;" if os.geteuid() == 0 else "",
        )
        path = self._folder / "configuration"
        path.write_text(text)
        program = find_program(self.name)
        assert program is not None
        arguments = ["-p", str(self._folder), "-c", str(path)] if self.name == "nginx" else ["-db", "-f", str(path)]
        quiet = asyncio.subprocess.DEVNULL
        self._process = await asyncio.create_subprocess_exec(program, *arguments, stdout=quiet, stderr=quiet)
        await eventually(self._accepts, 10)
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._process is not None
        self._process.terminate()
        await self._process.wait()

    async def _accepts(self) -> bool:
        try:
            client = await RawClient.connect(self.address)
        except OSError:
            return False
        client.abort()
        return True
