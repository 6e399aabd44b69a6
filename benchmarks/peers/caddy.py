"""Caddy: Go's scheduler on one core, its own JSON access log, upstream keep-alive pool."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from benchmarks.peers.base import POOL, Entrant, first_line
from benchmarks.process import find_program

HINT = "apt-get install caddy"

CONFIG = """
{{
    admin off
    auto_https off
    log {{
        output file {folder}/caddy.log
    }}
}}
http://:{port} {{
    bind 127.0.0.1
    log {{
        output file {folder}/access.log {{
            roll_disabled
        }}
        format json
    }}
    reverse_proxy 127.0.0.1:{upstream_port} {{
        transport http {{
            keepalive 60s
            keepalive_idle_conns {pool}
            keepalive_idle_conns_per_host {pool}
            compression off
        }}
    }}
}}
"""


class Caddy(Entrant):
    """Caddy with everything else at its default. Its metrics stay off: they are off by default, and cost it much."""

    name: ClassVar[str] = "caddy"

    def command(self) -> Sequence[str]:
        """Write the Caddyfile; Caddy in the foreground."""
        caddy = find_program("caddy", HINT)
        text = CONFIG.format(
            folder=self.place.folder, port=self.port, upstream_port=self.place.upstream_port, pool=POOL
        )
        return [caddy, "run", "--adapter", "caddyfile", "--config", self.write("Caddyfile", text)]

    def environment(self) -> dict[str, str]:
        """Keep Caddy's state inside the folder of the run; as many Go threads as the one core it has."""
        folder = str(self.place.folder)
        return {"HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder, "GOMAXPROCS": "1"}

    @classmethod
    def version(cls) -> str:
        """`caddy version`."""
        return "caddy " + first_line([find_program("caddy", HINT), "version"])
