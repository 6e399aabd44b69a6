"""One mirrored request, from the moment it was chosen to its message for the comparer.

```
chosen ── served ── ready ── asking ── asking again ── message
   │        │         │         │
   └────────┴─────────┴─────────┴──► shed: one reason, counted once
```
While the client is served it only keeps what passes. Then the other arm is asked, and for the noise sample of safe
requests legacy a second time: before or after new, by chance, so that what changes by itself between two answers shows
as often on one side as on the other.
"""

from __future__ import annotations

from random import random
from time import monotonic, time
from typing import TYPE_CHECKING, Final

import structlog

from proxy.hop import errors
from proxy.mirroring import counters as reasons
from proxy.mirroring.ask import Ask
from proxy.mirroring.capture import STARVED, Capture
from proxy.mirroring.message import answer_head, encode_message
from shadow.exchange import COMPLETE, FAILED, NOT_ASKED, TIMED_OUT, TOO_LARGE

if TYPE_CHECKING:
    from proxy.hop.errors import Failure
    from proxy.hop.exchange import Exchange
    from proxy.hop.forwarded import Peer
    from proxy.hop.request import Request
    from proxy.hop.response import Response
    from proxy.mirroring.counters import MirrorCounters
    from proxy.mirroring.flow import Target
    from proxy.mirroring.mirrors import Mirrors
    from routes.model import ArmModel, Params, RouteModel
    from routes.shadowing import ShadowModel

#: Failures of the pool that say nothing of the service, and what they are counted as.
_REFUSALS: Final = {
    errors.QUEUE_FULL: reasons.CONCURRENCY,
    errors.BREAKER_OPEN: reasons.BREAKER,
    errors.OUT_OF_RESOURCES: reasons.DESCRIPTORS,
}
_EVEN: Final = 0.5

log = structlog.get_logger()


class Mirror:
    """What is known of one mirrored request.

    Attributes:
        request: what the client asked.
        params: what the route's path captured.
        peer: the client connection.
        via: value of the Via field for the copies.
        ids: lines with the ids of the request, the same for both arms.
        body: pieces of the request's body, without chunks.
        trailers: raw trailer lines of the request.
        memory: what all captures of the worker hold.
        bytes_max: longest body that is kept.
        target: who gets the copy.
        noise: legacy is to be asked a second time.
        extra: … since the comparer wants it: the sample alone would not ask.
        concurrency_max: bound on what is under way in `target.flow`.
        deadline_s: monotonic time at which it is given up, once it asks.
        ended: it is counted and needs nothing more.
    """

    __slots__ = (  # noqa: RUF023 - by lifetime
        # of the request
        "_body_bytes",
        "_counters",
        "_mirrors",
        "_oversized",
        "_route",
        "_shadow",
        "_started_s",
        "body",
        "bytes_max",
        "concurrency_max",
        "extra",
        "ids",
        "memory",
        "noise",
        "params",
        "peer",
        "request",
        "request_id",
        "target",
        "trailers",
        "via",
        # of the client's answer
        "_failed_before",
        "_failure",
        "_served",
        "_served_arm",
        # of the copies
        "_again",
        "_again_first",
        "_asking",
        "_other",
        "_waiting",
        "deadline_s",
        "ended",
    )

    def __init__(self, mirrors: Mirrors, shadow: ShadowModel, target: Target, exchange: Exchange) -> None:
        self._mirrors = mirrors
        self._shadow = shadow
        self.target = target
        self._counters: MirrorCounters = target.counters
        self._route: RouteModel = exchange.decision.route
        self.noise = False
        self.extra = False
        self.concurrency_max: int = shadow.concurrency_max
        self._started_s = exchange.started_s
        self._oversized = False
        self._body_bytes = 0
        self.body: list[bytes | memoryview] = []
        self.trailers = b""
        self.request: Request = exchange.request
        self.params: Params = exchange.decision.params
        self.peer: Peer = exchange.client.peer
        plane = exchange.client.plane
        self.via: bytes = plane.via_1_0 if exchange.request.block.http_1_0 else plane.via
        self.ids = b""
        self.request_id = b""
        self.memory = mirrors.memory
        self.bytes_max: int = shadow.body_bytes_max
        self._served = Capture(self.memory, self.bytes_max)
        self._served_arm: ArmModel = exchange.decision.arm
        self._failure: Failure | None = None
        self._failed_before: Capture | None = None
        self._asking: Ask | None = None
        self._waiting: Ask | None = None
        self._other: Ask | None = None
        self._again: Ask | None = None
        self._again_first = False
        self.deadline_s = 0.0
        self.ended = False

    # while the client is served

    def keep_request(self, data: bytes) -> None:
        """A piece of the request's body."""
        if self.ended or self._oversized:
            return
        size = len(data)
        if self._body_bytes + size > self.bytes_max:
            self._oversized = True
            self._release_body()
        elif self.memory.held_bytes + size > self.memory.bytes_max:
            self.shed(reasons.MEMORY)
        else:
            self.body.append(data)
            self._body_bytes += size
            self.memory.held_bytes += size

    @property
    def served(self) -> Capture:
        """The answer that the client gets."""
        return self._served

    def on_served_response(self, response: Response, data: bytes | memoryview) -> None:
        """The head of the client's answer, and what came with it of the body."""
        self._failure = None
        if not self.ended:
            self._served.on_response(response, data)

    def on_served_failure(self, failure: Failure) -> None:
        """An attempt to serve has failed; another may follow."""
        self._failure = failure

    def on_fallback(self, error: str, arm: ArmModel) -> None:
        """The arm that was to serve could not, and the other one is asked by the proxy: that is the comparison."""
        capture = self._served
        failure = self._failure
        capture.outcome = FAILED if failure is None else _outcome_of(failure)
        capture.error = error
        if failure is not None:
            capture.response = None
        capture.ended_s = monotonic()
        capture.release()
        capture.body_bytes = 0
        self._failure = None
        self._failed_before = capture
        self._served = Capture(self.memory, self.bytes_max)
        self._served_arm = arm

    def on_served(self, exchange: Exchange) -> None:
        """The client has its answer, whatever it was: now, and only now, it is the mirror's turn."""
        if self.ended:
            return
        served = self._served
        failure = self._failure
        if failure is not None:
            served.end(_outcome_of(failure), failure.error)
        else:
            served.end()
        served.sent_s = exchange.connected_s
        if served.outcome == STARVED:
            self.shed(reasons.MEMORY)
        elif not exchange.request_done:
            self.shed(reasons.INCOMPLETE)
        elif self._is_settled(served):
            self._conclude()
        else:
            self._mirrors.make_ready(self)

    def _is_settled(self, served: Capture) -> bool:
        """Whether asking the other arm would bring nothing to compare, or do a write that was not done."""
        if self._failed_before is not None or self._oversized:
            return True
        if served.outcome in {FAILED, TIMED_OUT}:
            return self.target.writes
        return served.outcome != COMPLETE

    # asking

    def begin(self, now_s: float) -> None:
        """Ask the other arm, and legacy again where the noise is sampled."""
        target = self.target
        other = self._other = Ask(self, target.arm, target.service)
        self.deadline_s = now_s + self._shadow.timeout_s
        first = other
        if self.noise and target.legacy is not None:
            again = self._again = Ask(self, target.legacy.arm, target.legacy.service)
            self._counters.ask_again(extra=self.extra)
            if target.arm.name == "new" and random() < _EVEN:  # noqa: S311 - a coin, not a secret
                self._again_first = True
                first, self._waiting = again, other
            else:
                self._waiting = again
        self._asking = first
        first.start()

    def on_answer(self, ask: Ask) -> None:
        """One copy has come to its end."""
        if self.ended or ask is not self._asking:
            return
        if ask.capture.outcome == STARVED:
            self.shed(reasons.MEMORY)
            return
        if ask is self._other:
            refusal = ask.refusal
            if refusal is not None:
                self.shed(_REFUSALS.get(refusal, reasons.CONCURRENCY))
                return
        else:
            self._learn_of_legacy(ask)
        following, self._waiting = self._waiting, None
        self._asking = following
        if following is None:
            self._conclude()
        else:
            following.start()

    def _learn_of_legacy(self, again: Ask) -> None:
        """A second ask is over: where it went wrong, the next ones wait."""
        second_asks = self.target.flow.second_asks
        if again.refusal is not None:
            second_asks.pause(monotonic())
            self._again = None  # the second answer was an extra
        else:
            second_asks.on_answer(again.capture, monotonic())

    def time_out(self) -> None:
        """`timeout` is over: what has not come by now is not waited for."""
        asking, waiting = self._asking, self._waiting
        self._asking = self._waiting = None
        if asking is not None:
            asking.cut(TIMED_OUT)
        if self._again is not None and (asking is self._again or waiting is self._again):
            if asking is self._again:
                self._learn_of_legacy(asking)
            self._again = None  # an answer that did not come says nothing about noise
        self._conclude()

    # the end

    def shed(self, reason: str) -> None:
        """Give it up, for a reason that is counted."""
        if self.ended:
            return
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cut(NOT_ASKED)
        self._counters.give_up(reason)
        self._end()

    def _conclude(self) -> None:
        """Everything that there will be is there: off to the comparer."""
        try:
            message = self._message()
        except Exception:
            log.exception("mirror.message.failed", route=self._route.name)
            self._counters.lose(reasons.DEFECT)
        else:
            self._mirrors.outbox.offer(self._counters, message)
        self._end()

    def _message(self) -> list[bytes | memoryview]:
        other = self._other
        mirrored = self._failed_before or (other.capture if other is not None else Capture(self.memory, 0))
        if self._oversized and self._failed_before is None:
            mirrored.end(TOO_LARGE, "request_too_large")
        served, again = self._served, self._again
        self._counters.answer(mirrored.outcome)
        mirrored_arm = self.target.arm if self._failed_before is None else self._route_arm(self._served_arm)
        served_part = (served, self._head(served, self._served_arm))
        mirrored_part = (mirrored, self._head(mirrored, mirrored_arm))
        serves_new = self._served_arm.name == "new"
        legacy, new = (mirrored_part, served_part) if serves_new else (served_part, mirrored_part)
        again_part = None if again is None else (again.capture, self._head(again.capture, again.arm))
        about = [
            self.request_id.decode("latin-1"),
            time() - (monotonic() - self._started_s),
            self._route.name,
            self._served_arm.name,
            self._again_first and again is not None,
            self.target.sandbox,
        ]
        return encode_message(about, self.request, self.body, [legacy, new, again_part])

    def _head(self, capture: Capture, arm: ArmModel) -> list[object]:
        return answer_head(capture, arm, self.request, rewrites=self._route.rewrite_responses)

    def _route_arm(self, other_than: ArmModel) -> ArmModel:
        """The arm that could not serve, after a fallback to the other one."""
        arm = self._route.new if other_than.name == "legacy" else self._route.legacy
        return arm if arm is not None else other_than

    def _end(self) -> None:
        self.ended = True
        for capture in (self._served, self._failed_before):
            if capture is not None:
                capture.release()
                capture.outcome = NOT_ASKED  # the client may still be served: nothing of that is kept any more
        for ask in (self._other, self._again):
            if ask is not None:
                ask.capture.release()
        self._other = self._again = self._asking = self._waiting = None  # they refer to this: leave no cycle behind
        self._release_body()
        self._mirrors.forget(self)

    def _release_body(self) -> None:
        self.memory.held_bytes -= self._body_bytes
        self._body_bytes = 0
        self.body = []


def _outcome_of(failure: Failure) -> str:
    return TIMED_OUT if failure.on == "timeout" else FAILED
