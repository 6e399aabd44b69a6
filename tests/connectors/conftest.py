"""One test, every kind of store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from support.sync_stores import KINDS, Kind, opened, url_of


@pytest.fixture(params=KINDS)
def kind_name(request: pytest.FixtureRequest) -> str:
    """The kind that the test runs against."""
    return str(request.param)


@pytest_asyncio.fixture
async def kind(kind_name: str, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kind]:
    """A new database of every kind."""
    async with opened(kind_name, url_of(kind_name, request, tmp_path)) as one:
        yield one


@pytest_asyncio.fixture
async def postgresql(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kind]:
    """A new PostgreSQL database."""
    async with opened("postgresql", url_of("postgresql", request, tmp_path)) as one:
        yield one


@pytest_asyncio.fixture
async def mariadb(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kind]:
    """A new MariaDB database."""
    async with opened("mariadb", url_of("mariadb", request, tmp_path)) as one:
        yield one


@pytest_asyncio.fixture
async def sqlite(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Kind]:
    """A new SQLite database."""
    async with opened("sqlite", url_of("sqlite", request, tmp_path)) as one:
        yield one
