"""The named upstreams."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ModelWrapValidatorHandler, model_validator

from routes.config.part import FilePath, Part
from routes.config.scalar import Switch, Whole
from routes.config.text import HeaderValue, Host
from routes.faults import Clash, fault, gather, peek
from routes.template import is_plain_path
from routes.units import Duration, Share

_URL_ALLOWED = "http:// or https://, a host, and where needed a port and a base path: http://10.0.0.7:8000/app"
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?\Z")


def _url(value: str) -> str:
    text = value.strip()
    scheme, separator, _ = text.partition("://")
    if not separator:
        raise fault("is not a URL", allowed=_URL_ALLOWED, hint=f"write http://{text}" if text else None)
    if scheme.lower() not in {"http", "https"}:
        raise fault(f"has the scheme {scheme}", allowed=_URL_ALLOWED)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise fault(f"is not a URL: {error}", allowed=_URL_ALLOWED) from error
    if "@" in parts.netloc:
        raise fault(
            "has a user name or password",
            allowed=_URL_ALLOWED,
            hint="set an Authorization header in the route's rewrite",
        )
    if "?" in text or "#" in text:
        raise fault("has a query or fragment", allowed=_URL_ALLOWED, hint="set parameters in the route's rewrite.query")
    host = parts.hostname or ""
    if not host or (":" not in host and _HOST.match(host) is None) or port == 0 or parts.netloc.endswith(":"):
        raise fault("has no valid host or port", allowed=_URL_ALLOWED)
    if parts.path and not is_plain_path(parts.path.encode("utf-8", "replace")):
        raise fault("has a base path that servers may read differently (.., //, %2f)", allowed=_URL_ALLOWED)
    return text.rstrip("/")


def _health_path(value: str) -> str:
    if re.fullmatch(r"/[!-~]*", value) is None:
        hint = f"write /{value}" if re.fullmatch(r"[!-~]+", value) and "://" not in value else None
        raise fault("is not a path", allowed="text that starts with /, such as /healthz", hint=hint)
    return value


class Health(Part):
    """Active health checks of each URL of a service, by every worker."""

    path: Annotated[str, AfterValidator(_health_path)] = "/healthz"
    """Path (and query) that is asked for with GET, below the URL's base path. 2xx and 3xx are healthy."""
    interval: Duration = 5.0
    """From one check to the next, with some jitter."""
    timeout: Duration = 1.0
    """How long one check may take, connecting included."""
    unhealthy_after: Annotated[Whole, Field(ge=1, le=1000)] = 3
    """Failures in a row after which the URL gets no more requests."""
    healthy_after: Annotated[Whole, Field(ge=1, le=1000)] = 2
    """Successes in a row after which it gets requests again."""


class Breaker(Part):
    """Stops asking a URL that fails too often, so that it can recover and clients need not wait."""

    errors: Share = 0.5
    """Share of failed requests (no connection, timeout, 502, 503, 504) in the window that opens the breaker."""
    window: Duration = 10.0
    """How far back requests count."""
    requests_min: Annotated[Whole, Field(ge=1, le=1_000_000)] = 20
    """With fewer requests in the window it never opens."""
    open_for: Duration = 5.0
    """How long it stays open. Then one request is let through, and its result decides."""


class RetryBudget(Part):
    """Keeps retries from multiplying the load on a service that is already failing."""

    share: Share = 0.2
    """Retries may be this share of the requests that are under way."""
    minimum: Annotated[Whole, Field(ge=0, le=100_000)] = 3
    """So many retries at once are always allowed."""


class ServiceTls(Part):
    """How the proxy speaks TLS to the `https` URLs of a service."""

    ca: FilePath | None = None
    """PEM file with the authorities that may have signed the service's certificate. Default: the system's."""
    certificate: FilePath | None = None
    """PEM file with the client certificate that the proxy shows. Default: none."""
    key: FilePath | None = None
    """PEM file with the key of that certificate."""
    server_name: Host | None = None
    """Name that the certificate must have and that is sent as SNI. Default: the URL's host."""
    verify: Switch = True
    """`false` accepts any certificate: whoever sits on the network in between can read and change everything."""

    @model_validator(mode="wrap")
    @classmethod
    def _together(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return gather(data, handler, _half_of_a_pair(data))


def _half_of_a_pair(data: Any) -> Iterator[Clash]:
    for one, other in (("certificate", "key"), ("key", "certificate")):
        if peek(data, one) is not None and peek(data, other) is None:
            yield Clash((one,), fault(f"needs {other} beside it"), peek(data, one))


class Service(Part):
    """A named upstream with one or more URLs."""

    urls: list[Annotated[str, AfterValidator(_url)]] = Field(min_length=1)
    """Its endpoints, `http://` or `https://`, each with a base path where needed. The one with the fewest requests
    under way gets the next."""
    connect_timeout: Duration = 2.0
    """To connect, TLS included. Longer counts as failure to connect and is answered with 504."""
    response_timeout: Duration = 30.0
    """From the request's last byte to the head of the response. Longer is answered with 504."""
    idle_timeout: Duration = 60.0
    """Between two pieces of a body, either way. Longer ends the exchange."""
    tunnel_idle_timeout: Duration = 3600.0
    """How long an upgraded connection (WebSocket) may stay silent."""
    connections_max: Annotated[Whole, Field(ge=1, le=100_000)] = 256
    """Connections to all URLs together, per worker: it protects the service."""
    queue_max: Annotated[Whole, Field(ge=0, le=1_000_000)] = 1000
    """Requests that may wait for a connection, per worker. More are answered with 503 at once."""
    queue_timeout: Duration = 1.0
    """How long they may wait. Longer is answered with 503."""
    idle_connections_max: Annotated[Whole, Field(ge=0, le=100_000)] = 64
    """Connections kept open for further requests, per URL and worker. 0 closes each after its request."""
    keepalive: Duration = 60.0
    """How long an unused connection is kept. Keep it shorter than the service's own, or requests meet closed ones."""
    retry_budget: RetryBudget = Field(default_factory=RetryBudget)
    """Bound on retries, over all routes to the service."""
    health: Health | None = None
    """Active health checks. Default: none; `{}` turns them on with their defaults."""
    breaker: Breaker | None = None
    """Breaker per URL. Default: none; `{}` turns it on with its defaults."""
    host_header: HeaderValue = Field(default="client", min_length=1)
    """The Host that the service sees: `client` (as the client sent it), `service` (the URL's), or a literal host."""
    tls: ServiceTls = Field(default_factory=ServiceTls)
    """TLS to `https` URLs."""

    @model_validator(mode="wrap")
    @classmethod
    def _together(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        return gather(data, handler, _urls_twice(data))


def _urls_twice(data: Any) -> Iterator[Clash]:
    urls = peek(data, "urls")
    for index, url in enumerate(urls if isinstance(urls, list) else []):
        if isinstance(url, str) and url in urls[:index]:
            yield Clash(("urls", index), fault("is listed twice"), url)
