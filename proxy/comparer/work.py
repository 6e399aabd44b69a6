"""The loop of the comparer: batches of all workers, compared, stored in one transaction, answered.

Exactly once, whatever dies when: the position of a stream is written in the transaction of what its batch brought.
A batch at or before the position is answered from there. One whose transaction fails is answered `nack`, and the worker
counts it as lost; one of whose transaction nobody knows (the connection broke at its end) is looked up first.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from typing import Final

import structlog

from proxy.backoff import Backoff
from proxy.comparer.figures import Figures
from proxy.comparer.intake import Intake
from shadow.engine import Engine
from shadow.errors import MalformedExchangeError, StoreError
from shadow.exchange import Exchange, decode
from shadow.keeping.batch import Batch, Concluded, Position
from shadow.keeping.store import ShadowStore
from shadow.stream import MALFORMED, STORE, Ack, Nack, Verdicts
from shadow.stream import Batch as SentBatch

#: Exchanges after which what has come is written, whoever waits for more.
GROUP_EXCHANGES_MAX: Final = 1_024
#: Comparing may hold the loop for so long; then sockets and the supervisor are looked after.
TURN_S: Final = 0.02
#: Learned noise is written so often: what is learned in between is lost with the process.
NOISE_S: Final = 10.0
#: Streams whose position is remembered; that of another one is read again.
POSITIONS_MAX: Final = 4_096
#: While the store fails, batches are refused unseen for this long at most, then the next one tries.
REFUSE_S: Final = 5.0
#: How often the store is asked whether a transaction of unknown end was committed.
ASK_TRIES: Final = 5
#: Reasons after which it is known that nothing was committed.
_KNOWN: Final = frozenset(("full", "busy", "refused", "damaged"))

log = structlog.get_logger()


class Work:
    """Takes batches, one group after the other.

    Args:
        store: open.
        engine: with its tables installed.
        figures: to count in.
    """

    def __init__(self, store: ShadowStore, engine: Engine, figures: Figures) -> None:
        self._store = store
        self._engine = engine
        self._figures = figures
        self._queue: asyncio.Queue[tuple[Intake, SentBatch]] = asyncio.Queue()  # one batch per connection at most
        self._positions: OrderedDict[str, Position | None] = OrderedDict()
        self._noise_at = time.monotonic()
        self._backoff = Backoff()
        self._refuse_until = 0.0
        self._taking: asyncio.Task[None] | None = None

    def put(self, intake: Intake, sent: SentBatch) -> None:
        """A batch has come."""
        self._queue.put_nowait((intake, sent))
        self._figures.waiting = self._queue.qsize()

    async def run(self) -> None:
        """Work until cancelled; what is in hand then goes on, `finish` waits for it."""
        while True:
            group = [await self._queue.get()]
            size = len(group[0][1].messages)
            while size < GROUP_EXCHANGES_MAX and not self._queue.empty():
                group.append(self._queue.get_nowait())
                size += len(group[-1][1].messages)
            self._figures.waiting = self._queue.qsize()
            self._taking = asyncio.create_task(self.take(group))
            await asyncio.shield(self._taking)

    async def take(self, group: list[tuple[Intake, SentBatch]]) -> None:
        """Compare, store and answer the batches of several workers."""
        if time.monotonic() < self._refuse_until:
            for intake, sent in group:
                intake.answer(Nack(sent.seq, STORE))
            return
        batch = Batch()
        answers: list[tuple[Intake, int]] = []
        try:
            # An exchange on which the comparison never ends must not end in the middle of a step of retention.
            async with self._store.database.undisturbed():
                for intake, sent in group:
                    if await self._is_new(intake, sent):
                        await self._compare(batch, intake, sent, answers)
        except StoreError as error:
            self._on_failure(error, [(intake, sent.seq) for intake, sent in group])
            return
        if answers:
            await self._commit(batch, answers)

    async def finish(self) -> None:
        """Wait for what is in hand, and write what was learned; a store that fails keeps what it had."""
        if self._taking is not None:
            await asyncio.wait([self._taking])
        batch = Batch()
        self._engine.gather(batch, noise=True)
        try:
            await self._store.commit(batch)
        except StoreError as error:
            log.warning("comparer.store.failed", reason=error.reason, error=str(error))

    async def probe(self) -> None:
        """Where the store failed, see whether it still does: nothing else would tell while no exchanges come."""
        if not self._figures.failing:
            return
        try:
            await self._store.probe()
        except StoreError as error:
            self._figures.failing = error.reason  # for what it fails now; the failures of batches are counted
        else:
            self._on_success()

    # -- what has come

    async def _is_new(self, intake: Intake, sent: SentBatch) -> bool:
        """Answers a batch that was taken before, from the position."""
        position = await self._position(intake.stream)
        if position is None or sent.seq > position.seq:
            return True
        intake.answer(self._ack(sent.seq, position.verdicts if sent.seq == position.seq else {}))
        return False

    async def _position(self, stream: str) -> Position | None:
        if stream in self._positions:
            self._positions.move_to_end(stream)
        else:
            self._positions[stream] = await self._store.position(stream)
            while len(self._positions) > POSITIONS_MAX:
                self._positions.popitem(last=False)
        return self._positions[stream]

    async def _compare(self, batch: Batch, intake: Intake, sent: SentBatch, answers: list[tuple[Intake, int]]) -> None:
        under_way = batch.positions.get(intake.stream)
        if under_way is not None:  # the worker has connected anew, and what it sent before is in this group as well
            if under_way.seq == sent.seq:
                answers.append((intake, sent.seq))
            return
        try:
            exchanges = [decode(message) for message in sent.messages]
        except MalformedExchangeError as error:
            log.error("comparer.batch.malformed", stream=intake.stream, error=str(error))  # noqa: TRY400
            intake.answer(Nack(sent.seq, MALFORMED))
            return
        batch.add(intake.stream, sent.seq, await self._conclude(exchanges))
        answers.append((intake, sent.seq))

    async def _conclude(self, exchanges: list[Exchange]) -> list[Concluded]:
        """Conclude one after the other, and let the loop turn now and then."""
        concluded: list[Concluded] = []
        turn_ends = time.monotonic() + TURN_S
        for exchange in exchanges:
            concluded.append(self._engine.take(exchange))
            if time.monotonic() > turn_ends:
                await asyncio.sleep(0)
                turn_ends = time.monotonic() + TURN_S
        return concluded

    # -- what goes into the store

    async def _commit(self, batch: Batch, answers: list[tuple[Intake, int]]) -> None:
        began = time.monotonic()
        with_noise = began - self._noise_at >= NOISE_S
        self._engine.gather(batch, noise=with_noise)
        try:
            await self._store_safely(batch)
        except StoreError as error:
            if error.reason in _KNOWN or not await self._was_committed(batch):
                self._on_failure(error, answers)
                return
        if with_noise:
            self._noise_at = began
        self._positions.update(batch.positions)
        self._figures.committed(batch, time.monotonic() - began)
        self._on_success()
        for intake, seq in answers:
            intake.answer(self._ack(seq, batch.positions[intake.stream].verdicts))

    def _ack(self, seq: int, verdicts: Verdicts) -> Ack:
        return Ack(seq, verdicts, self._engine.unsettled(verdicts))

    async def _store_safely(self, batch: Batch) -> None:
        """Commit; a value that the driver refuses must not end the process, or its batch would come again."""
        try:
            await self._store.commit(batch)
        except (OverflowError, ValueError, TypeError, LookupError) as error:
            log.error("comparer.commit.failed", error=type(error).__name__)  # noqa: TRY400 - it may hold a value
            raise StoreError(type(error).__name__) from error

    async def _was_committed(self, batch: Batch) -> bool:
        """Whether a transaction was committed of which the end was not heard: all its positions tell the same."""
        stream, position = next(iter(batch.positions.items()))
        for _ in range(ASK_TRIES):
            try:
                there = await self._store.position(stream)
            except StoreError:
                await asyncio.sleep(self._backoff.next_delay_s(0.0))
            else:
                return there is not None and there.seq == position.seq
        return False

    def _on_failure(self, error: StoreError, unanswered: list[tuple[Intake, int]]) -> None:
        before = self._figures.failing
        self._figures.failed(error.reason)
        self._positions.clear()  # whatever is there, it is read again
        self._refuse_until = time.monotonic() + min(REFUSE_S, max(0.1, self._backoff.next_delay_s(0.0)))
        if before != error.reason:
            log.error("comparer.store.failed", reason=error.reason, error=str(error))
        for intake, seq in unanswered:
            intake.answer(Nack(seq, STORE))

    def _on_success(self) -> None:
        if self._figures.failing:
            log.info("comparer.store.recovered", after=self._figures.failing)
            self._figures.recovered()
            self._backoff = Backoff()
            self._refuse_until = 0.0
