"""Content-Encoding off: gzip, deflate, br and zstd, one over the other, never more output than allowed.

Every decoder is asked for one byte more than is allowed at most: a bomb costs that, not what it would unpack to.

Source: RFC 9110 section 8.4; RFC 1950 to 1952; RFC 7932; RFC 8878.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final

import brotli
import zstandard

from shadow.errors import UndecodableError

#: Codings one over the other; nobody means more.
CODINGS_MAX: Final = 4
_GZIP: Final = 16 + zlib.MAX_WBITS
_GZIP_MAGIC: Final = b"\x1f\x8b"
#: gzip members and zstd frames in one body.
_MEMBERS_MAX: Final = 1000
#: RFC 8878 section 3.1.1.1.2: decoders should support windows of 8 MiB, and may refuse larger ones.
_ZSTD_WINDOW_MAX: Final = 8 << 20
#: Four bytes of zstd can stand for 128 KiB, and its decoder gives out all at once: at most 8 MiB from one piece.
_ZSTD_PIECE: Final = 256


def decode_content(body: bytes, content_encoding: str | None, decoded_bytes_max: int) -> bytes:
    """Takes the codings off, the last one first.

    Args:
        body: as it was on the wire; an empty one is empty under any coding.
        content_encoding: all values of the field, joined by commas; None where it is absent.
        decoded_bytes_max: of the output of each coding.

    Raises:
        UndecodableError: `encoding`, or `too_large`.
    """
    if not content_encoding or not body:
        return body
    names = [name.strip().lower() for name in content_encoding.split(",")]
    applied = [name for name in names if name not in ("", "identity")]
    if len(applied) > CODINGS_MAX:
        raise UndecodableError("encoding", f"{len(applied)} codings one over the other")
    for name in reversed(applied):
        decoder = _DECODERS.get(name)
        if decoder is None:
            raise UndecodableError("encoding", f"unknown coding {name[:40]}")
        body = decoder(body, decoded_bytes_max)
        if len(body) > decoded_bytes_max:
            raise UndecodableError("too_large", f"more than {decoded_bytes_max} bytes after {name}")
    return body


def _inflate(body: bytes, window_bits: int, bytes_max: int) -> tuple[bytes, bytes]:
    """One zlib stream, and what follows it."""
    stream = zlib.decompressobj(window_bits)
    try:
        output = stream.decompress(body, bytes_max + 1)
    except zlib.error as error:
        raise UndecodableError("encoding", str(error)) from error
    if not stream.eof and len(output) <= bytes_max:
        raise UndecodableError("encoding", "ends in the middle of a compressed stream")
    return output, stream.unused_data


def _gunzip(body: bytes, bytes_max: int) -> bytes:
    output, rest = _inflate(body, _GZIP, bytes_max)
    members = 1
    while rest.startswith(_GZIP_MAGIC) and len(output) <= bytes_max:
        members += 1
        if members > _MEMBERS_MAX:
            raise UndecodableError("encoding", f"more than {_MEMBERS_MAX} gzip members")
        more, rest = _inflate(rest, _GZIP, bytes_max - len(output))
        output += more
    if rest.strip(b"\0") and len(output) <= bytes_max:
        raise UndecodableError("encoding", f"{len(rest)} bytes follow the end of gzip")
    return output


def _deflate(body: bytes, bytes_max: int) -> bytes:
    """RFC 9110 means zlib; what many send is the raw stream inside."""
    try:
        output, rest = _inflate(body, zlib.MAX_WBITS, bytes_max)
    except UndecodableError:
        output, rest = _inflate(body, -zlib.MAX_WBITS, bytes_max)
    if rest and len(output) <= bytes_max:
        raise UndecodableError("encoding", f"{len(rest)} bytes follow the end of deflate")
    return output


def _unbrotli(body: bytes, bytes_max: int) -> bytes:
    stream = brotli.Decompressor()
    try:
        output: bytes = stream.process(body, output_buffer_limit=bytes_max + 1)
        while not stream.is_finished() and not stream.can_accept_more_data() and len(output) <= bytes_max:
            output += stream.process(b"", output_buffer_limit=bytes_max + 1 - len(output))
    except brotli.error as error:
        raise UndecodableError("encoding", str(error)) from error
    if not stream.is_finished() and len(output) <= bytes_max:
        raise UndecodableError("encoding", "ends in the middle of a brotli stream")
    return output


def _unzstd(body: bytes, bytes_max: int) -> bytes:
    output = bytearray()
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_MAX)
    stream, frames = decompressor.decompressobj(), 1
    rest = memoryview(body)
    try:
        while rest and len(output) <= bytes_max:
            piece, rest = bytes(rest[:_ZSTD_PIECE]), rest[_ZSTD_PIECE:]
            while piece and len(output) <= bytes_max:
                if stream.eof:
                    stream, frames = decompressor.decompressobj(), frames + 1
                    if frames > _MEMBERS_MAX:
                        raise UndecodableError("encoding", f"more than {_MEMBERS_MAX} zstd frames")
                output += stream.decompress(piece)
                piece = stream.unused_data if stream.eof else b""
    except zstandard.ZstdError as error:
        raise UndecodableError("encoding", str(error)) from error
    if not stream.eof and len(output) <= bytes_max:
        raise UndecodableError("encoding", "ends in the middle of a zstd frame")
    return bytes(output)


_DECODERS: Final[dict[str, Callable[[bytes, int], bytes]]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _deflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
