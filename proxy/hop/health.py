"""Active health checks of one service: asks each of its endpoints now and then, and reports when the verdict changes.

    healthy    ── `unhealthy_after` failures in a row ──▶ unhealthy
    unhealthy  ── `healthy_after` successes in a row ──▶ healthy

Endpoints begin as healthy, and the first check is made at once. 200 to 399 is a success, as it is for HAProxy and nginx
(a redirect is not followed: an endpoint that can redirect is alive). Everything else is a failure: any other status, no
connection, an untrusted certificate, no answer in time, an answer that is not HTTP.

Each check is a connection of its own, so that it says something about connecting too. Intervals are jittered by 10 %,
so that workers do not ask in step. The checks of one endpoint never overlap.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from random import uniform
from typing import Final

import aiohttp
import structlog
from yarl import URL

from routes.model import HealthModel, ServiceModel, Url

_BODY_BYTES_MAX: Final = 64 * 1024
_JITTER: Final = 0.1
_STATUS_MIN: Final = 200
_STATUS_MAX: Final = 399

log = structlog.get_logger(__name__)


class Verdict:
    """What the checks of one endpoint say so far.

    Args:
        unhealthy_after: failures in a row that turn it unhealthy.
        healthy_after: successes in a row that turn it healthy.
    """

    __slots__ = ("_against", "_healthy_after", "_unhealthy_after", "healthy")

    def __init__(self, unhealthy_after: int, healthy_after: int) -> None:
        self._unhealthy_after = unhealthy_after
        self._healthy_after = healthy_after
        self._against = 0
        self.healthy = True

    def add(self, *, ok: bool) -> bool:
        """Counts one check; True where that changed `healthy`."""
        if ok == self.healthy:
            self._against = 0
            return False
        self._against += 1
        if self._against < (self._unhealthy_after if self.healthy else self._healthy_after):
            return False
        self.healthy = ok
        self._against = 0
        return True


class HealthChecker:
    """Checks the endpoints of one service until its task is cancelled.

    Args:
        service: its `health` says how; without it `run` returns at once.
        report: called with the endpoint and whether it is healthy, when that changes.
        ssl_context: for `https` endpoints, as the requests use it.
    """

    def __init__(
        self, service: ServiceModel, report: Callable[[Url, bool], None], ssl_context: ssl.SSLContext | None
    ) -> None:
        self._service = service
        self._report = report
        self._ssl_context = ssl_context

    async def run(self) -> None:
        """Checks until cancelled; cancellation ends the checks under way and closes their connections."""
        health = self._service.health
        if health is None:
            return
        connector = aiohttp.TCPConnector(
            ssl=self._ssl_context if self._ssl_context is not None else True,
            force_close=True,
            use_dns_cache=False,
            limit=0,
        )
        async with (
            aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                headers=self._headers(),
                timeout=aiohttp.ClientTimeout(total=health.timeout_s),
            ) as session,
            asyncio.TaskGroup() as group,
        ):
            for url in self._service.urls:
                group.create_task(self._watch(session, url, health))

    async def _watch(self, session: aiohttp.ClientSession, url: Url, health: HealthModel) -> None:
        verdict = Verdict(health.unhealthy_after, health.healthy_after)
        loop = asyncio.get_running_loop()
        while True:
            started = loop.time()
            trouble = await self._check(session, url, health)
            if verdict.add(ok=trouble is None):
                self._report(url, verdict.healthy)
                log.log(
                    logging.INFO if verdict.healthy else logging.WARNING,
                    "service.health.changed",
                    service=self._service.name,
                    url=url.text,
                    healthy=verdict.healthy,
                    reason=trouble,
                )
            interval = health.interval_s * uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - jitter guards nothing
            await asyncio.sleep(max(0.0, started + interval - loop.time()))

    async def _check(self, session: aiohttp.ClientSession, url: Url, health: HealthModel) -> str | None:
        """What is wrong with the endpoint, in a few words; None where nothing is."""
        try:
            async with session.get(
                _target(url, health), allow_redirects=False, server_hostname=self._server_name(url)
            ) as response:
                # Read as far as is cheap: an endpoint that stalls in the middle of its answer is not well.
                left = _BODY_BYTES_MAX
                while left > 0 and (chunk := await response.content.read(left)):
                    left -= len(chunk)
                ok = _STATUS_MIN <= response.status <= _STATUS_MAX
                return None if ok else f"status {response.status}"
        except TimeoutError:
            return f"no answer within {health.timeout_s:g} s"
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return str(error) or type(error).__name__

    def _headers(self) -> dict[str, str]:
        headers = {"User-Agent": "strangler-health", "Accept": "*/*", "Accept-Encoding": "identity"}
        host = self._service.host_header
        if isinstance(host, bytes):
            headers["Host"] = host.decode("latin-1")
        return headers

    def _server_name(self, url: Url) -> str | None:
        return self._service.tls.server_name if url.scheme == "https" else None


def _target(url: Url, health: HealthModel) -> URL:
    host = f"[{url.host}]" if ":" in url.host else url.host
    return URL(f"{url.scheme}://{host}:{url.port}{url.base_path.decode('latin-1')}{health.path}", encoded=True)
