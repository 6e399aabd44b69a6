"""Fields by which a client would pass for a proxy, for this proxy, or for somebody else: no service sees them."""

from __future__ import annotations

import pytest

from proxy.hop import block, names
from support.proxy_plane import Proxy, config_for
from support.raw_client import send_raw
from support.sent_requests import Sent, parse_sent
from support.upstream_script import Upstream

SPOOFED = b"spoofed by client"

#: Those whose value frames or addresses the request, is refused unless it is valid, or is appended to.
READ_NOT_REPLACED = {b"host", b"content-length", b"transfer-encoding", b"expect", b"via", b"max-forwards"}

#: Names that no table lists, but that services read as one that a proxy sets.
FURTHER = (
    *(b"X-Forwarded-Prefix", b"X-Forwarded-Ssl", b"X-Forwarded-Scheme", b"X-Forwarded-Server", b"X-Forwarded-User"),
    *(b"X_Forwarded_Prefix", b"X-Forwarded_Ssl", b"X-Forwarded.Scheme", b"X.Forwarded.Prefix", b"X_Forwarded-Host"),
    *(b"X-Original-URL", b"True-Client-IP", b"Proxy"),
)

REPLACED = sorted({*names.REQUEST, *(name.lower() for name in FURTHER)} - READ_NOT_REPLACED)


async def forward(plane: Proxy, upstream: Upstream, raw: bytes) -> Sent:
    """Send one request and return what reached the upstream."""
    outcome = await send_raw(plane.address, [raw], [raw.split(b" ", 1)[0]])
    assert outcome.status == 200, outcome.raw
    return parse_sent(upstream.requests[-1])


def in_any_case(name: bytes) -> list[bytes]:
    return [name, name.title(), name.upper()]


@pytest.mark.parametrize("name", REPLACED)
async def test_field_sent_alone_does_not_reach_the_service(name: bytes, proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    for written in in_any_case(name):
        await forward(plane, upstream, b"GET / HTTP/1.1\r\nHost: x\r\n%b: %b\r\n\r\n" % (written, SPOOFED))
        assert SPOOFED not in upstream.requests[-1]


@pytest.mark.parametrize("name", REPLACED)
async def test_field_sent_as_a_trailer_does_not_reach_the_service(name: bytes, proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    for written in in_any_case(name):
        head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        tail = b"2\r\nhi\r\n0\r\n%b: %b\r\nX-Checksum: 7\r\n\r\n" % (written, SPOOFED)
        sent = await forward(plane, upstream, head + tail)
        assert sent.trailers == ((b"X-Checksum", b"7"),)
        assert SPOOFED not in upstream.requests[-1]


async def test_mirror_mark_does_not_reach_the_service_beside_other_fields(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    for others in (b"", b"A: b\r\n", b"X-Real-IP: 192.0.2.1\r\n", b"Connection: keep-alive\r\n", b"Via: 1.0 fred\r\n"):
        raw = b"GET / HTTP/1.1\r\nHost: x\r\n%bX-Strangler-Mirror: 1\r\n\r\n" % others
        assert (await forward(plane, upstream, raw)).all(b"X-Strangler-Mirror") == []


async def test_mirror_mark_of_a_trusted_peer_does_not_reach_the_service_either(proxy, upstream):
    plane = await proxy(config_for(upstream.url, trusted_proxies=["127.0.0.0/8"]))
    raw = b"GET / HTTP/1.1\r\nHost: x\r\nX-Strangler-Mirror: 1\r\n\r\n"
    assert (await forward(plane, upstream, raw)).all(b"X-Strangler-Mirror") == []


async def test_forwarded_prefix_of_a_trusted_peer_reaches_the_service(proxy, upstream):
    plane = await proxy(config_for(upstream.url, trusted_proxies=["127.0.0.0/8"]))
    raw = b"GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-Prefix: /shop\r\nX_Forwarded_Prefix: /evil\r\n\r\n"
    sent = await forward(plane, upstream, raw)
    assert sent.get(b"X-Forwarded-Prefix") == b"/shop"
    assert b"evil" not in upstream.requests[-1]


@pytest.mark.parametrize(
    "fields",
    [
        b"",
        b"Via: 1.0 fred\r\n",
        b"X-Forwarded-For: 192.0.2.1\r\n",
        b"X-Forwarded-Host: admin.internal\r\n",
        b"Forwarded: for=192.0.2.1;host=admin.internal\r\n",
    ],
)
async def test_authority_of_the_target_is_the_host_everywhere(fields: bytes, proxy, upstream):
    """RFC 9112 section 3.2.2: Host beside an absolute-form target means nothing, whatever else the client sends."""
    plane = await proxy(config_for(upstream.url))
    raw = b"GET http://public.example/ HTTP/1.1\r\nHost: admin.internal\r\n%b\r\n" % fields
    sent = await forward(plane, upstream, raw)
    assert sent.get(b"Host") == b"public.example"
    assert sent.get(b"X-Forwarded-Host") == b"public.example"
    assert b'host="public.example"' in (sent.get(b"Forwarded") or b"")
    assert b"admin.internal" not in upstream.requests[-1]


LONGEST = b"h" * 250 + b".example"


async def test_longest_host_is_served(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    sent = await forward(plane, upstream, b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % LONGEST)
    assert sent.get(b"Host") == LONGEST


@pytest.mark.parametrize("length", [263, 300, 8_000])
@pytest.mark.parametrize("form", [b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n", b"GET http://%b/ HTTP/1.1\r\nHost: x\r\n\r\n"])
async def test_host_longer_than_a_name_can_be_is_a_400_and_not_remembered(form: bytes, length: int, proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    authority = b"h" * (length - len(b".example")) + b".example"
    outcome = await send_raw(plane.address, [form % authority], [b"GET"])
    assert outcome.status == 400
    assert authority not in block._hosts
    assert upstream.requests == []
