"""One connection to the comparer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from proxy.mirroring.streamend import StreamEnd
from shadow.stream import Frame


class Link(StreamEnd):
    """Sends frames and hands on those that come.

    Attributes:
        ended: set once the connection is gone.
    """

    def __init__(self, stream: str, on_frame: Callable[[Frame], None]) -> None:
        super().__init__(stream)
        self.ended = asyncio.Event()
        self._on_frame = on_frame

    def write(self, pieces: Sequence[bytes | memoryview]) -> None:
        """Send one frame that is given in pieces."""
        if self._transport is not None:
            self._transport.writelines(pieces)

    def take(self, frame: Frame) -> None:
        """Answers of the comparer."""
        self._on_frame(frame)

    def on_lost(self) -> None:
        """It is gone."""
        self.ended.set()
