"""Everything that can go wrong on the hop, as values and exceptions.

    HopError
    ├── RequestRefused      the client's request breaks a rule: answered at once, usually closes the connection
    └── ResponseRefused     a service's response breaks a rule: 502, and its connection is never used again

A `Failure` is a value, not an exception: what happened on the way to a service, with everything that the retry
decision, the error page, the Proxy-Status field (RFC 9209) and the log line need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Failure:
    """One way in which a request cannot be served.

    Attributes:
        status: the status that the client gets.
        error: the Proxy-Status error type, RFC 9209 section 2.3 (or `request_...` ones of ours, documented).
        title: the problem's title, RFC 9457 section 3.1.4: the same words for every occurrence.
        on: the condition's name in `retry.on` and `fallback.on` (`connect`, `reset`, `timeout`, `502` …), "" for none.
    """

    status: int
    error: str
    title: str
    on: str = ""


# Made by the proxy before a service is asked.
BAD_REQUEST: Final = Failure(400, "http_request_error", "The request is not valid HTTP")
UNSAFE_PATH: Final = Failure(400, "http_request_error", "The path could be read in two ways")
NO_ROUTE: Final = Failure(404, "destination_not_found", "No route matches this request")
METHOD_REFUSED: Final = Failure(405, "http_request_denied", "The method is not passed on")
REQUEST_TIMEOUT: Final = Failure(408, "http_request_error", "The request took too long to arrive")
LENGTH_REQUIRED: Final = Failure(411, "http_request_error", "The request's body has no length")
BODY_TOO_LARGE: Final = Failure(413, "http_request_error", "The request's body is too large")
TARGET_TOO_LONG: Final = Failure(414, "http_request_error", "The request's target is too long")
EXPECTATION_FAILED: Final = Failure(417, "http_request_error", "The expectation is not one that can be met")
MISDIRECTED: Final = Failure(421, "destination_not_found", "This host is not served here")
HEAD_TOO_LARGE: Final = Failure(431, "http_request_error", "The request's header fields are too large")
UNKNOWN_CODING: Final = Failure(501, "http_request_error", "The transfer coding is not implemented")
VERSION_UNKNOWN: Final = Failure(505, "http_request_error", "The HTTP version is not spoken here")
LOOP: Final = Failure(508, "proxy_loop_detected", "The request has been here before")
TOO_MANY_CONNECTIONS: Final = Failure(503, "connection_limit_reached", "Too many client connections")

# Made by the proxy on behalf of a service.
CONNECTION_REFUSED: Final = Failure(502, "connection_refused", "The service refused the connection", "connect")
CONNECTION_FAILED: Final = Failure(502, "destination_ip_unroutable", "The service cannot be reached", "connect")
NAME_UNRESOLVED: Final = Failure(502, "dns_error", "The service's name does not resolve", "connect")
CONNECT_TIMEOUT: Final = Failure(504, "connection_timeout", "The service took too long to accept", "connect")
CERTIFICATE_REFUSED: Final = Failure(502, "tls_certificate_error", "The service's certificate is not valid", "connect")
TLS_FAILED: Final = Failure(502, "tls_protocol_error", "The service's TLS handshake failed", "connect")
TLS_ALERT: Final = Failure(502, "tls_alert_received", "The service ended TLS with an alert", "reset")
CONNECTION_RESET: Final = Failure(502, "connection_terminated", "The service closed the connection", "reset")
BAD_RESPONSE: Final = Failure(502, "http_protocol_error", "The service's response is not valid HTTP", "502")
RESPONSE_TOO_LARGE: Final = Failure(502, "http_response_header_section_size", "The response's head is too large", "502")
UPGRADE_FAILED: Final = Failure(502, "http_upgrade_failed", "The service switched protocols unasked", "502")
RESPONSE_TIMEOUT: Final = Failure(504, "http_response_timeout", "The service took too long to answer", "timeout")
WRITE_TIMEOUT: Final = Failure(504, "connection_write_timeout", "The service took too long to read", "timeout")
QUEUE_FULL: Final = Failure(503, "connection_limit_reached", "Too many requests wait for the service", "503")
QUEUE_TIMEOUT: Final = Failure(503, "connection_limit_reached", "The request waited too long for the service", "503")
BREAKER_OPEN: Final = Failure(503, "destination_unavailable", "The service fails too often to be asked", "503")
OUT_OF_RESOURCES: Final = Failure(503, "proxy_internal_error", "The proxy is out of file descriptors", "")
INTERNAL: Final = Failure(500, "proxy_internal_error", "The proxy failed", "")


class HopError(Exception):
    """The root of this package's exceptions."""


class RequestRefused(HopError):  # noqa: N818 - a refusal is the hop's answer, not its error
    """A request that is answered with an error at once.

    Attributes:
        failure: what to answer.
        detail: a sentence for the person who reads the answer, without anything secret.
    """

    def __init__(self, failure: Failure, detail: str) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail


class ResponseRefused(HopError):  # noqa: N818 - as RequestRefused
    """A response that must not reach the client.

    Attributes:
        failure: what to answer instead.
        detail: what is wrong with the response, for the log and the error page.
    """

    def __init__(self, detail: str, failure: Failure = BAD_RESPONSE) -> None:
        super().__init__(detail)
        self.failure = failure
        self.detail = detail
