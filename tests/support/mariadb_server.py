"""A private MariaDB for tests: started when first asked for, one per test process, set to hurt.

Its time zone, character set and SQL mode are those of a legacy system: a session that relies on them shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from support.private_server import PrivateServer
from support.programs import find_program, require_program

SETTINGS = {
    "bind-address": "127.0.0.1",
    "skip-log-bin": None,
    "skip-name-resolve": None,
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-doublewrite": "0",
    "innodb-buffer-pool-size": "128M",
    "innodb-log-file-size": "64M",
    "max-connections": "150",
    "local-infile": "1",
    "default-time-zone": "-05:00",
    "character-set-server": "latin1",
    "sql-mode": "",
}


class MariaDB(PrivateServer):
    """One MariaDB server; everybody on the loopback may be its `root`, without a password."""

    users = ("mysql", "nobody")
    defaults = SETTINGS
    dash = "-"

    def prepare(self) -> None:
        options = ["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]
        self.run([program("mariadb-install-db"), *options, f"--datadir={self.folder / 'data'}"])

    def command(self) -> Sequence[str | Path]:
        settings = [f"--{name}" if value is None else f"--{name}={value}" for name, value in self.settings.items()]
        places = {"datadir": "data", "socket": "mysqld.sock", "pid-file": "mysqld.pid", "tmpdir": ""}
        paths = [f"--{name}={self.folder / place}" for name, place in places.items()]
        return [program("mariadbd"), "--no-defaults", f"--port={self.port}", *paths, *settings]

    def answers(self) -> bool:
        return self._client("SELECT 1", check=False)

    def create(self, name: str) -> None:
        self._client(f"CREATE DATABASE `{name}`")

    def url(self, name: str) -> str:
        return f"mysql://root@127.0.0.1:{self.port}/{name}"

    def _client(self, statement: str, *, check: bool = True) -> bool:
        address = ["--no-defaults", f"--socket={self.folder / 'mysqld.sock'}", "--user=root"]
        return self.run([program("mariadb"), *address, "-e", statement], check=check).returncode == 0


def program(name: str) -> str:
    """The path of one of MariaDB's programs; the test is skipped where there is none."""
    found = find_program(name)
    if found is None:
        require_program("mariadbd")
        raise AssertionError(f"MariaDB is installed without {name}")
    return found


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[MariaDB]:
    """A running MariaDB of this process; the test is skipped where none is installed."""
    program("mariadbd")
    server = MariaDB()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def mariadb_url(mariadb_server: MariaDB) -> str:
    """The URL of a new, empty MariaDB database."""
    return mariadb_server.fresh()
