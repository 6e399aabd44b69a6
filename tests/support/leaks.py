"""Whether a worker is as it was: no file descriptor more, nothing under way at any service."""

from __future__ import annotations

from collections.abc import Sequence

from support.fault_origin import FaultOrigin
from support.poll import poll
from support.strangler_process import StranglerProcess


class LeakCheck:
    """Remembers the worker at rest; `settle()` waits until it is so again.

    Connections that the worker keeps open to the origins for later requests are counted at the origins and are
    none of its leaks.
    """

    def __init__(self, gateway: StranglerProcess, origins: Sequence[FaultOrigin]) -> None:
        self._gateway = gateway
        self._origins = origins
        self._at_rest = self._descriptors()

    def settle(self) -> None:
        """Returns once the worker is at rest.

        Raises:
            AssertionError: descriptors or requests under way are left.
        """
        try:
            poll(self._settled, "", 5)
        except AssertionError:
            raise AssertionError(f"the worker is not at rest: {self}") from None

    def __str__(self) -> str:
        return f"{self._descriptors() - self._at_rest} descriptors too many, endpoints {self._gateway.endpoints()}"

    def _descriptors(self) -> int:
        """Open descriptors of the worker without those of its pool."""
        return self._gateway.descriptors() - sum(origin.connections for origin in self._origins)

    def _settled(self) -> bool:
        endpoints = self._gateway.endpoints()
        quiet = all(state.active == 0 and state.pending == 0 for state in endpoints)
        return quiet and self._descriptors() == self._at_rest
