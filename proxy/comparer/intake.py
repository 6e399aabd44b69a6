"""One connection of a worker: frames in, answers out. At most one batch is unanswered, so that memory is bounded."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import cast

import structlog

from proxy.mirroring.link import peer_uid
from shadow.errors import MalformedFrameError
from shadow.stream import VERSION, Ack, Batch, Frame, FrameReader, Hello, Nack, Welcome, encode

log = structlog.get_logger()


class Intake(asyncio.Protocol):
    """What one worker sends.

    Attributes:
        stream: its name, "" before `Hello`.
        closed: the connection is gone: what is answered goes nowhere, and the worker will send its batch again.
    """

    def __init__(self, on_hello: Callable[[Intake], None], on_batch: Callable[[Intake, Batch], None]) -> None:
        self.stream = ""
        self.closed = False
        self._on_hello = on_hello
        self._on_batch = on_batch
        self._reader = FrameReader()
        self._waiting = 0  # number of the batch that is not answered yet
        self._transport: asyncio.Transport | None = None

    def welcome(self) -> None:
        """Batches may come."""
        self._send(Welcome())

    def answer(self, frame: Ack | Nack) -> None:
        """Answer the batch that waits; one that does not wait (any more) gets no second answer."""
        if frame.seq == self._waiting:
            self._waiting = 0
            self._send(frame)

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    # -- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Listen to nobody but our own user's processes."""
        self._transport = cast("asyncio.Transport", transport)
        uid = peer_uid(transport.get_extra_info("socket"))
        if uid != os.getuid():
            log.error("comparer.peer.foreign", uid=uid)
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Hand on what is whole."""
        try:
            for frame in self._reader.feed(data):
                self._take(frame)
        except MalformedFrameError as error:
            log.error("comparer.frame.invalid", error=str(error), stream=self.stream)  # noqa: TRY400 - it says all there is
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        del exc
        self.closed = True
        self._transport = None

    def _take(self, frame: Frame) -> None:
        match frame:
            case Hello(stream, version) if not self.stream and version == VERSION:
                self.stream = stream
                self._on_hello(self)
            case Batch(seq) if self.stream and not self._waiting and seq > 0:
                self._waiting = seq
                self._on_batch(self, frame)
            case _:
                raise MalformedFrameError(f"{type(frame).__name__} is not what comes here")

    def _send(self, frame: Frame) -> None:
        if self._transport is not None:
            self._transport.write(encode(frame))
