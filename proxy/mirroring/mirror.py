"""One mirrored request, from the moment it was chosen to its message for the comparer.

```
serving ── ready ── asking, perhaps a second arm ── answered ── ended
   │         │         │                               │
   └─────────┴─────────┴───────────────────────────────┴──► shed: one reason, counted once
```
While the client is served it only keeps what passes. Then the other arm is asked, and for the noise sample of safe
requests legacy a second time: before or after new, by chance, so that what changes by itself between two answers shows
as often on one side as on the other. Asking, and making the message, are pieces of work for quiet moments
(`proxy.mirroring.quiet`).
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
from proxy.mirroring.message import encode_message
from shadow.exchange import COMPLETE, FAILED, NOT_ASKED, TIMED_OUT, TOO_LARGE

if TYPE_CHECKING:
    from proxy.hop.errors import Failure
    from proxy.hop.response import Response
    from proxy.mirroring.exchange import MirroredExchange
    from proxy.mirroring.mirrors import Mirrors
    from proxy.mirroring.table import Target
    from routes.model import ArmModel
    from routes.shadowing import ShadowModel

#: Failures of the pool that say nothing of the service, and what they are counted as.
_REFUSALS: Final = {
    errors.QUEUE_FULL: reasons.CONCURRENCY,
    errors.BREAKER_OPEN: reasons.BREAKER,
    errors.OUT_OF_RESOURCES: reasons.DESCRIPTORS,
}
_EVEN: Final = 0.5
_NEVER: Final = float("inf")
_NO_BODY: Final[list[bytes]] = []
#: How far it is, see above.
SERVING, READY, ASKING, ANSWERED, ENDED = range(5)

log = structlog.get_logger()


class Mirror:
    """What is known of one mirrored request.

    Attributes:
        exchange: the client's request and how it is served.
        body: pieces of the request's body, without chunks.
        trailers: raw trailer lines of the request.
        shadow: the policy.
        target: who gets the copy.
        noise: legacy is to be asked a second time.
        extra: … since the comparer wants it: the sample alone would not ask.
        served: the answer that the client gets.
        deadline_s: monotonic time at which it is given up, once it asks.
        state: how far it is; once `ENDED` it is counted and needs nothing more.
        given_up: the reason for which it was shed; "" where it was not, or not yet.
    """

    __slots__ = (  # noqa: RUF023 - by lifetime
        # of the request
        "_body_bytes",
        "_mirrors",
        "_oversized",
        "body",
        "exchange",
        "extra",
        "given_up",
        "memory",
        "noise",
        "shadow",
        "state",
        "target",
        "trailers",
        # of the client's answer
        "_failed_before",
        "_failure",
        "served",
        # of the copies
        "_again",
        "_again_first",
        "_asking",
        "_other",
        "_waiting",
        "deadline_s",
    )

    def __init__(self, mirrors: Mirrors, shadow: ShadowModel, target: Target, exchange: MirroredExchange) -> None:
        self._mirrors = mirrors
        self.shadow = shadow
        self.target = target
        self.exchange = exchange
        self.memory = memory = mirrors.memory
        self.noise = self.extra = self._oversized = self._again_first = False
        self._body_bytes = 0
        self.body: list[bytes] = [] if exchange.request.block.length else _NO_BODY
        self.trailers = b""
        self.served = Capture(memory, shadow.body_bytes_max)
        self._failure: Failure | None = None
        self._failed_before: Capture | None = None
        self._asking: Ask | None = None
        self._waiting: Ask | None = None
        self._other: Ask | None = None
        self._again: Ask | None = None
        self.deadline_s = _NEVER
        self.state = SERVING
        self.given_up = ""

    # while the client is served

    def keep_request(self, data: bytes) -> None:
        """A piece of the request's body."""
        if self.state != SERVING or self._oversized:
            return
        size = len(data)
        if self._body_bytes + size > self.shadow.body_bytes_max:
            self._oversized = True
            self._release_body()
        elif self.memory.held_bytes + size > self.memory.bytes_max:
            self.shed(reasons.MEMORY)
        else:
            self.body.append(data)
            self._body_bytes += size
            self.memory.held_bytes += size

    def on_served_response(self, response: Response, data: bytes | memoryview) -> None:
        """The head of the client's answer, and what came with it of the body."""
        self._failure = None
        if self.state == SERVING:
            self.served.keep_head(response, data)

    def on_served_body(self, data: bytes) -> None:
        """A piece of the client's answer."""
        if self.state == SERVING:
            self.served.keep(data)

    def on_served_failure(self, failure: Failure) -> None:
        """An attempt to serve has failed; another may follow."""
        self._failure = failure

    def on_fallback(self, error: str) -> None:
        """The arm that was to serve could not, and the other one is asked by the proxy: that is the comparison."""
        capture = self.served
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
        self.served = Capture(self.memory, self.shadow.body_bytes_max)

    def on_incomplete(self) -> None:
        """The client left, or broke off its request: what it would have got is not known."""
        if self.state == SERVING:
            self.shed(reasons.INCOMPLETE)

    def on_served(self) -> None:
        """The client has its answer, whatever it was: now, and only now, it is the mirror's turn."""
        if self.state != SERVING:
            return
        exchange = self.exchange
        served = self.served
        served.sent_s = exchange.connected_s
        failure = self._failure
        if failure is not None:
            served.end(_outcome_of(failure), failure.error)
        else:
            served.end()
        if served.outcome == STARVED:
            self.shed(reasons.MEMORY)
        elif not exchange.request_done:
            self.shed(reasons.INCOMPLETE)
        elif self._failed_before is not None or self._oversized or served.outcome != COMPLETE:
            self._settle(served)
        else:
            self.state = READY
            self._mirrors.make_ready(self)

    def _settle(self, served: Capture) -> None:
        """Ask only where that brings something to compare, and does no write that was not done."""
        failed = served.outcome in {FAILED, TIMED_OUT}
        if self._failed_before is not None or self._oversized or not failed or self.target.writes:
            self.state = ANSWERED
        else:
            self.state = READY
        self._mirrors.make_ready(self)

    # asking

    def begin(self) -> None:
        """Ask the other arm, and legacy again where the noise is sampled."""
        self.state = ASKING
        self.deadline_s = monotonic() + self.shadow.timeout_s
        target = self.target
        first = other = self._other = Ask(self, target.arm, target.service)
        if self.noise and target.legacy is not None:
            again = self._again = Ask(self, target.legacy.arm, target.legacy.service)
            target.counters.ask_again(extra=self.extra)
            if target.arm.name == "new" and random() < _EVEN:  # noqa: S311 - a coin, not a secret
                self._again_first = True
                first, self._waiting = again, other
            else:
                self._waiting = again
        self._asking = first
        first.start()

    def on_answer(self, ask: Ask) -> None:
        """One copy has come to its end."""
        if ask is not self._asking:
            return
        if ask.outcome == STARVED:
            self.shed(reasons.MEMORY)
            return
        if ask is not self._other:
            self._learn_of_legacy(ask)
        elif ask.refusal is not None:
            self.shed(_REFUSALS.get(ask.refusal, reasons.CONCURRENCY))
            return
        following, self._waiting = self._waiting, None
        self._asking = following
        if following is None:
            self._answered()
        else:
            following.start()

    def _learn_of_legacy(self, again: Ask) -> None:
        """A second ask is over: where it went wrong, the next ones wait."""
        second_asks = self.target.flow.second_asks
        if again.refusal is not None:
            second_asks.pause(monotonic())
            self._again = None  # the second answer was an extra
        else:
            second_asks.on_answer(again, monotonic())

    def time_out(self) -> None:
        """`timeout` is over: what has not come by now is not waited for."""
        if self.state != ASKING:
            return
        asking, waiting = self._asking, self._waiting
        self._asking = self._waiting = None
        if asking is not None:
            asking.cut(TIMED_OUT)
        if self._again is not None and (asking is self._again or waiting is self._again):
            if asking is self._again:
                self._learn_of_legacy(asking)
            self._again = None  # an answer that did not come says nothing about noise
        self._answered()

    def _answered(self) -> None:
        self._stop_asking()
        self._mirrors.make_done(self)

    def _stop_asking(self) -> None:
        self.state = ANSWERED
        self.deadline_s = _NEVER
        self.target.flow.active -= 1

    # the end

    def shed(self, reason: str) -> None:
        """Give it up, for a reason that is counted."""
        if self.state == ENDED:
            return
        asking, self._asking = self._asking, None
        if asking is not None:
            asking.cut(NOT_ASKED)
        if self.state == ASKING:
            self._stop_asking()
        self.given_up = reason
        self.target.counters.give_up(reason)
        self._end()

    def conclude(self) -> None:
        """Everything that there will be is there: off to the comparer."""
        if self.state == ENDED:
            return
        counters = self.target.counters
        try:
            message = self._message()
        except Exception:
            log.exception("mirror.message.failed", route=counters.route)
            counters.lose(reasons.DEFECT)
        else:
            self._mirrors.outbox.offer(counters, message)
        self._end()

    def _message(self) -> list[bytes | memoryview]:
        exchange = self.exchange
        route = exchange.decision.route
        target = self.target
        served, again = self.served, self._again
        served_arm = exchange.arm
        if self._failed_before is None:
            mirrored: Capture = self._other or Capture(self.memory, 0)
            mirrored_arm = target.arm
            if self._oversized:
                mirrored.end(TOO_LARGE, "request_too_large")
        else:
            mirrored, mirrored_arm = self._failed_before, self._arm_that_failed(served_arm)
        target.counters.answer(mirrored.outcome)
        answers = [(served, served_arm), (mirrored, mirrored_arm)]
        if served_arm.name == "new":
            answers.reverse()
        about = [
            exchange.request_id.decode("latin-1"),
            time() - (monotonic() - exchange.started_s),
            route.name,
            served_arm.name,
            self._again_first and again is not None,
            target.sandbox,
        ]
        if again is not None:
            answers.append((again, again.arm))
        return encode_message(about, exchange.request, self.body, answers, rewrites=route.rewrite_responses)

    def _arm_that_failed(self, served_arm: ArmModel) -> ArmModel:
        """The arm that could not serve, after a fallback to the other one."""
        route = self.exchange.decision.route
        arm = route.new if served_arm.name == "legacy" else route.legacy
        return arm if arm is not None else served_arm

    def _end(self) -> None:
        self.state = ENDED
        self.deadline_s = _NEVER
        self.served.release()
        if self._failed_before is not None:
            self._failed_before.release()
        if self._other is not None:
            self._other.release()
        if self._again is not None:
            self._again.release()
        self._other = self._again = self._waiting = None  # they refer to this: leave no cycle behind
        if self._body_bytes:
            self._release_body()
        del self.exchange  # likewise
        self._mirrors.forget(self)

    def _release_body(self) -> None:
        self.memory.held_bytes -= self._body_bytes
        self._body_bytes = 0
        self.body = _NO_BODY


def _outcome_of(failure: Failure) -> str:
    return TIMED_OUT if failure.on == "timeout" else FAILED
