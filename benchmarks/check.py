"""Every entrant proves that it forwards correctly before anything is timed."""

from __future__ import annotations

import http.client

from benchmarks.errors import InvalidError
from benchmarks.payloads import Work


def check(port: int, work: Work) -> None:
    """Send `work` twice over one connection.

    Raises:
        InvalidError: a wrong status or body, or a connection that did not live on for the second request.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        for attempt in (1, 2):
            if attempt > 1 and connection.sock is None:
                raise InvalidError(f"{work.method} {work.path}: the client's connection was not kept alive")
            _ask(connection, work)
    except (OSError, http.client.HTTPException) as error:
        raise InvalidError(f"{work.method} {work.path}: {error!r}") from error
    finally:
        connection.close()


def _ask(connection: http.client.HTTPConnection, work: Work) -> None:
    connection.request(work.method, work.path, body=work.posted or None, headers=dict(work.headers))
    response = connection.getresponse()
    body = response.read()
    if response.status != http.HTTPStatus.OK:
        raise InvalidError(f"{work.method} {work.path}: status {response.status} {body[:120]!r}")
    if body != work.body:
        raise InvalidError(f"{work.method} {work.path}: {len(body)} bytes that differ from the {len(work.body)} sent")
