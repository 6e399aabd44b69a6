"""Takes exchanges and acknowledges them, unread: `SOCKET`. The comparer's own cost is measured elsewhere."""

from __future__ import annotations

import socket
import sys

from shadow.stream import Ack, Batch, FrameReader, Hello, Welcome, encode

READ_BYTES = 1 << 20


def serve(connection: socket.socket) -> None:
    """Answer one worker until it goes."""
    reader = FrameReader()
    while data := connection.recv(READ_BYTES):
        for frame in reader.feed(data):
            if isinstance(frame, Hello):
                connection.sendall(encode(Welcome()))
            elif isinstance(frame, Batch):
                connection.sendall(encode(Ack(frame.seq)))


if __name__ == "__main__":
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(sys.argv[1])
    listener.listen()
    while True:
        peer, _ = listener.accept()
        serve(peer)
