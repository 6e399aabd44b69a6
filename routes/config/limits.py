"""What a client may ask of the proxy at most."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from routes.config.part import Part
from routes.config.scalar import Whole
from routes.units import Duration, Size


class Limits(Part):
    """Bounds on clients, for every listening address, per worker process."""

    header_bytes_max: Size = 32 * 1024
    """Size of a request's head: request line and all header fields. More is answered with 431."""
    headers_max: Annotated[Whole, Field(ge=1, le=10_000)] = 100
    """Number of header fields of a request. More is answered with 431."""
    target_bytes_max: Size = 8 * 1024
    """Length of the request target, path and query. More is answered with 414."""
    body_bytes_max: Size | None = None
    """Size of a request body. More is answered with 413; a body of unknown length is cut there. Default `null`: no
    bound, since bodies are streamed and never kept."""
    body_rate_min: Size | None = 240
    """Bytes per second that a request body must bring at least, once `body_rate_grace` is over; slower is answered with
    408. `null` turns it off, and slow clients then hold a connection for as long as they like."""
    body_rate_grace: Duration = 5.0
    """How long a request body may be slower than `body_rate_min` at its start."""
    connections_max: Annotated[Whole, Field(ge=1, le=1_000_000)] = 10_000
    """Open client connections per worker. Further ones are closed at once."""
    pipeline_max: Annotated[Whole, Field(ge=1, le=1_000)] = 32
    """Requests that a client may send on a connection before it got the first answer. Beyond it the proxy stops
    reading until it has answered some."""
    header_timeout: Duration = 10.0
    """From the first byte of a request to the end of its head. Longer is answered with 408."""
    half_close_timeout: Duration = 5.0
    """How long a client that has closed its sending side still gets an answer. Most such clients are gone for good, and
    their request is given up then; an answer that has begun is sent to its end."""
    idle_timeout: Duration = 75.0
    """How long a connection without a request stays open. Keep it longer than that of a load balancer before the
    proxy, or that one runs into closed connections."""
