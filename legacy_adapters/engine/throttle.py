"""How fast a backfill may go: a rate that the configuration sets, and the target's own word on how hard it has it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

#: Pressure at which a backfill begins to wait; at 1 it waits `PAUSE_MAX_S` before every chunk.
PRESSURE_FREE: Final = 0.5
#: The longest wait before one chunk because of the target's pressure: it is asked again then.
PAUSE_MAX_S: Final = 5.0
#: Between two questions to the target, which cost a query.
PRESSURE_EVERY_S: Final = 1.0


class Throttle:
    """Waits before rows are written, so that neither the rate nor the target's patience is exceeded."""

    def __init__(
        self,
        rate_max: float | None,
        pressure: Callable[[], Awaitable[float]],
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._rate_max = rate_max
        self._pressure = pressure
        self._clock = clock
        self._sleep = sleep
        self._free_at = clock()
        self._asked_at = -PRESSURE_EVERY_S
        self._last_pressure = 0.0

    async def wait(self, rows: int) -> float:
        """Wait until `rows` more may be written; how long it was, in seconds. May be cancelled."""
        now = self._clock()
        pause_s = max(self._pause_of_pressure(await self._asked(now)), self._free_at - now)
        if pause_s > 0:
            await self._sleep(pause_s)
        if self._rate_max is not None:
            self._free_at = max(self._free_at, self._clock()) + rows / self._rate_max
        return max(0.0, pause_s)

    async def _asked(self, now: float) -> float:
        if now - self._asked_at >= PRESSURE_EVERY_S:
            self._asked_at = now
            self._last_pressure = await self._pressure()
        return self._last_pressure

    @staticmethod
    def _pause_of_pressure(pressure: float) -> float:
        over = (pressure - PRESSURE_FREE) / (1 - PRESSURE_FREE)
        return PAUSE_MAX_S * min(1.0, max(0.0, over))
