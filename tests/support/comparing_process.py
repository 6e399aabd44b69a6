"""The comparer of the tests as a process of its own, which may be killed at any moment: `FD FILE`.

What a batch brought and its number are one line in the file, flushed before it is acknowledged, so that a killed
process leaves either both or nothing.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import orjson

from shadow.exchange import decode
from shadow.stream import Ack, Batch, FrameReader, Hello, Welcome, encode


def serve(connection: socket.socket, file: Path) -> None:
    """Answer one worker until it goes."""
    reader = FrameReader()
    stream = ""
    while data := connection.recv(1 << 16):
        for frame in reader.feed(data):
            if isinstance(frame, Hello):
                stream = frame.stream
                connection.sendall(encode(Welcome()))
            elif isinstance(frame, Batch):
                if frame.seq not in {seq for name, seq, _ in taken(file) if name == stream}:
                    ids = [decode(message).id for message in frame.messages]
                    with file.open("ab") as out:
                        out.write(orjson.dumps([stream, frame.seq, ids]) + b"\n")
                connection.sendall(encode(Ack(frame.seq)))


def taken(file: Path) -> list[tuple[str, int, list[str]]]:
    """(stream, number, ids of the exchanges) of every batch that was stored; a line torn by a kill is none."""
    if not file.exists():
        return []
    return [tuple(orjson.loads(line)) for line in file.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


if __name__ == "__main__":
    listener = socket.socket(fileno=int(sys.argv[1]))
    listener.setblocking(True)
    print(os.getpid(), flush=True)
    while True:
        peer, _ = listener.accept()
        serve(peer, Path(sys.argv[2]))
