"""TLS contexts: for the clients of a listening address, and towards the endpoints of a service.

Both speak TLS 1.2 and 1.3 and offer only `http/1.1` (ALPN, RFC 7301). Contexts are made when configuration is
installed, never on the request path; connections that are open keep the context they began with.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from proxy.hop.certificate import TlsError, inspect_certificate, load_certificate, read_pem

if TYPE_CHECKING:
    from routes.config import ListenTls, ServiceTls

__all__ = ["TlsError", "client_context", "server_context"]

log = structlog.get_logger(__name__)


def server_context(tls: ListenTls, clock: Callable[[], float] = time.time) -> ssl.SSLContext:
    """The context for clients. It shows the certificate whose names fit the host that the client asks for (SNI).

    An exact name wins over a wildcard, an earlier certificate over a later one. The first is shown to clients that ask
    for no host or for an unknown one. With `client_ca`, a client without a certificate of that authority is refused.
    Expired certificates are used, and logged as `tls.certificate.expired`.

    Args:
        tls: as configured.
        clock: seconds since the epoch.

    Raises:
        TlsError: a file cannot be used.
    """
    contexts: list[tuple[ssl.SSLContext, tuple[str, ...]]] = []
    for pair in tls.certificates:
        context = _context(ssl.PROTOCOL_TLS_SERVER)
        load_certificate(context, pair.certificate, pair.key)
        facts = inspect_certificate(pair.certificate, pair.key, "server", clock)
        if tls.client_ca is not None:  # in each: a connection keeps the demand of the context that it began with
            _trust(context, tls.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
        contexts.append((context, facts.names))
    default = contexts[0][0]
    if len(contexts) > 1:
        default.sni_callback = _chooser(contexts)
    return default


def client_context(tls: ServiceTls, clock: Callable[[], float] = time.time, *, service: str = "") -> ssl.SSLContext:
    """The context towards a service: verifies its certificate and name before a byte is sent.

    The name that is verified, and sent as SNI, is `server_hostname` of the connection: `tls.server_name`, else the
    host of the URL. With `verify: false` anything is accepted, which is logged as `tls.verification.disabled`.

    Args:
        tls: as configured.
        clock: seconds since the epoch.
        service: its name, for the log.

    Raises:
        TlsError: a file cannot be used.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        log.warning("tls.verification.disabled", service=service or None)
    elif tls.ca is not None:
        _trust(context, tls.ca)
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if tls.certificate is not None:
        key = tls.key or tls.certificate
        load_certificate(context, tls.certificate, key)
        inspect_certificate(tls.certificate, key, "client", clock)
    return context


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


def _trust(context: ssl.SSLContext, authority: Path) -> None:
    pem = read_pem(authority, "certificate of the authority")
    if b"-----BEGIN" not in pem:
        raise TlsError(
            authority, "there is no PEM certificate in it", "name a PEM file with the authority's certificate"
        )
    try:
        context.load_verify_locations(authority)
    except ssl.SSLError as error:
        reason = f"OpenSSL refuses the authority's certificate ({error.reason or error})"
        raise TlsError(authority, reason, "check it with openssl x509") from error


def _chooser(
    contexts: Iterable[tuple[ssl.SSLContext, tuple[str, ...]]],
) -> Callable[[ssl.SSLObject, str | None, ssl.SSLContext], None]:
    exact: dict[str, ssl.SSLContext] = {}
    wildcards: dict[str, ssl.SSLContext] = {}
    for context, names in contexts:
        for name in names:
            if name.startswith("*."):
                wildcards.setdefault(name[2:], context)
            else:
                exact.setdefault(name, context)

    def choose(connection: ssl.SSLObject, host: str | None, default: ssl.SSLContext) -> None:
        del default
        if host is None:
            return
        name = host.lower().rstrip(".")
        # A wildcard stands for exactly one label, RFC 9525 section 6.3.
        context = exact.get(name) or wildcards.get(name.partition(".")[2])
        if context is not None:
            connection.context = context

    return choose
