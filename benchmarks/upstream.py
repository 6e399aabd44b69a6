"""The upstream behind every entrant: nginx, which answers far faster than any proxy forwards.

A POST is read to its last byte before it is answered: `return` alone would answer first and discard the body while it
arrives, and then the row would measure early answers. The `mirror` module reads the whole body before the content
phase, and a POST to a static file then ends as 405, which is turned into the answer.
"""

from __future__ import annotations

import os
import urllib.request
from pathlib import Path

from benchmarks.cores import Cores
from benchmarks.payloads import BODY_1M, BODY_64K, JSON, POST_16K
from benchmarks.process import Program, find_program, free_port

CONFIG = """
daemon off;
worker_processes 1;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    default_type application/json;
    sendfile off;
    output_buffers 1 1100k;
    open_file_cache max=16;
    keepalive_requests 1000000000;
    client_body_buffer_size 64k;
    client_body_temp_path {folder}/body;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root {folder};
        location / {{ return 200 '{json}'; }}
        location = /handled {{ stub_status; }}
        location /varied {{ add_header X-Nonce $request_id; return 200 '{json}'; }}
        location /static/ {{ }}
        location = {post_path} {{ mirror /read; error_page 405 =200 @stored; }}
        location = /read {{ internal; return 204; }}
        location @stored {{ return 200 '{stored}'; }}
    }}
}}
"""

HINT = "apt-get install nginx"


def user_line() -> str:
    """Let nginx's worker keep root's rights where root runs it: it must reach the private folder of the run."""
    return "user root;" if os.geteuid() == 0 else ""


class Upstream:
    """One nginx that answers. A run has two: the one that proxies serve clients from, and one for copies alone."""

    def __init__(self, folder: Path, cores: Cores) -> None:
        nginx = find_program("nginx", HINT)
        folder.mkdir()
        self.port = free_port()
        self._write_files(folder)
        config = folder / "nginx.conf"
        config.write_text(
            CONFIG.format(
                user=user_line(),
                folder=folder,
                port=self.port,
                json=JSON.body.decode(),
                post_path=POST_16K.path,
                stored=POST_16K.body.decode(),
            )
        )
        self.program = Program(
            [nginx, "-e", f"{folder}/error.log", "-c", str(config)], core=cores.upstream, folder=folder
        )

    def _write_files(self, folder: Path) -> None:
        (folder / "static").mkdir()
        for work in (BODY_64K, BODY_1M):
            (folder / work.path.lstrip("/")).write_bytes(work.body)
        (folder / POST_16K.path.lstrip("/")).write_bytes(b"")

    def wait_ready(self) -> None:
        """Return once it answers."""
        self.program.wait_ready(self.port, JSON.path)

    def handled(self) -> int:
        """Requests until now, this one included."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/handled", timeout=5) as answer:
            lines: list[bytes] = answer.read().splitlines()
        return int(lines[2].split()[2])  # the line below "server accepts handled requests"

    def stop(self) -> None:
        """End it."""
        self.program.stop()
