"""One connection of a worker: frames in, answers out. At most one batch is unanswered, so that memory is bounded."""

from __future__ import annotations

from collections.abc import Callable

from proxy.mirroring.streamend import StreamEnd
from shadow.errors import MalformedFrameError
from shadow.stream import VERSION, Ack, Batch, Frame, Hello, Nack, Welcome


class Intake(StreamEnd):
    """What one worker sends.

    Attributes:
        closed: the connection is gone: what is answered goes nowhere, and the worker will send its batch again.
    """

    def __init__(self, on_hello: Callable[[Intake], None], on_batch: Callable[[Intake, Batch], None]) -> None:
        super().__init__()
        self.closed = False
        self._on_hello = on_hello
        self._on_batch = on_batch
        self._waiting = 0  # number of the batch that is not answered yet

    def welcome(self) -> None:
        """Batches may come."""
        self.send(Welcome())

    def answer(self, frame: Ack | Nack) -> None:
        """Answer the batch that waits; one that does not wait (any more) gets no second answer."""
        if frame.seq == self._waiting:
            self._waiting = 0
            self.send(frame)

    def take(self, frame: Frame) -> None:
        """First `Hello`, which gives the stream its name, then batches, each once the one before it is answered."""
        match frame:
            case Hello(stream, version) if not self.stream and version == VERSION:
                self.stream = stream
                self._on_hello(self)
            case Batch(seq) if self.stream and not self._waiting and seq > 0:
                self._waiting = seq
                self._on_batch(self, frame)
            case _:
                raise MalformedFrameError(f"{type(frame).__name__} is not what comes here")

    def on_lost(self) -> None:
        """It is gone."""
        self.closed = True
