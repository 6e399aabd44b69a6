"""Sending a request once more: what is kept of it, and when that is allowed.

A service must never do the same work twice because of us (RFC 9110 section 9.2.2). So a request is sent again only
where nothing of it was sent (`connect`), or where it came to a connection that had been idle and died without a byte of
an answer, the method is idempotent, and all of its body is still here (`reset`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from routes.methods import IDEMPOTENT_METHODS

if TYPE_CHECKING:
    from proxy.hop.attempt import Attempt
    from proxy.hop.errors import Failure

#: Most bytes of a request body kept so that the request can be sent again.
REPLAY_BYTES_MAX: Final = 64 * 1024


class Replay:
    """The pieces of a request's body so far, as they are sent to a service.

    Attributes:
        pieces: all of them as long as `possible`, else none.
        possible: the request can be sent (again) from its beginning.
    """

    __slots__ = ("_bytes", "_idempotent", "pieces", "possible")

    def __init__(self, method: bytes) -> None:
        self.pieces: list[bytes] = []
        self.possible = True
        self._bytes = 0
        self._idempotent = method in IDEMPOTENT_METHODS

    def add(self, data: bytes, *, sent: bool) -> None:
        """Keep a piece; `sent` says that the beginning is on its way already."""
        if self.possible:
            self.pieces.append(data)
            self._bytes += len(data)
            if sent:
                self.after_sending()

    def after_sending(self) -> None:
        """What is kept is with a service now: go on keeping it only if it could be of use."""
        if self._bytes > REPLAY_BYTES_MAX or not self._idempotent:
            self.pieces = []
            self.possible = False


#: Of every request without a body.
NO_BODY: Final = Replay(b"GET")


def may_retry(attempt: Attempt, failure: Failure, *, spoke: bool) -> bool:
    """Whether the same arm may be asked once more, within its budget.

    Args:
        attempt: that has failed.
        failure: how.
        spoke: a byte of the response had come.
    """
    route = attempt.decision.route
    if failure.on not in route.retry_on or attempt.attempts >= route.retry_attempts or spoke:
        return False
    if not attempt.replay.possible:
        return False
    service = attempt.service
    if failure.on == "connect" and len(attempt.tried) + 1 >= len(service.endpoints):
        return False  # nowhere else to go
    if failure.on == "reset" and not (attempt.reused and attempt.request.method in IDEMPOTENT_METHODS):
        return False
    if attempt.budgeted is None:
        if not service.budget.acquire(service.active):
            return False
        attempt.budgeted = service
    return True


def may_fall_back(attempt: Attempt, condition: str) -> bool:
    """Whether the other arm may be asked, because of `condition` (a failure's `on`, or a status as text)."""
    fallback = attempt.decision.route.fallback
    return (
        fallback is not None
        and not attempt.fallback
        and fallback.arm is not attempt.arm
        and condition in fallback.on
        and (fallback.methods is None or attempt.request.method in fallback.methods)
        and fallback.arm.service in attempt.client.plane.services  # a reload may have removed it meanwhile
        and attempt.replay.possible
        and attempt.request.block.upgrade is None
    )
