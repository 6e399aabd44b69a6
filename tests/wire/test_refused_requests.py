"""Requests that must not be served, each sent whole, cut in two at every place, and byte by byte."""

from __future__ import annotations

import pytest

from support.proxy_plane import config_for
from support.raw_client import send_raw
from support.refused_requests import GROUPS, PATHS, Refused
from support.splits import every_cut, send_every_cut

CASES = [pytest.param(case, id=f"{group}: {case.name}") for group, cases in GROUPS.items() for case in cases]


@pytest.mark.parametrize("case", CASES)
async def test_request_is_refused_however_it_arrives(case: Refused, proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    for pieces, outcome in await send_every_cut(plane.address, case.raw):
        assert len(outcome.replies) == 1, (pieces, outcome)
        reply = outcome.replies[0]
        assert reply.status in case.statuses, (pieces, outcome.raw)
        assert reply.complete
        assert outcome.closed or not case.closes, pieces
    assert upstream.requests == []
    if not case.in_body:
        assert upstream.arrivals == []


@pytest.mark.parametrize("case", PATHS, ids=lambda case: case.name)
async def test_path_goes_on_as_it_came_where_the_route_says_raw(case: Refused, proxy, upstream):
    plane = await proxy(config_for(upstream.url, route={"paths": "raw"}))
    for _, outcome in await send_every_cut(plane.address, case.raw):
        assert outcome.statuses == [200]
    lines = {raw.split(b"\r\n", 1)[0] for raw in upstream.requests}
    assert lines == {case.raw.split(b"\r\n", 1)[0]}
    assert len(upstream.requests) == len(list(every_cut(case.raw)))


async def test_nothing_of_what_follows_a_refused_request_is_served(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    smuggled = b"GET /admin HTTP/1.1\r\nHost: x\r\n\r\n"
    for case in (case for group, cases in GROUPS.items() for case in cases if case.closes):
        outcome = await send_raw(plane.address, [case.raw + smuggled], [b"GET"])
        assert outcome.replies[0].status >= 400, case.name
        assert outcome.closed, case.name
    assert upstream.requests == []


async def test_refusal_of_trace_says_what_is_allowed(proxy, upstream):
    plane = await proxy(config_for(upstream.url))
    outcome = await send_raw(plane.address, [b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n"], [b"TRACE"])
    assert outcome.status == 405
    assert outcome.replies[0].get(b"allow")


async def test_refusal_can_be_read_though_the_client_is_still_sending(proxy, upstream):
    plane = await proxy(config_for(upstream.url, limits={"body_bytes_max": "1KiB"}))
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n"
    outcome = await send_raw(plane.address, [head, *[b"x" * 100_000] * 40], [b"POST"])
    assert outcome.status == 413
    assert outcome.closed
    assert upstream.arrivals == []
