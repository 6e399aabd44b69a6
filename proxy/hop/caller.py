"""Who asks a service: what pools and service connections know of it.

Two ask: an `Exchange` for a client, and an `Ask` for a mirror. A caller is told every step by the event that makes it
possible and never waits:

```
acquire ── on_connected, or first on_queued or on_connecting ──► Upstream.send ── on_interim ──► on_response
        └─ on_failure                             on_body … on_end │ on_body_and_end │ on_upgrade │ on_failure
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from proxy.hop.errors import Failure
    from proxy.hop.pool import Endpoint
    from proxy.hop.request import Request
    from proxy.hop.response import Response
    from proxy.hop.upstream import Upstream


class Caller(Protocol):
    """One request that wants an answer of a service.

    Attributes:
        request: what is asked.
        tried: endpoints to leave out where there are others.
    """

    __slots__ = ()

    request: Request
    tried: frozenset[Endpoint]

    def on_queued(self) -> None:
        """No connection is free: wait for one."""

    def on_connecting(self, endpoint: Endpoint) -> None:
        """A connection to that endpoint is being made."""

    def wants(self, endpoint: Endpoint) -> bool:
        """Whether it still waits for a connection to that endpoint."""

    def on_connected(self, endpoint: Endpoint, upstream: Upstream, *, reused: bool) -> None:
        """Here is the connection: send the request."""

    def on_interim(self, response: Response) -> None:
        """A 1xx response came."""

    def on_response(self, response: Response, data: bytes | memoryview, *, ended: bool, trailers: bytes = b"") -> None:
        """The response's head with what came of its body; `ended` says that this is all."""

    def on_body(self, data: bytes) -> None:
        """A piece of the body, not empty, decoded from chunks."""

    def on_body_and_end(self, data: bytes) -> None:
        """The last piece of a body of known length."""

    def on_end(self, trailers: bytes = b"") -> None:
        """A body that was chunked or ends with its connection has ended."""

    def on_upgrade(self, response: Response, data: bytes) -> None:
        """The service switched protocols, as the request asked."""

    def on_failure(self, failure: Failure, detail: str) -> None:
        """There is no whole response, and this connection brings none any more."""

    def pause_sending(self) -> None:
        """The service reads too slowly: send it no more for now."""

    def resume_sending(self) -> None:
        """The service has caught up."""
