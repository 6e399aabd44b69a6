"""The listening sockets: bound once by the supervisor, inherited by every worker and by the next supervisor."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import socket
from collections.abc import Mapping, Sequence
from typing import Final

from routes.config import Config, Listen

#: Connections that may wait to be accepted; the kernel cuts it to net.core.somaxconn.
BACKLOG: Final = 4096
#: Descriptors of a process that are neither client nor upstream connections.
_OWN_DESCRIPTORS: Final = 64


class ListenError(Exception):
    """A listening socket cannot be had; the message says which, why, and what to do."""


def bind_all(
    listens: Sequence[Listen], inherited: Mapping[str, socket.socket] | None = None
) -> dict[str, socket.socket]:
    """Bind every address, in order; those that were inherited are used as they are, the rest of those are closed.

    Returns:
        Configured address -> listening socket.

    Raises:
        ListenError: one of them cannot be bound; what was bound before it is closed again.
    """
    given = dict(inherited or {})
    sockets: dict[str, socket.socket] = {}
    try:
        for listen in listens:
            found = given.pop(listen.address, None)
            sockets[listen.address] = bind(listen) if found is None else found
    except ListenError:
        close_all(sockets)
        raise
    finally:
        close_all(given)
    return sockets


def bind(listen: Listen) -> socket.socket:
    """Bind and listen on one address.

    Raises:
        ListenError: it cannot be bound.
    """
    sock: socket.socket | None = None
    try:
        family, _, _, _, address = socket.getaddrinfo(
            listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )[0]
        sock = socket.socket(family, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if listen.host == "::" else 1)
        sock.bind(address)
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        if sock is not None:
            sock.close()
        raise ListenError(explain(listen, error)) from error
    return sock


def explain(listen: Listen, error: OSError) -> str:
    """Why an address cannot be bound, and what to do about it."""
    advice = {
        errno.EADDRINUSE: f"another process listens there; `ss -ltnp 'sport = :{listen.port}'` shows which. "
        "Stop it, or choose another port under `listen`.",
        errno.EACCES: f"ports below 1024 need a privilege. Choose a higher port and redirect {listen.port} to it, "
        "or give the program CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities=CAP_NET_BIND_SERVICE).",
        errno.EADDRNOTAVAIL: "this machine has no such address; `ip address` shows those it has. "
        "Use 0.0.0.0 or [::] for all of them.",
    }
    if isinstance(error, socket.gaierror):
        reason, what = str(error.strerror), "The host is not an address and cannot be resolved; write an IP address."
    else:
        reason = os.strerror(error.errno) if error.errno else str(error)
        what = advice.get(error.errno or 0, "Check the address under `listen`.")
    return f"cannot listen on {listen.address}: {reason.lower()}: {what}"


def close_all(sockets: Mapping[str, socket.socket]) -> None:
    """Close them."""
    for sock in sockets.values():
        sock.close()


def bound_address(sock: socket.socket) -> str:
    """The address a socket really has, as `host:port`; tells which port a configured port 0 became."""
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def raise_open_files_limit() -> int:
    """Raise the soft limit of open files to the hard one, for this process and those it starts.

    Returns:
        The soft limit now in force; -1 stands for no limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        # Some systems refuse the hard limit itself as soft limit; then the old one stays.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return -1 if soft == resource.RLIM_INFINITY else soft


def open_files_needed(config: Config) -> int:
    """How many descriptors one worker needs when every limit of the configuration is used to the full."""
    upstream = sum(service.connections_max for service in config.services.values())
    return config.limits.connections_max + upstream + _OWN_DESCRIPTORS
