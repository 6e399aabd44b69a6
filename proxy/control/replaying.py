"""Sends a kept request again to both arms of its route, as the mirror would, and compares anew.

It goes to the first URL of each service, through connections of its own, marked as a copy, so that it is mirrored
nowhere. Nothing of it is stored; what comes back is redacted like what is stored.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import aiohttp
from yarl import URL

from proxy.hop.tls import client_context
from routes.head import Head
from routes.mirroring import MIRROR_FIELD
from routes.model import ArmModel, Params, RouteModel, ServiceModel
from routes.shadowing import CompareModel, ShadowModel
from routes.table import Table
from shadow.comparison import Comparison
from shadow.errors import ReplayError
from shadow.exchange import COMPLETE, FAILED, TIMED_OUT, TOO_LARGE, Answer, AskedRequest, Exchange
from shadow.keeping.keeper import Keeper
from shadow.keeping.records import Record
from shadow.proving.selfproof import PairComparer
from shadow.replaying import Replay
from shadow.reporting.judging import merged_noise

#: Makes a comparer for a model.
MakeComparer = Callable[[CompareModel], PairComparer]

_CHUNK: Final = 64 << 10
_OWN_FIELDS: Final = frozenset({"Accept", "Accept-Encoding", "User-Agent", "Content-Type"})


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of it: an exchange that is not kept, and the fields that were missing."""

    record: Record
    missing: tuple[str, ...]


async def send_again(
    replay: Replay,
    record: Record,
    table: Table,
    make_comparer: MakeComparer,
    learned: tuple[Iterable[Mapping[str, Any]], bytes],
) -> Replayed:
    """Send a request to legacy and new, one after the other, and compare.

    Args:
        replay: what to send.
        record: the kept exchange.
        table: in force; its route need not be in shadow any more.
        make_comparer: for the rules in force.
        learned: what each node learned of the route's noise, and the key that the comparer redacts with.

    Raises:
        ReplayError: the request belongs to another route by now, or the route has one arm only.
    """
    head = _head(replay)
    route, params = _decide(table, head, record.route)
    shadow = route.shadow or ShadowModel()
    sending = _Sending(table, params, head, replay, shadow)
    legacy, new = await _ask(sending, route.legacy), await _ask(sending, route.new)
    comparer = make_comparer(shadow.compare)
    compared = await asyncio.to_thread(comparer.compare, legacy, new, method=replay.method)
    fields, target = replay.fields, replay.path if replay.query is None else f"{replay.path}?{replay.query}"
    asked = AskedRequest(replay.method, target, replay.host, replay.scheme, fields)
    exchange = Exchange(record.id, time.time(), record.route, record.served, asked, legacy, new, sandbox=record.sandbox)
    return Replayed(_redacted(exchange, compared, shadow.compare, learned), replay.missing)


def _redacted(
    exchange: Exchange, compared: Comparison, model: CompareModel, learned: tuple[Iterable[Mapping[str, Any]], bytes]
) -> Record:
    """The exchange as the comparer would keep it."""
    states, key = learned
    keeper = Keeper(key, model)
    judged = merged_noise(states, keeper.redactor).judge(compared)
    kept, _ = keeper.keep(exchange, judged, keeper.look(exchange, compared))
    return kept.record


def _head(replay: Replay) -> Head:
    fields = [(name.encode("latin-1"), value.encode("utf-8"), name.encode("latin-1")) for name, value in replay.fields]
    authority = replay.host.encode("latin-1", "replace")
    return Head(
        replay.method.encode("latin-1"),
        replay.path.encode("latin-1", "replace"),
        None if replay.query is None else replay.query.encode("latin-1", "replace"),
        scheme=replay.scheme.encode("latin-1"),
        authority=authority,
        host=_host(authority),
        fields=fields,
    )


def _host(authority: bytes) -> bytes:
    """Without port, in lower case."""
    host = authority.partition(b"]")[0] + b"]" if authority.startswith(b"[") else authority.partition(b":")[0]
    return host.rstrip(b".").lower()


def _decide(table: Table, head: Head, name: str) -> tuple[RouteModel, Params]:
    decision = table.decide(head)
    if decision is None or decision.route.name != name:
        now = "none" if decision is None else decision.route.name
        raise ReplayError(f"by the configuration in force the route of this request is {now}, not {name}")
    route = decision.route
    if route.legacy is None or route.new is None:
        raise ReplayError(f"the route {name} has one arm only, so there is nothing to compare")
    return route, decision.params


class _Sending(NamedTuple):
    """What is the same for both arms."""

    table: Table
    params: Params
    head: Head
    replay: Replay
    shadow: ShadowModel


async def _ask(sending: _Sending, arm: ArmModel | None) -> Answer:
    if arm is None:
        raise ReplayError("the route has one arm only, so there is nothing to compare")
    service = sending.table.services[arm.service]
    url, headers = _address(sending, arm, service)
    context: ssl.SSLContext | bool = True
    if service.urls[0].scheme == "https":
        context = await asyncio.to_thread(client_context, service.tls, service=service.name)
    timeout = aiohttp.ClientTimeout(total=sending.shadow.timeout_s)
    connector = aiohttp.TCPConnector(ssl=context, force_close=True)
    session = aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=_OWN_FIELDS,
    )
    started = time.perf_counter()
    try:
        async with (
            session,
            session.request(sending.replay.method, url, headers=headers, allow_redirects=False) as response,
        ):
            first_s = time.perf_counter() - started
            body, size = await _read(response, sending.shadow.body_bytes_max)
    except TimeoutError:
        return Answer(TIMED_OUT, error="http_response_timeout", total_s=time.perf_counter() - started)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Answer(FAILED, error=failure_reason(error), total_s=time.perf_counter() - started)
    fields = tuple((name.lower(), value) for name, value in response.headers.items())
    outcome = COMPLETE if size == len(body) else TOO_LARGE
    took_s = time.perf_counter() - started
    return Answer(outcome, response.status, fields, body, size, first_byte_s=first_s, total_s=took_s)


def failure_reason(error: Exception) -> str:
    """Why there is no answer, in the words of Proxy-Status, as the mirror says it."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "tls_certificate_error"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "tls_protocol_error"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "dns_error"
    if isinstance(error, aiohttp.ClientConnectorError):
        refused = isinstance(error.os_error, ConnectionRefusedError)
        return "connection_refused" if refused else "destination_ip_unroutable"
    if isinstance(error, (aiohttp.ServerDisconnectedError, ConnectionError, aiohttp.ClientPayloadError)):
        return "connection_terminated"
    if isinstance(error, aiohttp.ClientResponseError):
        return "http_protocol_error"
    return type(error).__name__


def _address(sending: _Sending, arm: ArmModel, service: ServiceModel) -> tuple[URL, list[tuple[str, str]]]:
    """The URL and the fields that this arm is sent."""
    endpoint = service.urls[0]
    target = endpoint.base_path + arm.target(sending.head, sending.params)
    url = URL(f"{endpoint.scheme}://{endpoint.authority.decode('latin-1')}{target.decode('latin-1')}", encoded=True)
    host = service.host_header
    shown = sending.head.authority if host == "client" else endpoint.authority if isinstance(host, str) else host
    replaced = {name.lower() for name, _ in arm.headers_set} | set(arm.headers_remove)
    headers = [(name, value) for name, value in sending.replay.fields if name.encode("latin-1") not in replaced]
    headers += [(name.decode("latin-1"), value.decode("latin-1")) for name, value in arm.headers_set]
    headers += [("Host", shown.decode("latin-1")), (MIRROR_FIELD.decode("latin-1"), "1")]
    return url, headers


async def _read(response: aiohttp.ClientResponse, limit: int) -> tuple[bytes, int]:
    """The body up to the limit, and how much was read of it: more than the limit where it is longer."""
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK):
        body += chunk
        if len(body) > limit:
            return bytes(body[:limit]), len(body)
    return bytes(body), len(body)
