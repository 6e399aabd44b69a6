"""A private PostgreSQL for tests: started when first asked for, one per test process, set to hurt.

Its time zone is New York's and it does not wait for the disk: a session that relies on the server's settings shows.
"""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from support.private_server import PrivateServer
from support.programs import find_program, require_program

#: Debian keeps the server's programs out of PATH, in a folder per version.
FOLDERS = "/usr/lib/postgresql"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_connections": "150",
    "shared_buffers": "128MB",
    "timezone": "America/New_York",
    "log_min_messages": "warning",
}


class PostgreSQL(PrivateServer):
    """One PostgreSQL server; everybody on the loopback may be its superuser `strangler`."""

    users = ("postgres", "nobody")
    stop_signal = signal.SIGINT
    orphan_signal = signal.SIGQUIT
    defaults = SETTINGS

    def prepare(self) -> None:
        options = ["--username=strangler", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        self.run([program("initdb"), *options, "-D", self.folder / "data"])

    def command(self) -> Sequence[str | Path]:
        settings = [part for name, value in self.settings.items() for part in ("-c", f"{name}={value}")]
        return [program("postgres"), "-D", self.folder / "data", "-k", self.folder, "-p", str(self.port), *settings]

    def answers(self) -> bool:
        return self._psql("SELECT 1", check=False)

    def create(self, name: str) -> None:
        self._psql(f'CREATE DATABASE "{name}"')

    def url(self, name: str) -> str:
        return f"postgresql://strangler@127.0.0.1:{self.port}/{name}"

    def _psql(self, statement: str, *, check: bool = True) -> bool:
        address = ["-h", str(self.folder), "-p", str(self.port), "-U", "strangler", "-d", "postgres"]
        done = self.run([program("psql"), "-X", "-q", *address, "-c", statement], check=check)
        return done.returncode == 0


def program(name: str) -> str:
    """The path of one of PostgreSQL's programs, of the newest version installed; of PATH where there is no such folder."""
    versions = sorted(Path(FOLDERS).glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]), reverse=True)
    found = str(versions[0]) if versions else shutil.which(name) or find_program(name)
    if found is None:
        require_program("postgres")
        raise AssertionError(f"PostgreSQL is installed without {name}")
    return found


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """A running PostgreSQL of this process; the test is skipped where none is installed."""
    program("initdb")
    server = PostgreSQL()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def postgresql_url(postgresql_server: PostgreSQL) -> str:
    """The URL of a new, empty PostgreSQL database."""
    return postgresql_server.fresh()
