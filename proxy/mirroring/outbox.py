"""From a worker to the comparer: a bounded queue, and one batch at a time over a unix socket (`shadow.stream`).

```
offer ──► queue ──► batch ── sent ── ack ──► compared
            │         │        └──── nack ──► lost, with the comparer's reason
            │         └─ the connection ends: the same batch again; twice: lost as poison
            └─ full: shed
```
Batches close by themselves: while one is under way, or for `BATCH_DELAY_S`, messages gather; `BATCH_EXCHANGES` are
enough. They are written in quiet moments. There is one timer for a batch, and one task for as long as the worker lives.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import deque
from collections.abc import Collection
from time import monotonic
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from proxy.backoff import Backoff
from proxy.mirroring import counters as reasons
from proxy.mirroring.link import Link
from shadow.errors import MalformedFrameError
from shadow.stream import BATCH_BYTES_MAX, BATCH_EXCHANGES_MAX, Ack, Frame, Hello, Nack, Welcome, encode_batch

if TYPE_CHECKING:
    from proxy.mirroring.counters import MirrorCounters
    from proxy.mirroring.quiet import Quiet
    from shadow.stream import Verdicts

#: What may wait for the comparer, all messages together.
QUEUE_BYTES_MAX: Final = 32 << 20
#: How many messages may wait.
QUEUE_MESSAGES_MAX: Final = 8192
#: Pieces of a message up to this size are joined: copying them costs less than handing each to the kernel.
JOINED_BYTES_MAX: Final = 16 << 10
#: So many are worth a batch. More make the loop serve nobody for as long as it takes to write them.
BATCH_EXCHANGES: Final = 32
#: Likewise, in bytes.
BATCH_BYTES: Final = 256 << 10
#: How long a message may wait for others to share a batch with.
BATCH_DELAY_S: Final = 0.05
#: A batch that was under way so often when the comparer went is not sent again.
ATTEMPTS_MAX: Final = 2
#: How often it is said that batches are lost, for each reason.
LOST_SAID_EVERY_S: Final = 60.0

log = structlog.get_logger()

Message = list[bytes | memoryview]


class Batch:
    """Messages under way together.

    Attributes:
        seq: number in the stream.
        owners: whose each message is.
        pieces: the frame.
        attempts: connections that ended while the comparer had it.
        sent: it was sent on the connection that stands.
    """

    __slots__ = ("attempts", "owners", "pieces", "sent", "seq")

    def __init__(self, seq: int, owners: list[MirrorCounters], pieces: Message) -> None:
        self.seq = seq
        self.owners = owners
        self.pieces = pieces
        self.attempts = 0
        self.sent = False


class Listener(Protocol):
    """Who is told what the comparer says of routes."""

    def on_acknowledged(self, routes: Collection[str], unsettled: Collection[str]) -> None:
        """A batch had exchanges of these routes; of them, these are unsettled."""

    def on_silence(self) -> None:
        """What the comparer said before is not known to hold any more."""


class Outbox:
    """What a worker has for the comparer.

    Attributes:
        queued_bytes: of the messages that wait.
        batch: under way, or None.
        listener: told what the comparer says of routes.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, path: str | None, worker: int, quiet: Quiet) -> None:
        self._quiet = quiet
        self._flushing = False
        self.queued_bytes = 0
        self.batch: Batch | None = None
        self.listener: Listener | None = None
        self._loop = loop
        self._path = path
        self._stream = f"{worker}:{uuid.uuid4()}"
        self._queue: deque[tuple[MirrorCounters, Message, int]] = deque()
        self._seq = 0
        self._link: Link | None = None
        self._ready = False
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._emptied = asyncio.Event()
        self._closed = False
        self._hurried = False
        self._losses: dict[str, tuple[float, int]] = {}  # reason -> when it was said last, and lost since then

    @property
    def full(self) -> str:
        """Why nothing more can be taken: a reason to shed, or "" where there is room."""
        if self.queued_bytes < QUEUE_BYTES_MAX and len(self._queue) < QUEUE_MESSAGES_MAX:
            return ""
        return reasons.QUEUE if self._ready else reasons.COMPARER_DOWN

    def offer(self, counters: MirrorCounters, message: Message) -> None:
        """Take a message to the comparer, or count it as shed where there is no room."""
        full = self.full
        if full or self._closed:
            counters.give_up(full or reasons.DRAINING)
            return
        size = sum(map(len, message))
        if size <= JOINED_BYTES_MAX:
            message = [b"".join(message)]
        self._queue.append((counters, message, size))
        self.queued_bytes += size
        if self.batch is None and self._ready:
            self._arrange()

    def start(self) -> None:
        """Connect, and stay connected; does nothing the second time, or without a path."""
        if self._task is None and self._path is not None and not self._closed:
            self._task = self._loop.create_task(self._stay_connected(self._path))

    # the connection

    async def _stay_connected(self, path: str) -> None:
        backoff = Backoff()
        while True:
            began_s = monotonic()
            try:
                _, link = await self._loop.create_unix_connection(lambda: Link(self._stream, self._on_frame), path)
            except OSError as error:
                log.warning("comparer.connect.failed", error=str(error))
            else:
                self._link = link
                link.send(Hello(self._stream))
                await link.ended.wait()
                self._on_link_lost()
            await asyncio.sleep(backoff.next_delay_s(monotonic() - began_s))

    def _on_link_lost(self) -> None:
        self._link = None
        self._ready = False
        self._stop_timer()
        if self.listener is not None:
            self.listener.on_silence()
        batch = self.batch
        if batch is None or not batch.sent:
            return
        batch.sent = False
        batch.attempts += 1
        if batch.attempts >= ATTEMPTS_MAX:
            log.error("comparer.batch.lost", seq=batch.seq, exchanges=len(batch.owners), reason=reasons.POISON)
            self._lose(batch, reasons.POISON)

    def _on_frame(self, frame: Frame) -> None:
        match frame:
            case Welcome():
                self._ready = True
                if self.batch is not None:
                    self._send(self.batch)
                else:
                    self._arrange()
            case Ack(seq, verdicts, unsettled) if self.batch is not None and seq == self.batch.seq:
                self._acknowledge(self.batch, verdicts, unsettled)
            case Nack(seq, reason) if self.batch is not None and seq == self.batch.seq:
                self._say_lost(self.batch, reason)
                self._lose(self.batch, reason)
            case _:
                raise MalformedFrameError(f"{type(frame).__name__} is not what was waited for")

    def _say_lost(self, batch: Batch, reason: str) -> None:
        """Say that the comparer refused a batch: while a disk stays full, not of each of a thousand."""
        now_s = monotonic()
        said_s, unsaid = self._losses.get(reason, (-LOST_SAID_EVERY_S, 0))
        unsaid += len(batch.owners)
        if now_s - said_s >= LOST_SAID_EVERY_S:
            log.warning("comparer.batch.lost", seq=batch.seq, exchanges=unsaid, reason=reason)
            said_s, unsaid = now_s, 0
        self._losses[reason] = (said_s, unsaid)

    def _acknowledge(self, batch: Batch, verdicts: Verdicts, unsettled: Collection[str]) -> None:
        owners: dict[str, MirrorCounters] = {}
        for counters in batch.owners:
            counters.compare()
            owners[counters.route] = counters
        for route, counts in verdicts.items():
            if route in owners:
                owners[route].conclude(counts)
        if self.listener is not None:
            self.listener.on_acknowledged(owners, unsettled)
        self._settle()

    def _lose(self, batch: Batch, reason: str) -> None:
        for counters in batch.owners:
            counters.lose(reason)
        if self.listener is not None:
            self.listener.on_silence()
        self._settle()

    def _settle(self) -> None:
        """The batch is over, one way or the other."""
        self.batch = None
        if not self._queue:
            self._emptied.set()
        elif self._ready:
            self._arrange()

    # batches

    def _arrange(self) -> None:
        """Send a batch now, or soon."""
        if self._hurried:
            self._flush()
        elif len(self._queue) >= BATCH_EXCHANGES or self.queued_bytes >= BATCH_BYTES:
            self._flush_soon()
        elif self._queue and self._timer is None:
            self._timer = self._loop.call_later(BATCH_DELAY_S, self._flush_soon)

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            self._quiet.add(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        self._stop_timer()
        if self.batch is not None or not self._queue or not self._ready:
            return
        owners: list[MirrorCounters] = []
        messages: list[Message] = []
        total = 0
        queue = self._queue
        while queue and len(owners) < BATCH_EXCHANGES_MAX and (not total or total + queue[0][2] <= BATCH_BYTES_MAX):
            counters, message, size = queue.popleft()
            owners.append(counters)
            messages.append(message)
            total += size
        self.queued_bytes -= total
        self._seq += 1
        self.batch = batch = Batch(self._seq, owners, encode_batch(self._seq, messages))
        self._send(batch)

    def _send(self, batch: Batch) -> None:
        if self._link is not None:
            batch.sent = True
            self._link.write(batch.pieces)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # the end

    async def drain(self, timeout_s: float) -> None:
        """Hand over what waits, for at most `timeout_s`; what is left is lost, and counted."""
        if self._task is not None and (self._queue or self.batch is not None):
            self._emptied.clear()
            self._hurried = True
            if self.batch is None:
                self._flush()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._emptied.wait()
            except TimeoutError:
                log.warning("comparer.drain.incomplete", exchanges=len(self._queue) + self._sent_count)
        self._abandon()

    @property
    def _sent_count(self) -> int:
        return 0 if self.batch is None else len(self.batch.owners)

    def _abandon(self) -> None:
        batch, self.batch = self.batch, None
        for counters in batch.owners if batch is not None else ():
            counters.lose(reasons.STOPPED)
        for counters, _, _ in self._queue:
            counters.lose(reasons.STOPPED)
        self._queue.clear()
        self.queued_bytes = 0

    async def close(self) -> None:
        """End the connection; what is left is lost, and counted."""
        self._closed = True
        self._stop_timer()
        self._abandon()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._link is not None:
            self._link.abort()
