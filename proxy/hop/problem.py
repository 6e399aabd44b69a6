"""Answers that the proxy makes itself: RFC 9457 problem details, or a small page for people, with Proxy-Status."""

from __future__ import annotations

from html import escape
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson

from proxy.hop.errors import METHOD_REFUSED, Failure

if TYPE_CHECKING:
    from proxy.hop.request import Request

#: Methods that are passed on wherever a route lets them through.
ALLOW: Final = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
#: Seconds after which a client may try again where the failure passes by itself.
RETRY_AFTER_S: Final = 1

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{status} {title}</title>
<style>:root{{color-scheme:light dark}}
body{{font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem}}
h1{{font-size:1.4rem}}p{{opacity:.8}}code{{font-size:.85rem}}</style></head>
<body><h1>{title}</h1><p>{detail}</p><p><code>{status} {reason}{request}</code></p></body></html>
"""


def reason(status: int) -> str:
    """The reason phrase of a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def problem_for(
    request: Request | None,
    failure: Failure,
    detail: str,
    *,
    keep_alive: bool,
    service: str = "",
    request_id: bytes = b"",
) -> bytes:
    """A complete response to a request, in the form that it asks for; see `problem_response`.

    Args:
        request: None where it could not be read.
        failure: what happened.
        detail: a sentence on this occurrence.
        keep_alive: the connection goes on.
        service: name of the service that was asked.
        request_id: what to quote to those who read the logs.
    """
    accept = None
    if request is not None:
        accept = next((value for lower, value, _ in request.fields if lower == b"accept"), None)
    return problem_response(
        failure,
        detail,
        wants_html=prefers_html(accept),
        head_only=request is not None and request.method == b"HEAD",
        keep_alive=keep_alive,
        service=service,
        request_id=request_id.decode("latin-1"),
    )


def problem_response(
    failure: Failure,
    detail: str,
    *,
    wants_html: bool,
    head_only: bool,
    keep_alive: bool,
    service: str = "",
    request_id: str = "",
) -> bytes:
    """A complete response.

    Args:
        failure: what happened.
        detail: a sentence on this occurrence; shown to the client, so without addresses of services or secrets.
        wants_html: the client's Accept prefers a page.
        head_only: the request was HEAD: the head says what it would for GET, and no body follows.
        keep_alive: False adds `Connection: close`.
        service: name of the service that was asked, for Proxy-Status; the name alone, never its address.
        request_id: what to quote to those who read the logs.
    """
    status = failure.status
    if wants_html:
        kind = "text/html; charset=utf-8"
        body = _PAGE.format(
            status=status,
            title=escape(failure.title),
            detail=escape(detail),
            reason=escape(reason(status)),
            request=f" · {escape(request_id)}" if request_id else "",
        ).encode()
    else:
        kind = "application/problem+json"
        body = _problem(failure, detail, request_id)
    lines = [
        f"HTTP/1.1 {status} {reason(status)}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        f"Proxy-Status: {proxy_status(failure, service)}",
    ]
    if failure is METHOD_REFUSED:
        lines.append(f"Allow: {ALLOW.decode()}")
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        lines.append(f"Retry-After: {RETRY_AFTER_S}")
    if not keep_alive:
        lines.append("Connection: close")
    head = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"
    return head if head_only else head + body


def proxy_status(failure: Failure, service: str) -> str:
    """The Proxy-Status field's value, RFC 9209 section 2."""
    value = f"strangler; error={failure.error}"
    if service:
        value += f'; next-hop="{service}"'
    return value


def _problem(failure: Failure, detail: str, request_id: str) -> bytes:
    document = {"type": "about:blank", "title": failure.title, "status": failure.status, "detail": detail}
    if request_id:
        document["request_id"] = request_id
    return orjson.dumps(document)


def prefers_html(accept: bytes | None) -> bool:
    """Whether a person is likely to read the answer: text/html is asked for by name and JSON is not."""
    return accept is not None and b"text/html" in accept and b"json" not in accept.partition(b"text/html")[0]
