"""What tests of mirroring share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest_asyncio

from support.shadow_plane import ShadowFactory, shadow_factory
from support.upstream_script import Upstream

if TYPE_CHECKING:
    from support.proxy_plane import PlaneFactory


@pytest_asyncio.fixture
async def shadow(
    tmp_path: Path,
    proxy: PlaneFactory,
    upstream: Upstream,
    another_upstream: Callable[..., Awaitable[Upstream]],
) -> AsyncIterator[ShadowFactory]:
    """Starts a data plane whose one route is mirrored: `plane = await shadow(script, shadow={…})`."""
    start, comparer = shadow_factory(tmp_path, proxy, upstream, another_upstream)
    yield start
    await comparer.stop()
