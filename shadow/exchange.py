"""One request with the response of each arm that was asked: the unit that travels from a worker to the comparer.

An exchange is data, complete before it is sent; nothing of it moves any more. Bodies are as they were on the wire,
without chunks but with their Content-Encoding: decoding is the comparer's work, not the data plane's.

On the stream an exchange is four bytes of length, a JSON object and the bodies, one after the other, in the order
request, legacy, new, again. See `encode`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from shadow.errors import MalformedExchangeError

#: Header fields: (name in lower case, value), in the order received.
Fields = tuple[tuple[str, str], ...]

#: Outcomes of asking one arm. Only `complete` can be compared.
COMPLETE: Final = "complete"
TOO_LARGE: Final = "too_large"  # a body beyond body_bytes_max: `body` holds its beginning
STREAMED: Final = "streamed"  # text/event-stream and the like: not captured
UPGRADED: Final = "upgraded"  # 101
TIMED_OUT: Final = "timed_out"
FAILED: Final = "failed"  # no whole response: `error` says why
NOT_ASKED: Final = "not_asked"
OUTCOMES: Final = (COMPLETE, TOO_LARGE, STREAMED, UPGRADED, TIMED_OUT, FAILED, NOT_ASKED)

_LENGTH_BYTES: Final = 4
_HEAD_BYTES_MAX: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What one arm answered.

    Attributes:
        outcome: one of `OUTCOMES`.
        status: 100 to 999; 0 where there is no response.
        fields: of the response, in lower case, in order.
        body: without chunks, with its Content-Encoding; empty where it was not captured.
        body_bytes: length of the whole body, also where only its beginning was captured.
        error: Proxy-Status error type of a failure, else "".
        first_byte_s: from sending the request to the head of the response.
        total_s: from sending the request to the last byte.
    """

    outcome: str
    status: int = 0
    fields: Fields = ()
    body: bytes = b""
    body_bytes: int = 0
    error: str = ""
    first_byte_s: float = 0.0
    total_s: float = 0.0

    def field(self, name: str) -> str | None:
        """The first value of a field, by its name in lower case."""
        return next((value for key, value in self.fields if key == name), None)


@dataclass(frozen=True, slots=True)
class AskedRequest:
    """The request as the client sent it.

    Attributes:
        method: upper case as sent.
        target: `path?query` as sent.
        host: authority the client used.
        scheme: `http` or `https`.
        fields: headers, names in lower case, in order; hop-by-hop ones left out.
        body: without chunks.
    """

    method: str
    target: str
    host: str
    scheme: str = "http"
    fields: Fields = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One mirrored request.

    Attributes:
        id: the request id, unique.
        at: Unix time in seconds when the request arrived.
        route: name of the route.
        served: `"legacy"` or `"new"`: whose answer the client got.
        request: what was asked.
        legacy: answer of the legacy arm.
        new: answer of the new arm.
        again: second answer of the legacy arm, where it was asked for the noise; else None.
        again_before_new: the second legacy answer was asked for before new was.
        sandbox: new's answer is the sandbox service's.
    """

    id: str
    at: float
    route: str
    served: str
    request: AskedRequest
    legacy: Answer
    new: Answer
    again: Answer | None = None
    again_before_new: bool = False
    sandbox: bool = False


def encode(exchange: Exchange) -> list[bytes]:
    """An exchange as the pieces of one message, for `writelines` after the message's own framing."""
    bodies = [exchange.request.body, exchange.legacy.body, exchange.new.body]
    if exchange.again is not None:
        bodies.append(exchange.again.body)
    head = orjson.dumps(
        [
            [exchange.id, exchange.at, exchange.route, exchange.served, exchange.again_before_new, exchange.sandbox],
            [
                exchange.request.method,
                exchange.request.target,
                exchange.request.host,
                exchange.request.scheme,
                exchange.request.fields,
            ],
            _head(exchange.legacy),
            _head(exchange.new),
            None if exchange.again is None else _head(exchange.again),
            [len(body) for body in bodies],
        ]
    )
    return [len(head).to_bytes(_LENGTH_BYTES, "big"), head, *bodies]


def decode(message: bytes | memoryview) -> Exchange:
    """The exchange of one whole message.

    Raises:
        MalformedExchangeError: it is none.
    """
    view = memoryview(message)
    head_bytes = int.from_bytes(view[:_LENGTH_BYTES], "big")
    at = _LENGTH_BYTES + head_bytes
    if len(view) < at or head_bytes > _HEAD_BYTES_MAX:
        raise MalformedExchangeError(f"a message of {len(view)} bytes says that its head has {head_bytes}")
    try:
        about, request, legacy, new, again, sizes = orjson.loads(view[_LENGTH_BYTES:at])
        bodies = []
        for size in sizes:
            bodies.append(bytes(view[at : at + size]))
            at += size
        if at != len(view):
            raise MalformedExchangeError(f"bodies end at byte {at} of {len(view)}")
        identifier, arrived, route, served, again_before_new, sandbox = about
        method, target, host, scheme, fields = request
        return Exchange(
            id=identifier,
            at=arrived,
            route=route,
            served=served,
            request=AskedRequest(method, target, host, scheme, _fields(fields), bodies[0]),
            legacy=_answer(legacy, bodies[1]),
            new=_answer(new, bodies[2]),
            again=None if again is None else _answer(again, bodies[3]),
            again_before_new=again_before_new,
            sandbox=sandbox,
        )
    except (ValueError, TypeError, IndexError) as error:
        raise MalformedExchangeError(str(error)) from error


def _head(answer: Answer) -> list[Any]:
    return [
        answer.outcome,
        answer.status,
        answer.fields,
        answer.body_bytes,
        answer.error,
        answer.first_byte_s,
        answer.total_s,
    ]


def _answer(head: list[Any], body: bytes) -> Answer:
    outcome, status, fields, body_bytes, error, first_byte_s, total_s = head
    return Answer(outcome, status, _fields(fields), body, body_bytes, error, first_byte_s, total_s)


def _fields(pairs: list[list[str]]) -> Fields:
    return tuple((name, value) for name, value in pairs)
