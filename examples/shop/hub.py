"""One publisher, many listeners: the news behind the ticker, the event stream and the order feed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NEWS_MAX = 64  # a listener that is this far behind misses the rest instead of holding memory

News = dict[str, Any]


class Hub:
    """Hands each piece of news to every listener; a slow one misses some, and nobody waits for it."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[News]] = set()

    def publish(self, news: News) -> None:
        """Queue `news` for every listener that has room."""
        for queue in self._listeners:
            if not queue.full():
                queue.put_nowait(news)

    @contextmanager
    def listen(self) -> Iterator[asyncio.Queue[News]]:
        """A queue of the news from now on, for as long as the block lasts."""
        queue: asyncio.Queue[News] = asyncio.Queue(NEWS_MAX)
        self._listeners.add(queue)
        try:
            yield queue
        finally:
            self._listeners.discard(queue)
