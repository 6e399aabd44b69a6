"""A comparer for tests: takes exchanges as `shadow.stream` says, keeps them, and answers as it is told."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

from shadow.exchange import Exchange, decode
from shadow.stream import Ack, Batch, FrameReader, Hello, Nack, Welcome, encode


class Comparer:
    """Listens on a unix socket.

    Attributes:
        exchanges: everything that was taken, in order.
        batches: (stream, seq) of every batch that came, also those that came again.
        refuse: the reason of the nack for every batch, None acknowledges.
        answers: False says nothing to a batch.
        dies: the connection is closed on every batch, unanswered.
        unsettled: routes that acknowledgements call so.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.exchanges: list[Exchange] = []
        self.batches: list[tuple[str, int]] = []
        self.refuse: str | None = None
        self.answers = True
        self.dies = False
        self.unsettled: frozenset[str] = frozenset()
        self._positions: dict[str, int] = {}
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_unix_server(self._serve, self.path)

    async def stop(self) -> None:
        """Drop every connection and listen no more."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in tuple(self._writers):
            writer.transport.abort()
        self.path.unlink(missing_ok=True)
        await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        frames = FrameReader()
        stream = ""
        try:
            while data := await reader.read(1 << 16):
                for frame in frames.feed(data):
                    if isinstance(frame, Hello):
                        stream = frame.stream
                        writer.write(encode(Welcome()))
                    elif isinstance(frame, Batch):
                        self._take(stream, frame, writer)
        except ConnectionError:
            return
        finally:
            self._writers.discard(writer)
            writer.close()

    def _take(self, stream: str, batch: Batch, writer: asyncio.StreamWriter) -> None:
        self.batches.append((stream, batch.seq))
        if self.dies:
            writer.transport.abort()
            return
        if not self.answers:
            return
        if self.refuse is not None:
            writer.write(encode(Nack(batch.seq, self.refuse)))
            return
        verdicts: dict[str, Counter[str]] = {}
        if batch.seq > self._positions.get(stream, 0):
            self._positions[stream] = batch.seq
            for message in batch.messages:
                exchange = decode(message)
                self.exchanges.append(exchange)
                same = exchange.legacy.body == exchange.new.body
                verdicts.setdefault(exchange.route, Counter())["match" if same else "mismatch"] += 1
        writer.write(encode(Ack(batch.seq, verdicts, self.unsettled & verdicts.keys())))
