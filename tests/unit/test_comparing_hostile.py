"""Bodies made to hurt: bombs, depth, entities, lies. Each costs bounded time and memory, and is a verdict."""

from __future__ import annotations

import gzip
import json
import random
import tracemalloc
import zlib
from time import process_time

import brotli
import pytest
import zstandard

from shadow.comparison import Verdict
from shadow.errors import UndecodableError
from shadow.reading.codings import decode_content
from support.answers import JSON, answer, compare, comparer, shown

TEXT = b'{"a": [1, 2, 3], "text": "' + b"lorem ipsum " * 50 + b'"}'
MIB = 1 << 20


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def zstd_stream(data: bytes) -> bytes:
    """A frame that does not tell its content's size."""
    packer = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    return packer.compress(data) + packer.flush()


PACKED = {
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:]) + b"\0\0",
    "deflate": zlib.compress(TEXT),
    "Deflate ": raw_deflate(TEXT),
    "br": brotli.compress(TEXT),
    "zstd": zstandard.ZstdCompressor().compress(TEXT[:9]) + zstd_stream(TEXT[9:]),
    "gzip, br": brotli.compress(gzip.compress(TEXT)),
    "identity, deflate,gzip": gzip.compress(zlib.compress(TEXT)),
}


@pytest.mark.parametrize("coding", PACKED)
def test_coding_is_taken_off(coding):
    assert decode_content(PACKED[coding], coding, MIB) == TEXT


@pytest.mark.parametrize("coding", PACKED)
def test_body_that_ends_early_is_not_taken_for_a_whole_one(coding):
    packed = PACKED[coding].rstrip(b"\0") if coding == "x-gzip" else PACKED[coding]
    for cut in (1, len(packed) // 3, len(packed) // 2):
        with pytest.raises(UndecodableError):
            decode_content(packed[:-cut], coding, MIB)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "compress", "gzip, gzip, gzip, gzip, gzip"])
def test_coding_that_is_not_what_was_said_is_an_error(coding):
    with pytest.raises(UndecodableError) as caught:
        decode_content(TEXT, coding, MIB)
    assert caught.value.reason == "encoding"


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_bytes_behind_the_end_are_an_error(coding):
    with pytest.raises(UndecodableError, match="follow the end"):
        decode_content(PACKED[coding] + b"junk", coding, MIB)


def zeros(mib: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    return b"".join(packer.compress(bytes(MIB)) for _ in range(mib)) + packer.flush()


BOMBS = {
    "gzip": zeros(256),
    "gzip, gzip": gzip.compress(zeros(256)),
    "br": brotli.compress(bytes(256 * MIB), quality=5, lgwin=22),
    "zstd": zstandard.ZstdCompressor().compress(bytes(256 * MIB)),
    "deflate": zlib.compress(bytes(128 * MIB)),
}


@pytest.mark.parametrize("coding", BOMBS)
def test_bomb_is_stopped_at_the_bound(coding):
    assert len(BOMBS[coding]) < MIB
    tracemalloc.start()
    started = process_time()
    try:
        with pytest.raises(UndecodableError) as caught:
            decode_content(BOMBS[coding], coding, MIB)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.reason == "too_large"
    assert peak < 20 * MIB
    assert process_time() - started < 1


def test_bomb_on_one_side_is_a_difference_and_on_both_not_comparable():
    bomb = answer(BOMBS["br"], JSON, ("content-encoding", "br"))
    comparison = comparer(decoded_bytes_max=MIB).compare(answer({"a": 1}), bomb, method="GET")
    assert shown(comparison.differences) == ['undecodable @body null "too_large: more than 1048576 bytes after br"']
    other = answer(BOMBS["gzip"], JSON, ("content-encoding", "gzip"))
    comparison = comparer(decoded_bytes_max=MIB).compare(other, bomb, method="GET")
    assert (comparison.verdict, comparison.reason) == (Verdict.NOT_COMPARABLE, "too_large")


def test_each_side_has_its_own_coding():
    packed = [answer(PACKED[coding], JSON, ("content-encoding", coding)) for coding in ("gzip", "br", "zstd")]
    packed.append(answer(TEXT, JSON))
    for one in packed:
        for other in packed:
            assert comparer().compare(one, other, method="GET").verdict is Verdict.MATCH


DEEP = 1_000_000
BILLION_LAUGHS = (
    b'<!DOCTYPE l [<!ENTITY a "lol">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, (b"&%c;" % (97 + n)) * 10) for n in range(9))
    + b"]><l>&j;</l>"
)
EXTERNAL = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>'
HOSTILE = {
    "deep arrays": (JSON, b"[" * DEEP),
    "deep arrays that end": (JSON, b"[" * DEEP + b"]" * DEEP),
    "deep objects": (JSON, b'{"a":' * DEEP),
    "deep behind a string": (JSON, b'["' + b"\\\\" * 1000 + b'",' + b"[" * DEEP),
    "unfinished string": (JSON, b'["' + b"\\" * DEEP),
    "long number": (JSON, b"[1" + b"0" * DEEP + b"]"),
    "long exponent": (JSON, b"[1e999999999999]"),
    "many values": (JSON, b"[" + b"[]," * DEEP * 2 + b"1]"),
    "many lines": ("text/plain", b"ab\n" * DEEP),
    "many json lines": ("application/x-ndjson", b"1\n" * DEEP * 2),
    "long fraction": (JSON, b"[1e-999999999999]"),
    "NaN": (JSON, b"[NaN]"),
    "billion laughs": ("application/xml", BILLION_LAUGHS),
    "billion laughs in UTF-16": ("application/xml", BILLION_LAUGHS.decode().encode("utf-16")),
    "external entity": ("application/xml", EXTERNAL),
    "external entity in UTF-7": ("application/xml", b'<?xml version="1.0" encoding="UTF-7"?>' + EXTERNAL.replace(b"<!E", b"+ADwAIQ-E")),
    "deep elements": ("application/xml", b"<a>" * DEEP),
    "elements to the depth of the parser": ("application/xml", b"<a>" * 250 + b"</a>" * 250),
    "many elements": ("application/xml", b"<a>" + b"<b/>" * DEEP + b"</a>"),
    "many attributes": ("text/html", b"<a " + b" ".join(b'a%d=""' % n for n in range(DEEP))),
    "deep html": ("text/html", b"<div>" * DEEP),
    "deep html to the depth of the parser": ("text/html", b"<div>" * 240),
    "no boundary": ("multipart/mixed", b"--x"),
    "no last boundary": ("multipart/mixed; boundary=x", b"--x\r\n\r\n" * 10),
    "many parts": ("multipart/mixed; boundary=x", b"--x\r\n\r\na\r\n" * 5000 + b"--x--"),
    "many fields": ("application/x-www-form-urlencoded", b"a=1&" * DEEP),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_body_is_a_verdict_in_bounded_time(name):
    content_type, body = HOSTILE[name]
    sound = {
        JSON: b"[1]",
        "application/xml": b"<a/>",
        "text/html": b"<p>x</p>",
        "text/plain": b"x",
        "application/x-ndjson": b"1",
    }
    legacy = answer(sound.get(content_type, b"x"), content_type)
    started = process_time()
    comparison = comparer().compare(legacy, answer(body, content_type), method="GET")
    assert comparison.verdict is Verdict.MISMATCH
    other = comparer().compare(answer(body + b" ", content_type), answer(body, content_type), method="GET")
    assert other.verdict in (Verdict.NOT_COMPARABLE, Verdict.MISMATCH)
    assert process_time() - started < 4


def test_body_that_refers_to_the_machine_is_never_read():
    comparison = compare(b"<a>x</a>", EXTERNAL, content_type="application/xml")
    assert comparison.differences[0].kind == "undecodable"
    assert comparison.new_document is None


def test_script_everywhere_is_text():
    page = b"<p onclick='alert(1)'>x<script>alert('</p>')</script><img src=x onerror=alert(1)><svg><script>1</script>"
    comparison = compare(page, page.replace(b"alert(1)", b"alert(2)"), content_type="text/html")
    assert [one.path.rpartition("/")[2] for one in comparison.differences] == ["@onclick", "@onerror"]


@pytest.mark.parametrize("seed", range(5))
def test_large_arrays_that_differ_everywhere_take_bounded_time(seed):
    rng = random.Random(seed)
    legacy = [{"v": rng.random(), "w": [rng.random()] * 3, "x": {"y": rng.random()}} for _ in range(3000)]
    new = [{"v": rng.random(), "w": [rng.random()] * 3, "x": {"y": rng.random()}} for _ in range(2900)]
    started = process_time()
    assert compare(legacy, new).verdict is Verdict.MISMATCH
    assert process_time() - started < 3


def test_arrays_of_a_few_values_repeated_take_bounded_time():
    rng = random.Random(1)
    legacy, new = [rng.randrange(3) for _ in range(20_000)], [rng.randrange(3) for _ in range(20_000)]
    started = process_time()
    assert compare(legacy, new).verdict is Verdict.MISMATCH
    assert process_time() - started < 3


def test_wide_members_that_are_all_unlike_take_bounded_time():
    def wide(n):
        return {f"k{i}": {f"l{j}": {"m": n * i * j + j} for j in range(40)} for i in range(40)}

    legacy, new = [wide(n) for n in range(1, 20)], [wide(-n) for n in range(1, 21)]
    raw = json.dumps(legacy).encode(), json.dumps(new).encode()
    started = process_time()
    assert compare(*raw).verdict is Verdict.MISMATCH
    assert process_time() - started < 4
