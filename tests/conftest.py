"""What every test of the project may use: uvloop, programs that may be missing, a scripted upstream, the data plane."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio
import uvloop
from hypothesis import HealthCheck, settings

from support.mariadb_server import mariadb_server, mariadb_url  # noqa: F401  (fixtures)
from support.postgresql_server import postgresql_server, postgresql_url  # noqa: F401  (fixtures)
from support.programs import require_program
from support.state_url import state_url  # noqa: F401  (fixture)
from support.upstream_script import Script, Upstream, answer_ok

if TYPE_CHECKING:
    from support.proxy_plane import PlaneFactory

# A shell that starts the tests in the background has Ctrl-C ignored in them and in every process that they start.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The loop is shared with sockets, so the time of one example says nothing. "ci" draws the same examples each time, so
# that a change is judged by what it changed; HYPOTHESIS_PROFILE=long searches further, with new examples each time.
settings.register_profile(
    "ci", deadline=None, max_examples=60, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
settings.register_profile("long", settings.get_profile("ci"), max_examples=2_000, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> Mapping[str, Callable[[], object]]:
    """Tests run on the loop that the data plane is made for."""
    return {"uvloop": uvloop.new_event_loop}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """`@pytest.mark.needs("nginx")`: skip, or fail where STRANGLER_REQUIRE_ALL=1, when the program is missing."""
    for mark in item.iter_markers("needs"):
        for name in mark.args:
            require_program(name)


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """A scripted raw HTTP server on a port of its own."""
    server = Upstream()
    await server.start()
    yield server
    await server.close()


@pytest_asyncio.fixture
async def another_upstream() -> AsyncIterator[Callable[..., Awaitable[Upstream]]]:
    """Starts further scripted servers: `server = await another_upstream(script)`."""
    servers: list[Upstream] = []

    async def start(script: Script = answer_ok) -> Upstream:
        server = Upstream(script)
        servers.append(server)
        await server.start()
        return server

    yield start
    for server in servers:
        await server.close()


@pytest_asyncio.fixture
async def proxy(tmp_path: Path) -> AsyncIterator[PlaneFactory]:
    """Starts data planes in this process: `plane = await proxy(config)`; sees that nothing of them is left."""
    from support.proxy_plane import PlaneFactory  # the data plane is imported by those tests only that need it

    factory = PlaneFactory(tmp_path)
    yield factory
    await factory.close()
