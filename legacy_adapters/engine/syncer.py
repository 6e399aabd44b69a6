"""All syncs of one process: each runs by itself, and none stands in another's way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Final

from legacy_adapters.engine.family import Family
from legacy_adapters.engine.lookups import LedgerFinder
from legacy_adapters.engine.model import SyncModel
from legacy_adapters.engine.operations import Operations
from legacy_adapters.engine.runner import SyncRunner
from legacy_adapters.engine.status import SyncStatus
from legacy_adapters.engine.stream import Surroundings
from legacy_adapters.errors import SyncError

#: Between two looks whether a sync is stalled.
WATCH_EVERY_S: Final = 1.0


class Syncer:
    """Runs syncs side by side.

    A sync's first copy waits for those that it depends on. After that all are live at once, and a child that comes
    before its parent waits for it (`heldback`); in quarantine, where the parent does not come soon.
    """

    def __init__(
        self,
        models: Iterable[SyncModel],
        surroundings: Surroundings | None = None,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._models = {model.name: model for model in models}
        _refuse_circles(self._models)
        around = replace(
            surroundings or Surroundings(),
            finder=LedgerFinder(self._models),
            family=_family(list(self._models.values())),
        )
        self.runners: dict[str, SyncRunner] = {}
        for name, model in self._models.items():
            self.runners[name] = SyncRunner(model, around, parents_copied=self._parents_of(model), sleep=sleep)

    async def run(self) -> None:
        """Run all until cancelled; cancellation rolls back what is under way."""
        async with asyncio.TaskGroup() as group:
            for name, runner in self.runners.items():
                group.create_task(runner.run(), name=f"sync {name}")
            group.create_task(self._watch(), name="sync watch")

    def status(self) -> list[SyncStatus]:
        """What each is doing, in the order of the configuration."""
        return [runner.status() for runner in self.runners.values()]

    def operations(self, name: str) -> Operations:
        """Work on single keys of a sync."""
        return Operations(self.runners[name].streams)

    async def close(self) -> None:
        """Give all stores' connections back."""
        for model in self._models.values():
            await model.legacy.close()
            await model.new.close()

    async def _watch(self) -> None:
        while True:
            for runner in self.runners.values():
                runner.watch()
            await asyncio.sleep(WATCH_EVERY_S)

    def _parents_of(self, model: SyncModel) -> Callable[[], Awaitable[None]]:
        async def copied() -> None:
            for name in model.after:
                await self.runners[name].copied.wait()

        return copied


def _family(models: Sequence[SyncModel]) -> Family:
    parents = {model.name: {*model.parents, *model.after} for model in models}
    return Family(parents, {(model.name, way.name) for model in models for way in model.directions()})


def _refuse_circles(models: dict[str, SyncModel]) -> None:
    """A sync that waits for itself would never begin."""
    left = {name: set(model.after) for name, model in models.items()}
    while left:
        free = [name for name, after in left.items() if not after & left.keys()]
        if not free:
            raise SyncError(f"these syncs wait for each other's first copy: {', '.join(sorted(left))}")
        for name in free:
            del left[name]
