"""HAProxy: one thread, reused upstream connections, a JSON line per request.

HAProxy cannot write files; its `log stdout` with standard output pointing at a file is the cheapest way to one. It
writes each line by itself, as it would to a syslog socket.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from benchmarks.peers.base import POOL, Entrant, first_line
from benchmarks.process import find_program

HINT = "apt-get install haproxy"

CONFIG = """
global
    nbthread 1
    maxconn 8192
    log stdout len 4096 format raw local0 info

defaults
    mode http
    log global
    timeout connect 5s
    timeout client 75s
    timeout server 60s
    timeout http-keep-alive 75s
    option http-keep-alive
    http-reuse safe
    option forwardfor
    unique-id-format %{{+X}}o%ci:%cp-%Ts-%rt
    unique-id-header X-Request-Id
    log-format '{{"timestamp":"%tr","event":"request.completed","service":"%b","url":"%s","method":"%HM","path":"%HP","query":"%HQ","status":%ST,"bytes_in":%U,"bytes_out":%B,"queue_ms":%Tw,"connect_ms":%Tc,"first_byte_ms":%Tr,"total_ms":%Ta,"retries":%rc,"client_ip":"%ci","protocol":"%HV","request_id":"%ID"}}'

frontend front
    bind 127.0.0.1:{port} backlog 4096
    http-request set-header X-Forwarded-Proto http
    default_backend service

backend service
    server one 127.0.0.1:{upstream_port} pool-max-conn {pool}
"""  # noqa: E501  (HAProxy's log-format is one line)


class Haproxy(Entrant):
    """HAProxy with one thread."""

    name: ClassVar[str] = "haproxy"

    def command(self) -> Sequence[str]:
        """Write haproxy.cfg; HAProxy in the foreground, its standard output is the access log."""
        haproxy = find_program("haproxy", HINT)
        text = CONFIG.format(port=self.port, upstream_port=self.place.upstream_port, pool=POOL)
        return [haproxy, "-db", "-f", self.write("haproxy.cfg", text)]

    @classmethod
    def version(cls) -> str:
        """`haproxy -v`."""
        return first_line([find_program("haproxy", HINT), "-v"])
