"""Who the client is, where the request has been, and how it is called: fields that the proxy writes."""

from __future__ import annotations

import re

import pytest

from support.proxy_plane import Proxy, config_for
from support.raw_client import send_raw
from support.sent_requests import Sent, parse_sent
from support.upstream_script import Upstream

TRUSTING = {"trusted_proxies": ["127.0.0.0/8"]}
TRACE = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}\Z")


async def forward(plane: Proxy, upstream: Upstream, fields: bytes = b"", host: bytes = b"shop.example:8080") -> Sent:
    """Send one request with these fields and return what reached the upstream."""
    raw = b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n" + fields + b"\r\n"
    outcome = await send_raw(plane.address, [raw], [b"GET"])
    assert outcome.status == 200, outcome.raw
    return parse_sent(upstream.requests[-1])


CLAIMS = (
    b"X-Forwarded-For: 192.0.2.1, 198.51.100.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: real.example\r\n"
    b"X-Forwarded-Port: 443\r\nForwarded: for=192.0.2.1;proto=https;host=real.example\r\n"
)


async def test_claims_of_an_unknown_peer_are_replaced(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    for fields in (b"", CLAIMS, CLAIMS.lower(), CLAIMS.upper(), CLAIMS + CLAIMS):
        sent = await forward(plane, upstream, fields)
        assert sent.get(b"X-Forwarded-For") == b"127.0.0.1"
        assert sent.get(b"X-Forwarded-Proto") == b"http"
        assert sent.get(b"X-Forwarded-Host") == b"shop.example:8080"
        assert sent.get(b"X-Forwarded-Port") in {b"8080", b"%d" % plane.address[1]}
        forwarded = sent.get(b"Forwarded")
        assert forwarded is not None
        assert b"192.0.2.1" not in forwarded
        assert b"real.example" not in forwarded
        assert b"for=127.0.0.1" in forwarded.lower()


async def test_claims_of_a_trusted_peer_are_kept_and_appended_to(proxy, upstream):
    plane = await proxy(config_for(upstream.url, **TRUSTING))
    sent = await forward(plane, upstream, CLAIMS)
    assert sent.get(b"X-Forwarded-For") == b"192.0.2.1, 198.51.100.7, 127.0.0.1"
    assert sent.get(b"X-Forwarded-Proto") == b"https"
    assert sent.get(b"X-Forwarded-Host") == b"real.example"
    assert sent.get(b"X-Forwarded-Port") == b"443"
    forwarded = sent.get(b"Forwarded")
    assert forwarded is not None
    assert forwarded.startswith(b"for=192.0.2.1;proto=https;host=real.example, ")
    assert b"for=127.0.0.1" in forwarded.lower()


async def test_trusted_peer_that_claims_nothing_is_treated_like_any(proxy, upstream):
    plane = await proxy(config_for(upstream.url, **TRUSTING))
    sent = await forward(plane, upstream)
    assert sent.get(b"X-Forwarded-For") == b"127.0.0.1"
    assert sent.get(b"X-Forwarded-Proto") == b"http"
    assert sent.get(b"X-Forwarded-Host") == b"shop.example:8080"


async def test_two_fields_of_a_trusted_peer_are_one_list(proxy, upstream):
    plane = await proxy(config_for(upstream.url, **TRUSTING))
    sent = await forward(plane, upstream, b"X-Forwarded-For: 192.0.2.1\r\nx-forwarded-for: 192.0.2.2\r\n")
    joined = b", ".join(sent.all(b"X-Forwarded-For"))
    assert joined == b"192.0.2.1, 192.0.2.2, 127.0.0.1"


async def test_client_address_is_the_last_that_is_not_trusted(proxy, upstream):
    plane = await proxy(config_for(upstream.url, **TRUSTING))
    await forward(plane, upstream, b"X-Forwarded-For: 203.0.113.9, 192.0.2.1, 127.0.0.2\r\n")
    assert plane.access_lines[-1]["client_ip"] == "192.0.2.1"


async def test_rubbish_in_a_trusted_list_does_not_become_the_client_address(proxy, upstream):
    plane = await proxy(config_for(upstream.url, **TRUSTING))
    for rubbish in (b"unknown", b"<script>", b"999.1.1.1", b"_hidden", b"", b","):
        await forward(plane, upstream, b"X-Forwarded-For: " + rubbish + b"\r\n")
        assert plane.access_lines[-1]["client_ip"] == "127.0.0.1"


async def test_host_in_forwarded_is_quoted_where_it_must_be(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    sent = await forward(plane, upstream, host=b"[::1]:80")
    forwarded = sent.get(b"Forwarded")
    assert forwarded is not None
    assert b'host="[::1]:80"' in forwarded


async def test_via_names_this_hop_after_those_before(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    sent = await forward(plane, upstream, b"Via: 1.0 fred, 1.1 example.com (Apache/1.1)\r\n")
    via = b", ".join(sent.all(b"Via"))
    assert via.startswith(b"1.0 fred, 1.1 example.com (Apache/1.1), 1.1 ")
    assert len(via.split(b", ")) == 3


async def test_request_that_has_been_here_is_a_508(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    token = (await forward(plane, upstream)).get(b"Via")
    assert token is not None
    for via in (token, b"1.0 fred, " + token, token + b", 1.1 other", b"1.0 a\r\nvia: " + token):
        raw = b"GET / HTTP/1.1\r\nHost: x\r\nVia: " + via + b"\r\n\r\n"
        outcome = await send_raw(plane.address, [raw], [b"GET"])
        assert outcome.status == 508
    assert len(upstream.requests) == 1


async def test_another_instance_in_the_chain_is_no_loop(proxy, upstream):
    inner = await proxy(config_for(upstream.url))
    outer = await proxy(config_for(f"http://127.0.0.1:{inner.address[1]}"))
    sent = await forward(outer, upstream)
    assert len(b",".join(sent.all(b"Via")).split(b",")) == 2


async def test_loop_through_itself_ends_in_508(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    await plane.install(config_for(f"http://127.0.0.1:{plane.address[1]}"))
    outcome = await send_raw(plane.address, [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"], [b"GET"])
    assert outcome.status == 508


async def test_request_id_is_kept(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    sent = await forward(plane, upstream, b"X-Request-ID: abc-123_DEF.9\r\n")
    assert sent.get(b"X-Request-Id") == b"abc-123_DEF.9"
    assert plane.access_lines[-1]["request_id"] == "abc-123_DEF.9"


async def test_request_id_is_made_and_unique(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    made = {(await forward(plane, upstream)).get(b"X-Request-Id") for _ in range(50)}
    assert len(made) == 50
    assert all(one and re.fullmatch(rb"[0-9A-Za-z_.-]{16,64}", one) for one in made)


@pytest.mark.parametrize("given", [b"", b"x" * 1000, b"a b", b"\xff", b"a\r\nX-Request-Id: b"])
async def test_request_id_that_would_harm_a_log_is_replaced(given: bytes, proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    sent = await forward(plane, upstream, b"X-Request-Id: " + given + b"\r\n")
    made = sent.get(b"X-Request-Id")
    assert made is not None
    assert re.fullmatch(rb"[\x21-\x7e]{1,200}", made)


async def test_traceparent_is_kept_or_continued(proxy, upstream):
    """The trace id stays; a proxy that takes part in the trace may put its own span as the parent."""
    plane = await proxy(config_for(upstream.url))
    given = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    sent = await forward(plane, upstream, b"traceparent: " + given + b"\r\ntracestate: a=b\r\n")
    kept = sent.get(b"traceparent")
    assert kept is not None
    assert TRACE.match(kept)
    assert kept[:36] == given[:36]
    assert kept[-2:] == given[-2:]
    assert sent.get(b"tracestate") == b"a=b"
    assert plane.access_lines[-1]["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"


async def test_traceparent_is_made(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    made = {(await forward(plane, upstream)).get(b"traceparent") for _ in range(50)}
    assert len(made) == 50
    assert all(one and TRACE.match(one) for one in made)


@pytest.mark.parametrize(
    "given",
    [
        b"",
        b"x",
        b"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        b"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        b"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
        b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
    ],
)
async def test_traceparent_that_is_not_valid_is_replaced(given: bytes, proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    sent = await forward(plane, upstream, b"traceparent: " + given + b"\r\ntracestate: a=b\r\n")
    made = sent.get(b"traceparent")
    assert made is not None
    assert TRACE.match(made)
    assert made != given
    assert sent.get(b"tracestate") is None, "a tracestate without its traceparent is dropped (W3C Trace Context 3.3.1)"


async def test_route_is_chosen_by_the_host_that_a_trusted_peer_names(proxy, upstream):
    plane = await proxy(config_for(upstream.url, **TRUSTING, route={"match": {"host": "real.example", "path": "/**"}}))
    sent = await forward(plane, upstream, b"X-Forwarded-Host: real.example\r\n", host=b"inner.example")
    assert sent.get(b"X-Forwarded-Host") == b"real.example"


async def test_route_is_not_chosen_by_what_an_unknown_peer_names(proxy, upstream):
    plane = await proxy(config_for(upstream.url, route={"match": {"host": "real.example", "path": "/**"}}))
    raw = b"GET / HTTP/1.1\r\nHost: inner.example\r\nX-Forwarded-Host: real.example\r\n\r\n"
    assert (await send_raw(plane.address, [raw], [b"GET"])).status == 421
    assert upstream.arrivals == []


async def test_via_says_how_each_request_came_on_one_connection(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    async with await plane.connect() as client:
        for version in (b"1.1", b"1.0", b"1.1"):
            await client.request(b"GET / HTTP/" + version + b"\r\nHost: x\r\nConnection: keep-alive\r\n\r\n")
            via = parse_sent(upstream.requests[-1]).get(b"Via")
            assert via is not None
            assert via.startswith(version)
