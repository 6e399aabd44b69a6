"""A worker whose comparer calls a route unsettled asks legacy a second time more often, and only as long as it says so."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.mirroring.secondasks import GRANTED
from support.shadow_plane import GET, ShadowPlane, shadow_config
from support.upstream_script import Arrival
from support.waits import eventually

POST = b"POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
#: The smallest sample there is takes none of these requests.
SELDOM = {"noise_sample": "0.0001%", "noise_sample_max": "100%"}


def named(number: int) -> bytes:
    return GET.replace(b"Host:", b"X-Request-Id: order-%d\r\nHost:" % number)


async def unsettled(plane: ShadowPlane, raw: bytes = GET) -> None:
    """One request whose acknowledgement calls the route unsettled."""
    plane.comparer.unsettled = frozenset({"all"})
    await ask(plane, [raw])


async def ask(plane: ShadowPlane, requests: list[bytes]) -> None:
    """Requests, one after the other, until all of them are acknowledged."""
    client = await plane.proxy.connect()
    for raw in requests:
        await client.request(raw)
    client.abort()
    await plane.settled(arm(plane))


def arm(plane: ShadowPlane) -> str:
    (numbers,) = plane.proxy.plane.mirrors.snapshot() or ({"arm": "new"},)
    return str(numbers["arm"])


def extra(plane: ShadowPlane) -> tuple[int, int]:
    """Second asks beyond the sample, and whether there may be more of them."""
    numbers: dict[str, Any] = plane.counters(arm(plane))
    assert numbers["again"] >= numbers["again_extra"]
    return numbers["again_extra"], numbers["asking_more"]


async def test_legacy_is_asked_more_often_once_the_comparer_says_so_until_it_says_no_more(shadow):
    plane = await shadow(shadow=SELDOM)
    await ask(plane, [GET] * 3)
    assert extra(plane) == (0, 0)
    await unsettled(plane)
    assert extra(plane) == (0, 1)
    plane.comparer.unsettled = frozenset()
    await ask(plane, [GET])
    assert extra(plane) == (1, 0)
    assert plane.comparer.exchanges[-1].again is not None
    await ask(plane, [GET] * 5)
    assert extra(plane) == (1, 0)


async def test_the_request_id_decides_up_to_the_larger_share(shadow):
    plane = await shadow(shadow={**SELDOM, "noise_sample_max": "50%"})
    await unsettled(plane)
    for _ in range(2):
        await ask(plane, [named(number) for number in range(20)])
    twice = [exchange.id for exchange in plane.comparer.exchanges if exchange.again is not None]
    assert 4 < len(set(twice)) < 16
    assert all(twice.count(one) == 2 for one in twice)


@pytest.mark.parametrize(
    "sampling", [{"noise_sample": "0%", "noise_sample_max": "100%"}, {**SELDOM, "noise_sample_max": "0%"}]
)
async def test_never_where_the_configuration_says_no(shadow, sampling):
    plane = await shadow(shadow=sampling)
    await unsettled(plane)
    await ask(plane, [GET] * 10)
    assert plane.counters()["again"] == 0
    assert len(plane.legacy.requests) == 11


async def test_never_about_a_write(shadow):
    plane = await shadow(shadow={**SELDOM, "unsafe_methods": "allow"})
    await unsettled(plane, POST)
    await ask(plane, [POST] * 5)
    assert extra(plane) == (0, 1)
    assert len(plane.legacy.requests) == 6


async def test_where_new_serves_legacy_is_asked_more_often_all_the_same(shadow):
    plane = await shadow(mode="new", shadow=SELDOM)
    await unsettled(plane)
    await ask(plane, [GET])
    assert extra(plane) == (1, 1)
    assert len(plane.legacy.requests) == 3


async def test_a_comparer_that_falls_silent_is_not_followed_for_long(shadow):
    plane = await shadow(shadow=SELDOM)
    await unsettled(plane)
    plane.comparer.answers = False
    client = await plane.proxy.connect()
    for _ in range(2 * GRANTED):
        await client.request(GET)
    await eventually(lambda: len(plane.new.requests) == 2 * GRANTED + 1)
    assert extra(plane) == (GRANTED, 0)


async def test_a_comparer_that_goes_is_followed_no_more(shadow):
    plane = await shadow(shadow=SELDOM)
    await unsettled(plane)
    await plane.comparer.stop()
    await eventually(lambda: extra(plane) == (0, 0))
    plane.comparer.unsettled = frozenset()
    await plane.comparer.start()
    await ask(plane, [GET] * 3)
    assert extra(plane) == (0, 0)


async def test_a_batch_that_is_refused_takes_back_what_was_granted(shadow):
    plane = await shadow(shadow=SELDOM)
    await unsettled(plane)
    plane.comparer.refuse = "store"
    await ask(plane, [GET])
    assert extra(plane) == (1, 0)


@pytest.mark.parametrize(("changed", "spent"), [({}, 1), ({"timeout": "9s"}, 0)], ids=["same", "changed"])
async def test_another_table_takes_back_what_was_granted(shadow, changed, spent):
    plane = await shadow(shadow=SELDOM)
    await unsettled(plane)
    await ask(plane, [GET])
    assert extra(plane) == (1, 1)
    await plane.proxy.install(shadow_config(plane.legacy.url, plane.new.url, shadow={**SELDOM, **changed}))
    assert extra(plane) == (1, 0)
    assert plane.proxy.plane.mirrors.table.routes[0].flow.second_asks.spent == spent
    await unsettled(plane)
    assert extra(plane) == (1, 1)


async def test_a_second_ask_that_times_out_leaves_legacy_alone(shadow):
    plane = await shadow(shadow={**SELDOM, "timeout": "200ms"})

    async def hangs_for_copies(arrival: Arrival) -> None:
        while raw := await arrival.request():
            if b"X-Strangler-Mirror" in raw:
                await arrival.gone()
                return
            await arrival.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    plane.legacy.script = hangs_for_copies
    await unsettled(plane)
    await ask(plane, [GET])
    assert extra(plane) == (1, 0)
    await ask(plane, [GET] * 5)
    assert extra(plane) == (1, 0)


async def test_a_second_ask_that_fails_leaves_legacy_alone(shadow):
    plane = await shadow(shadow=SELDOM)

    async def overloaded_by_copies(arrival: Arrival) -> None:
        while raw := await arrival.request():
            status = b"503 No" if b"X-Strangler-Mirror" in raw else b"200 OK"
            await arrival.send(b"HTTP/1.1 %b\r\nContent-Length: 2\r\n\r\nok" % status)

    plane.legacy.script = overloaded_by_copies
    await unsettled(plane)
    await ask(plane, [GET])
    assert extra(plane) == (1, 0)
    await ask(plane, [GET] * 5)
    assert extra(plane) == (1, 0)
