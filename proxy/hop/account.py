"""The account of a request that has ended: its share of the metrics, and its line in the access log.

Both lines here are tuples in the order of `proxy.hop.accessline.FIELDS`, which says what is in them.
"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from proxy.hop.exchange import Exchange
    from proxy.hop.plane import DataPlane
    from proxy.hop.request import Request


def account_exchange(plane: DataPlane, exchange: Exchange, status: int, error: str, now_s: float) -> None:
    """Count a request that was served, or was to be, and write its line.

    Args:
        plane: that served it.
        exchange: what is known of it.
        status: that the client got, 0 where it got none.
        error: what went wrong, "" where nothing did.
        now_s: monotonic time of its end.
    """
    started = exchange.started_s
    total = now_s - started
    exchange.counters.end(status, total, exchange.bytes_in, exchange.bytes_out)
    plane.metrics.active -= 1
    access_log = plane.access_log
    if not access_log.enabled:
        return
    decision = exchange.decision
    request = exchange.request
    connected = exchange.connected_s
    queued = exchange.queued_s
    first_byte = exchange.first_byte_s
    endpoint = exchange.last_endpoint
    access_log.write(
        (
            time(),
            decision.route.name,
            exchange.arm.name,
            decision.reason,
            decision.bucket,
            decision.key,
            exchange.arm.service,
            endpoint.url.text if endpoint is not None else None,
            request.method,
            request.authority,
            request.target,
            status or None,
            error or None,
            exchange.bytes_in,
            exchange.bytes_out,
            queued - started if queued else 0.0,
            connected - (queued or started) if connected else None,
            first_byte - connected if first_byte else None,
            total,
            exchange.reused,
            exchange.attempts,
            exchange.fallback,
            exchange.mirrored,
            request.client_ip,
            "HTTP/1.0" if request.block.http_1_0 else "HTTP/1.1",
            exchange.request_id,
            exchange.trace_id,
        )
    )


def account_answered(
    plane: DataPlane, client_ip: str, request: Request | None, status: int, error: str | None = None
) -> None:
    """Count a request that was answered before any route was decided, and write its line.

    Args:
        plane: that answered it.
        client_ip: who asked.
        request: None where it could not be read.
        status: of the answer.
        error: what was wrong with it, None where nothing was.
    """
    plane.metrics.rejected(status)
    if error is not None:
        plane.metrics.error(-1, error)
    if not plane.access_log.enabled:
        return
    readable = request is not None and hasattr(request, "path")
    plane.access_log.write(
        (
            time(),
            *(None, None, None, None, None, None, None),
            request.method if request is not None and readable else b"",
            request.authority if request is not None and readable else b"",
            request.target if request is not None and readable else b"",
            status,
            error,
            *(0, 0, None, None, None, None, None, 0, False, None),
            client_ip,
            "HTTP/1.0" if request is not None and readable and request.block.http_1_0 else "HTTP/1.1",
            None,
            None,
        )
    )
