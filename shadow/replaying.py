"""A kept request that is sent again: what of it is left after redaction, and what has to be given anew. Pure.

What was a secret is a token in the store and nothing that a service would take, so it is left out and named. Only what
is safe by its method (RFC 9110, 9.2.1) is ever sent again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from routes.methods import SAFE_METHODS
from shadow.errors import ReplayError
from shadow.exchange import Fields
from shadow.keeping.places import TOKEN_START
from shadow.keeping.records import Record

#: Fields that whoever may replay may give; there are few that make sense.
GIVEN_MAX: Final = 50
#: What is made anew for each request, or would make the answer depend on the replay.
_NOT_SENT: Final = frozenset(
    {
        *("connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer"),
        *("transfer-encoding", "upgrade", "x-strangler-mirror"),
        *("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"),
    }
)


_NAME: Final = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,200}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Replay:
    """What is sent to both arms.

    Attributes:
        method: GET, HEAD or OPTIONS.
        path: without query.
        query: after `?`; None where there is none.
        host: the authority that the client used.
        scheme: that it used.
        fields: lower names with values, those that were given last.
        missing: names of fields that were secrets and were not given anew.
    """

    method: str
    path: str
    query: str | None
    host: str
    scheme: str
    fields: Fields
    missing: tuple[str, ...]


def plan_replay(record: Record, given: Sequence[tuple[str, str]] = ()) -> Replay:
    """What to send for a kept exchange.

    Args:
        record: the exchange.
        given: fields (name, value) to send instead of what is missing, or in addition.

    Raises:
        ReplayError: it may not or cannot be sent again; the message says why.
    """
    request = record.request
    if request.method.encode("latin-1", "replace") not in SAFE_METHODS:
        raise ReplayError(f"a {request.method} may change things, so it is not sent again")
    if request.body_bytes:
        raise ReplayError("it had a body, and of bodies only what was decoded is kept")
    if TOKEN_START in unquote(request.target):
        raise ReplayError("its path or query has secrets, of which only tokens are kept: send it yourself")
    if request.target.endswith("…"):
        raise ReplayError("its path and query were too long to be kept whole")
    fresh = _checked(given)
    names = {name for name, _ in fresh}
    kept, missing = [], []
    for name, value in request.fields:
        if name in names or name in _NOT_SENT:
            continue
        if TOKEN_START in value:
            missing.append(name)
        else:
            kept.append((name, value))
    path, mark, query = request.target.partition("?")
    return Replay(
        method=request.method,
        path=path,
        query=query if mark else None,
        host=request.host,
        scheme=request.scheme,
        fields=(*kept, *fresh),
        missing=tuple(dict.fromkeys(missing)),
    )


def _checked(given: Sequence[tuple[str, str]]) -> Fields:
    if len(given) > GIVEN_MAX:
        raise ReplayError(f"at most {GIVEN_MAX} headers may be given")
    fresh = []
    for name, value in given:
        lower = name.strip().lower()
        if _NAME.fullmatch(lower) is None:
            raise ReplayError(f"{name!r} is no name of a header")
        if any(character in value for character in "\r\n\0"):
            raise ReplayError(f"the value of {lower} has a line break")
        if lower in _NOT_SENT:
            raise ReplayError(f"{lower} cannot be given: it is made anew for each request")
        fresh.append((lower, value.strip()))
    return tuple(fresh)
