"""One request with its answer: decided, sent to an arm's service, perhaps again, answered, accounted for.

```
client ── head ──► Exchange ── acquire ──► Service ── on_connected ──► Upstream.send
client ── body ──► on_request_body ───────────────────────────────────► Upstream
client ◄── respond, write ── on_response, on_body, on_end ◄──────────── Upstream
                             on_failure: again, to the other arm, or an error page
```
Nothing here waits: each step is called by the event that makes it possible, and time is watched by `tick`. The way to
the service, and what happens where it fails, is in `proxy.hop.attempt`; here is the way back.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

from proxy.hop import names, outbound
from proxy.hop.account import account_exchange
from proxy.hop.attempt import BODY, TUNNEL, Attempt
from proxy.hop.framing import chunk, last_chunk
from proxy.hop.outbound import AS_IS, CHUNKS, CLOSE, body_mode, outbound_head, plain_head
from proxy.hop.resending import may_fall_back
from proxy.hop.tunnel import Tunnel

if TYPE_CHECKING:
    from proxy.hop.errors import Failure
    from proxy.hop.response import Response

#: An early answer leaves the connection open where at most this much of the request's body is still to come.
DRAIN_BYTES_MAX: Final = 64 * 1024

_FOREVER: Final = float("inf")
_SERVER_ERROR: Final = 500


class Exchange(Attempt):
    """A request under way, from its decision to its last byte.

    Attributes:
        mirrored: what the access log says of its copy; None where nobody gets copies of such requests.
        keep_alive: the client's connection outlives it; known with the response's head.
    """

    mirrored: str | None = None
    __slots__ = ("_mode", "keep_alive")

    def on_interim(self, response: Response) -> None:
        """100 Continue, 103 Early Hints and their kind are the client's, where it can understand them."""
        if not self.request.block.http_1_0 and not self.responding:
            self.client.transport.write(outbound.interim_head(response))

    def on_response(self, response: Response, data: bytes | memoryview, *, ended: bool, trailers: bytes = b"") -> None:
        """The response's head with what came of its body.

        Args:
            response: the head.
            data: the first bytes of the body, decoded from chunks, may be empty.
            ended: that was all of it.
            trailers: the raw trailer lines of a chunked body that has ended.
        """
        self.first_byte_s = monotonic()
        self.status = status = response.status
        if status >= _SERVER_ERROR and may_fall_back(self, str(status)):
            self._fall_back(f"http_{status}")
            return
        self.responding = True
        self.phase = BODY
        client = self.client
        request = self.request
        self._mode = mode = AS_IS if response.length >= 0 else body_mode(response, request)
        self.keep_alive = keep_alive = self._keeps_alive(mode)
        decision = self.decision
        rewrite = response.mapped and decision.route.rewrite_responses
        if keep_alive and not rewrite and decision.set_cookie is None and not request.block.http_1_0:
            head = response.plain or plain_head(response)
        else:
            head = outbound_head(
                response, request, self.arm, keep_alive=keep_alive, rewrite=rewrite, set_cookie=decision.set_cookie
            )
        if ended:
            self.bytes_out = len(data)
            if mode == CHUNKS:
                data = (chunk([data]) if data else b"") + self._last_chunk(trailers)
            if isinstance(data, bytes):
                client.transport.write(head + data)
            else:
                client.transport.writelines((head, data))
            self._complete()
            return
        self.deadline_s = monotonic() + self.service.model.idle_timeout_s
        self.bytes_out = len(data)
        if mode == CHUNKS:
            client.transport.write(head + chunk([data]) if data else head)
        else:
            client.transport.writelines((head, data))

    def _keeps_alive(self, mode: int) -> bool:
        block = self.request.block
        if not block.keep_alive or mode == CLOSE or self.client.plane.draining:
            return False
        if block.upgrade is not None:
            return False  # bytes that were held back for a tunnel must not be read as a request
        return self.request_done or self.client.may_drain()

    def on_body(self, data: bytes) -> None:
        """A piece of the response's body, not empty, decoded from chunks."""
        self.bytes_out += len(data)
        client = self.client
        self.deadline_s = monotonic() + self.service.model.idle_timeout_s
        client.transport.write(chunk([data]) if self._mode == CHUNKS else data)

    def on_body_and_end(self, data: bytes) -> None:
        """The last piece of a body of known length."""
        self.bytes_out += len(data)
        self.client.transport.write(data)
        self._complete()

    def on_end(self, trailers: bytes = b"") -> None:
        """The body, chunked or delimited by close, has ended."""
        if self._mode == CHUNKS:
            self.client.transport.write(self._last_chunk(trailers))
        self._complete()

    def _last_chunk(self, trailers: bytes) -> bytes:
        return last_chunk(names.fit_trailers(trailers) if self.request.block.te_trailers else b"")

    def on_upgrade(self, response: Response, data: bytes) -> None:
        """101: from here on bytes only pass."""
        client = self.client
        upstream = self.upstream
        if upstream is None:
            return
        self.first_byte_s = monotonic()
        self.status = response.status
        self.responding = True
        self.phase = TUNNEL
        self.deadline_s = _FOREVER
        tunnel = Tunnel(self, client, upstream)
        upstream.tunnel = tunnel
        client.plane.metrics.tunnel_opened()
        client.transport.write(outbound.upgrade_head(response))
        if data:
            tunnel.from_service(data)
        client.switch(tunnel)

    def tunnel_closed(self, bytes_in: int, bytes_out: int) -> None:
        """Either side has closed the tunnel."""
        self.bytes_in += bytes_in
        self.bytes_out += bytes_out
        self.client.plane.metrics.tunnel_closed()
        if self.endpoint is not None:
            self.endpoint.pending -= 1
            self.endpoint = None
        self.upstream = None
        self._account(self.status)

    # the end

    def _complete(self) -> None:
        """The response is written; the connection to the service is free if the request is complete too."""
        upstream = self.upstream
        endpoint = self.endpoint
        if endpoint is not None and endpoint.breaker is not None:
            endpoint.breaker.record(self.status < _SERVER_ERROR)
        broken = upstream is None or not upstream.reusable or not self.request_done
        if self.bytes_in and upstream is not None and upstream.transport.get_write_buffer_size():
            broken = True  # it answered without reading: what is left would come before the next request
        self._let_go(broken=broken)
        self._account(self.status, error=self.error)
        self.client.exchange_done(self, keep_alive=self.keep_alive)

    def _give_up(self, failure: Failure, detail: str) -> None:
        """Nothing is left to try: tell the client."""
        self.error = failure.error
        self.client.answer(self, failure, detail)

    def account_error(self, status: int, bytes_out: int) -> None:
        """The client was told by the proxy itself."""
        self.bytes_out = bytes_out
        self._account(status, error=self.error)

    def _account(self, status: int, *, error: str = "") -> None:
        if self.budgeted is not None:
            self.budgeted.budget.release()
            self.budgeted = None
        self.deadline_s = _FOREVER
        account_exchange(self.client.plane, self, status, error, monotonic())
