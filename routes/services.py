"""From the configuration of services to their models."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from routes.model import BreakerModel, HealthModel, ServiceModel, Url

if TYPE_CHECKING:
    from routes.config import Config, Service

#: Ports that a URL and a Host header leave out.
DEFAULT_PORTS = {"http": 80, "https": 443}


def compile_services(config: Config) -> dict[str, ServiceModel]:
    """The services by name."""
    return {name: _service(name, service) for name, service in config.services.items()}


def compile_url(text: str) -> Url:
    """Take the URL of a service apart.

    Raises:
        ValueError: it is not an http or https URL with a host.
    """
    parsed = urlsplit(text)
    host = (parsed.hostname or "").removesuffix(".")
    if parsed.scheme not in DEFAULT_PORTS or not host:
        raise ValueError(f"{text!r} is not an http or https URL with a host")
    if ":" in host:
        host = IPv6Address(host).compressed
    default = DEFAULT_PORTS[parsed.scheme]
    port = parsed.port or default
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port == default else f"{shown}:{port}"
    return Url(parsed.scheme, host, port, authority.encode("latin-1"), parsed.path.rstrip("/").encode("latin-1"), text)


def _service(name: str, service: Service) -> ServiceModel:
    health, breaker = service.health, service.breaker
    header = service.host_header
    return ServiceModel(
        name=name,
        urls=tuple(compile_url(str(url)) for url in service.urls),
        connect_timeout_s=service.connect_timeout,
        response_timeout_s=service.response_timeout,
        idle_timeout_s=service.idle_timeout,
        tunnel_idle_timeout_s=service.tunnel_idle_timeout,
        connections_max=service.connections_max,
        queue_max=service.queue_max,
        queue_timeout_s=service.queue_timeout,
        idle_connections_max=service.idle_connections_max,
        keepalive_s=service.keepalive,
        health=None
        if health is None
        else HealthModel(health.path, health.interval, health.timeout, health.unhealthy_after, health.healthy_after),
        breaker=None
        if breaker is None
        else BreakerModel(breaker.errors, breaker.window, breaker.requests_min, breaker.open_for),
        host_header=header if header in {"client", "service"} else header.encode("latin-1"),
        tls=service.tls,
        retry_budget_share=service.retry_budget.share,
        retry_budget_minimum=service.retry_budget.minimum,
    )
