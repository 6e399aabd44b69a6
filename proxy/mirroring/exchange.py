"""A client's request whose copy will be sent to the other arm: it is served as any other, and what passes is kept.

Requests of which nobody gets copies are plain `Exchange`s and know nothing of this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from proxy.hop.exchange import Exchange
from proxy.mirroring import counters as reasons
from shadow.exchange import STREAMED, UPGRADED

if TYPE_CHECKING:
    from proxy.hop.errors import Failure
    from proxy.hop.response import Response
    from proxy.mirroring.mirror import Mirror


#: Words of the access log: it will be compared; it is not in the sample; it was given up, and why.
CHOSEN: Final = "chosen"
NOT_SAMPLED: Final = "not_sampled"
SHED: Final = {reason: f"shed:{reason}" for reason in reasons.SHED_REASONS}


class PassedOver(Exchange):
    """An exchange of which the other arm might have got a copy, and does not; `mirrored` says why."""

    __slots__ = ("mirrored",)


class MirroredExchange(Exchange):
    """An exchange that tells its mirror what passes, before it is passed on.

    Attributes:
        mirror: what keeps it.
    """

    __slots__ = ("mirror",)

    mirror: Mirror

    @property
    def mirrored(self) -> str:  # type: ignore[override]
        """What has become of the copy so far."""
        return SHED.get(self.mirror.given_up, CHOSEN)

    def on_request_body(self, data: bytes) -> None:
        """A piece of the request's body."""
        self.mirror.keep_request(data)
        super().on_request_body(data)

    def on_request_end(self, trailers: bytes = b"") -> None:
        """The request is complete."""
        self.mirror.trailers = trailers
        super().on_request_end(trailers)

    def on_client_gone(self) -> None:
        """The client is gone: what it would have got is not known."""
        self.mirror.on_incomplete()
        super().on_client_gone()

    def abandon(self, failure: Failure) -> None:
        """The request turned out to be bad."""
        self.mirror.on_incomplete()
        super().abandon(failure)

    def on_response(self, response: Response, data: bytes | memoryview, *, ended: bool, trailers: bytes = b"") -> None:
        """The response's head with what came of its body."""
        self.mirror.on_served_response(response, data)
        super().on_response(response, data, ended=ended, trailers=trailers)
        if self.mirror.served.outcome == STREAMED:
            self.mirror.on_served()  # its end may be hours away

    def on_body(self, data: bytes) -> None:
        """A piece of the response's body."""
        self.mirror.on_served_body(data)
        super().on_body(data)

    def on_body_and_end(self, data: bytes) -> None:
        """The last piece of a body of known length."""
        self.mirror.on_served_body(data)
        super().on_body_and_end(data)

    def on_upgrade(self, response: Response, data: bytes) -> None:
        """101: what passes from here on is nobody's to compare."""
        self.mirror.on_served_response(response, b"")
        self.mirror.served.outcome = UPGRADED
        super().on_upgrade(response, data)
        self.mirror.on_served()

    def on_failure(self, failure: Failure, detail: str) -> None:
        """The attempt is over without a whole response."""
        self.mirror.on_served_failure(failure)
        super().on_failure(failure, detail)

    def _fall_back(self, error: str) -> None:
        if self.decision.route.fallback is not None:
            self.mirror.on_fallback(error)
        super()._fall_back(error)

    def _account(self, status: int, *, error: str = "") -> None:
        self.mirror.on_served()  # its bytes are on their way: what becomes of the copy is for the access log to tell
        super()._account(status, error=error)
