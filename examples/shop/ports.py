"""The ports of the demo: fixed ones from the environment's names in config.yaml, or free ones for tests."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, fields

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Ports:
    """One port for each process of the demo; each has a variable of its own that config.yaml reads as well."""

    shop: int = 8080
    control: int = 9090
    legacy: int = 9001
    customers: int = 9002
    orders: int = 9003

    @classmethod
    def from_environment(cls) -> Ports:
        """The defaults, each replaced where its variable (for example SHOP_LEGACY_PORT) is set."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: int(os.environ[variable(name)]) for name in names if variable(name) in os.environ})

    @classmethod
    def free(cls) -> Ports:
        """Five ports that nobody uses at this moment."""
        sockets = [socket.create_server((HOST, 0)) for _ in fields(cls)]
        numbers = [sock.getsockname()[1] for sock in sockets]
        for sock in sockets:
            sock.close()
        return cls(*numbers)

    def environment(self) -> dict[str, str]:
        """The variables that make config.yaml use these ports."""
        return {variable(field.name): str(getattr(self, field.name)) for field in fields(self)}

    def taken(self) -> list[str]:
        """A line for each port that someone else listens on."""
        lines = []
        for field in fields(self):
            port = getattr(self, field.name)
            try:
                socket.create_server((HOST, port)).close()
            except OSError as error:
                lines.append(
                    f"port {port} ({field.name}): {error.strerror}. Set {variable(field.name)} to another one."
                )
        return lines


def variable(name: str) -> str:
    """The environment variable that moves a port.

    >>> variable("legacy"), variable("shop")
    ('SHOP_LEGACY_PORT', 'SHOP_PORT')
    """
    return "SHOP_PORT" if name == "shop" else f"SHOP_{name.upper()}_PORT"
