"""A mirrored request as one message for the comparer: the format of `shadow.exchange`, without making its records.

Most of a message is header fields, and they repeat: a client sends the same block with each request, and a service
answers with the same head. So the JSON of a block's or a head's fields is made once and kept with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from proxy.hop import names

if TYPE_CHECKING:
    from proxy.hop.block import Block
    from proxy.hop.request import Request
    from proxy.hop.response import Response
    from proxy.mirroring.capture import Capture
    from routes.model import ArmModel

_LENGTH_BYTES: Final = 4
#: Legacy, new, legacy again.
_ANSWERS: Final = 3
#: Request fields that end at this hop.
_HOP: Final = frozenset(
    {names.STRIP, names.CONNECTION, names.UPGRADE, names.TE, names.TRANSFER_ENCODING, names.EXPECT, names.LOOKALIKE}
)


def encode_message(
    about: list[Any],
    request: Request,
    body: list[bytes],
    answers: list[tuple[Capture, ArmModel]],
    *,
    rewrites: bool,
) -> list[bytes | memoryview]:
    """The pieces of one message.

    Args:
        about: id, arrival, route, arm that served, whether legacy was asked again before new, sandbox.
        request: what the client asked.
        body: pieces of its body.
        answers: of legacy and of new, and perhaps of legacy again, each with the arm whose it is.
        rewrites: whether fields that name a service are mapped to what the client sees, as they are for the client.
    """
    asked = [
        request.method.decode("latin-1"),
        request.target.decode("latin-1"),
        request.authority.decode("latin-1"),
        request.scheme.decode("latin-1"),
        orjson.Fragment(request.block.fields_json or request_fields(request.block)),
    ]
    pieces: list[bytes | memoryview] = [b"", *body]
    bodies = [sum(map(len, body)) if body else 0]
    head: list[Any] = [about, asked]
    for capture, arm in answers:
        head.append(_answer(capture, arm, request, rewrites=rewrites))
        bodies.append(capture.kept_bytes)
        pieces += capture.pieces
    if len(answers) < _ANSWERS:
        head.append(None)
    head.append(bodies)
    encoded = orjson.dumps(head)
    pieces[0] = len(encoded).to_bytes(_LENGTH_BYTES, "big") + encoded
    return pieces


def _answer(capture: Capture, arm: ArmModel, request: Request, *, rewrites: bool) -> list[Any]:
    """What a message says of one answer, its body aside."""
    response = capture.response
    if response is None:
        status, fields = 0, b"[]"
    else:
        status = response.status
        if rewrites and response.mapped:
            fields = _mapped_fields(response, arm, request)
        else:
            fields = response.fields_json or _fields(response)
    first_byte_s = total_s = 0.0
    sent_s = capture.sent_s
    if sent_s:
        total_s = capture.ended_s - sent_s
        if capture.first_byte_s:
            first_byte_s = capture.first_byte_s - sent_s
    return [capture.outcome, status, orjson.Fragment(fields), capture.body_bytes, capture.error, first_byte_s, total_s]


def request_fields(block: Block) -> bytes:
    """The fields of a request as JSON, those of its connection left out; remembered with the block."""
    fields = block.fields_json = orjson.dumps(
        [
            [lower.decode("latin-1"), value.decode("latin-1")]
            for lower, value, _ in block.fields
            if names.REQUEST.get(lower) not in _HOP and lower not in block.strip
        ]
    )
    return fields


def _fields(response: Response) -> bytes:
    """The fields of an answer as JSON; remembered with the head."""
    gone = _gone(response)
    fields = response.fields_json = orjson.dumps(
        [[lower.decode("latin-1"), value.decode("latin-1")] for lower, value, _ in response.fields if lower not in gone]
    )
    return fields


def _mapped_fields(response: Response, arm: ArmModel, request: Request) -> bytes:
    gone = _gone(response)
    return orjson.dumps(
        [
            [lower.decode("latin-1"), _mapped(lower, value, arm, request).decode("latin-1")]
            for lower, value, _ in response.fields
            if lower not in gone
        ]
    )


def _mapped(lower: bytes, value: bytes, arm: ArmModel, request: Request) -> bytes:
    return arm.map_response(lower, value, request) if names.RESPONSE.get(lower) == names.RESPONSE_MAPPED else value


def _gone(response: Response) -> set[bytes]:
    return {lower for lower, _, _ in response.connection} | {b"transfer-encoding"}
