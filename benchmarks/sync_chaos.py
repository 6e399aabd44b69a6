"""Chaos of record sync on real databases: `python -m benchmarks.sync_chaos --runs 200`.

Each run: two tables with a sync that goes both ways, writers on both sides, the syncer killed with SIGKILL at random
points five times. In the end both stores must be what the history says, and no change may have been given to a store
twice or out of order. Private servers are started from the installed programs and are gone afterwards.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import click

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.mariadb_server import MariaDB  # noqa: E402 - of the tests
from support.postgresql_server import PostgreSQL  # noqa: E402

SERVERS = {"postgresql": PostgreSQL, "mariadb": MariaDB}
STORES = click.Choice([*SERVERS, "sqlite"])


@click.command(help=__doc__)
@click.option("--legacy", type=STORES, default="mariadb", show_default=True)
@click.option("--new", type=STORES, default="postgresql", show_default=True)
@click.option("--first", default=0, show_default=True, help="Seed of the first run.")
@click.option("--runs", default=200, show_default=True)
def main(legacy: str, new: str, first: int, runs: int) -> None:
    """Start what is needed, play, and say how it went."""
    servers = {name: SERVERS[name]() for name in {legacy, new} if name in SERVERS}
    with tempfile.TemporaryDirectory() as folder:
        try:
            for server in servers.values():
                server.start()
            urls = [
                servers[name].fresh() if name in servers else f"sqlite:///{folder}/{side}.db"
                for name, side in ((legacy, "legacy"), (new, "new"))
            ]
            results = list(_played(urls, folder, first, first + runs))
        finally:
            for server in servers.values():
                server.stop()
    wrong = [result for result in results if result["wrong"]]
    kills = sum(result["killed"] for result in results)
    click.echo(f"{legacy} <-> {new}: {len(results)} runs, {kills} kills, {len(wrong)} with differences")
    sys.exit(bool(wrong) or len(results) < runs)


def _played(urls: list[str], folder: str, first: int, last: int):  # noqa: ANN202 - an iterator of dicts from JSON
    command = [sys.executable, "-m", "support.sync_chaos", *urls, folder, str(first), str(last)]
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            result = json.loads(line)
            if result["wrong"]:
                click.echo(line.rstrip())
            yield result


if __name__ == "__main__":
    main()
