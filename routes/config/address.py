"""`host:port` to listen on."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Any

from pydantic import BeforeValidator

from routes.faults import fault

_PORT_MAX = 65535
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_ALLOWED = "host:port, such as 0.0.0.0:8080, 127.0.0.1:8080 or [::1]:8080"


def split_address(address: str) -> tuple[str, int]:
    """`"[::1]:8080"` → `("::1", 8080)`."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _address(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        raise fault("is a port without its host", allowed=_ALLOWED, hint=f"write 0.0.0.0:{value}")
    if not isinstance(value, str):
        raise fault("must be an address", allowed=_ALLOWED)
    host, colon, port = value.rpartition(":")
    if "://" in value:
        bare = value.split("://")[1].split("/")[0]
        raise fault("is a URL, and an address is wanted", allowed=_ALLOWED, hint=f"write {bare}")
    if not colon or value.endswith("]"):
        hint = f"write 0.0.0.0:{value}" if value.isdigit() else f"write {value}:8080"
        raise fault("has no port", allowed=_ALLOWED, hint=hint)
    if not (port.isascii() and port.isdigit()) or len(port) > len(str(_PORT_MAX)) or int(port) > _PORT_MAX:
        raise fault(f"has no valid port: {port!r}", allowed="a port from 0 to 65535; 0 takes any free port")
    _check_host(host, port)
    return f"{host}:{int(port)}"


def _check_host(host: str, port: str) -> None:
    if host in {"", "*"}:
        raise fault("names no host", allowed=_ALLOWED, hint=f"write 0.0.0.0:{port} for all IPv4 interfaces")
    if host.startswith("[") or ":" in host:
        try:
            ipaddress.IPv6Address(host.removeprefix("[").removesuffix("]"))
        except ValueError as error:
            raise fault(f"is not an address: {error}", allowed=_ALLOWED) from error
        if not (host.startswith("[") and host.endswith("]")):
            raise fault("is an IPv6 address without brackets", allowed=_ALLOWED, hint=f"write [{host}]:{port}")
    elif re.fullmatch(r"[0-9.]+", host):
        try:
            ipaddress.IPv4Address(host)
        except ValueError as error:
            raise fault(f"is not an address: {error}", allowed=_ALLOWED) from error
    elif _HOST.match(host) is None:
        raise fault("is not a host", allowed=_ALLOWED)


#: `host:port`, checked.
Address = Annotated[str, BeforeValidator(_address)]
