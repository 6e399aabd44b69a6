"""Small kinds of text: names, header names and values, regexes, hosts."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from routes.faults import fault
from routes.linear import LinearRegexError, compile_linear
from routes.template import TemplateError, compile_regex

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}\Z")
# RFC 9110 section 5.6.2: what header names, methods and cookie names are made of.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}\Z")
_HEADER_VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*\Z")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_HOST_LENGTH_MAX = 253


def _name(value: str) -> str:
    if _NAME.match(value) is None:
        raise fault(
            "is not a name",
            allowed="1 to 63 letters, digits, '-', '_' or '.', the first a letter or digit, such as orders",
        )
    return value


def _header_name(value: str) -> str:
    if _TOKEN.match(value) is None:
        hint = f"write {value.rstrip(':')}" if _TOKEN.match(value.rstrip(":")) else None
        raise fault("is not a header name", allowed="letters, digits and !#$%&'*+-.^_`|~, such as X-Tenant", hint=hint)
    return value


def _cookie_name(value: str) -> str:
    if _TOKEN.match(value) is None:
        raise fault("is not a cookie name", allowed="letters, digits and !#$%&'*+-.^_`|~, such as session")
    return value


def _method(value: str) -> str:
    if _TOKEN.match(value) is None:
        raise fault("is not an HTTP method", allowed="a method such as GET, POST or PATCH")
    if value != value.upper():
        raise fault(
            "is not an HTTP method: methods are case-sensitive (RFC 9110)",
            allowed="a method in capitals, such as GET",
            hint=f"write {value.upper()}",
        )
    return value


def _header_value(value: str) -> str:
    if _HEADER_VALUE.match(value) is None:
        raise fault(
            "must not have a line break, NUL or other control character",
            allowed="one line of text: with a line break, one header would become two",
        )
    if value != value.strip(" \t"):
        raise fault("must not start or end with a space", hint="remove it")
    return value


def _regex(value: str) -> str:
    try:
        compile_regex(value)
    except TemplateError as error:
        reason = str(error.__cause__ or error)
        raise fault(f"is not a regular expression: {reason}", allowed="a regular expression of Python's re") from error
    return value


def _linear_regex(value: str) -> str:
    try:
        compile_linear(value)
    except LinearRegexError as error:
        allowed = "a regular expression of Python's re without look-around, back-references and atomic groups"
        raise fault(str(error), allowed=allowed) from error
    return value


def _host(value: str) -> str:
    host = value.lower().rstrip(".")
    bare = host.removeprefix("*.")
    allowed = "a host such as shop.example, or *.shop.example for all below it"
    if "://" in host or "/" in host:
        raise fault("is a URL, and a host is wanted", allowed=allowed, hint=f"write {_host_of(host)}")
    if re.fullmatch(r"[^:\[\]]+:\d*", host):
        raise fault(
            "has a port, and requests are matched by the host alone",
            allowed=allowed,
            hint=f"write {host.partition(':')[0]}",
        )
    if re.fullmatch(r"\[[0-9a-f:.]+\]|[0-9a-f]*:[0-9a-f:.]+", host):
        return host.strip("[]")
    if not host.isascii():
        raise fault("has letters beyond ASCII", allowed=allowed, hint=_punycode(host))
    if len(host) > _HOST_LENGTH_MAX or not all(_LABEL.match(label) for label in bare.split(".")):
        raise fault("is not a host name", allowed=allowed)
    return host


def _host_of(url: str) -> str:
    return url.rpartition("://")[2].partition("/")[0].partition(":")[0] or "shop.example"


def _punycode(host: str) -> str | None:
    try:
        return f"write {host.encode('idna').decode('ascii')}"
    except UnicodeError:
        return None


#: Name of a route, service or token.
Name = Annotated[str, AfterValidator(_name)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]
CookieName = Annotated[str, AfterValidator(_cookie_name)]
Method = Annotated[str, AfterValidator(_method)]
Regex = Annotated[str, StringConstraints(min_length=1, max_length=4096), AfterValidator(_regex)]
LinearRegex = Annotated[str, StringConstraints(min_length=1, max_length=4096), AfterValidator(_linear_regex)]
#: Lower case, without a dot at its end.
Host = Annotated[str, StringConstraints(min_length=1), AfterValidator(_host)]
