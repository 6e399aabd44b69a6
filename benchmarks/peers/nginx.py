"""nginx: one worker, keep-alive pool to the upstream, JSON access log in blocks.

`proxy_buffering` stays at its default (on, 8 buffers of a page), so that large answers take the way they take in most
installations; `NginxUnbuffered` shows the other setting beside it. POST bodies go with `proxy_request_buffering off`,
as the bar says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from benchmarks.peers.base import POOL, Entrant, first_line
from benchmarks.process import find_program
from benchmarks.upstream import HINT, user_line

CONFIG = """
daemon off;
worker_processes 1;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
    log_format json escape=json '{{"timestamp":"$time_iso8601","event":"request.completed","url":"$upstream_addr",'
        '"method":"$request_method","host":"$host","path":"$request_uri","status":$status,"bytes_in":$request_length,'
        '"bytes_out":$bytes_sent,"connect_s":"$upstream_connect_time","first_byte_s":"$upstream_header_time",'
        '"total_s":$request_time,"client_ip":"$remote_addr","protocol":"$server_protocol","request_id":"$request_id"}}';
    access_log {folder}/access.log json buffer=64k flush=1s;
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    tcp_nodelay on;
    upstream service {{
        server 127.0.0.1:{upstream_port};
        keepalive {pool};
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_set_header X-Request-Id $request_id;
        proxy_buffering {buffering};
        location / {{ proxy_pass http://service; }}
        location /post {{ proxy_pass http://service; proxy_request_buffering off; }}
    }}
}}
"""


class Nginx(Entrant):
    """nginx as most people run it."""

    name: ClassVar[str] = "nginx"
    buffering: ClassVar[str] = "on"

    def command(self) -> Sequence[str]:
        """Write nginx.conf; nginx in the foreground."""
        nginx = find_program("nginx", HINT)
        folder = self.place.folder
        config = self.write(
            "nginx.conf",
            self.configured(
                CONFIG.format(
                    user=user_line(), folder=folder, port=self.port, upstream_port=self.place.upstream_port, pool=POOL,
                    buffering=self.buffering,
                )
            ),
        )  # fmt: skip
        return [nginx, "-e", f"{folder}/error.log", "-c", config]

    def configured(self, text: str) -> str:
        """The configuration as this variant has it."""
        return text

    @classmethod
    def version(cls) -> str:
        """`nginx -v`."""
        return first_line([find_program("nginx", HINT), "-v"])


class NginxUnbuffered(Nginx):
    """nginx with `proxy_buffering off`: no temporary files, a pass per read."""

    name: ClassVar[str] = "nginx-unbuffered"
    buffering: ClassVar[str] = "off"
