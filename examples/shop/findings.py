"""What shadow mode has found by now, in a few lines for the demo: asked of the running proxy, as anybody may ask it."""

from __future__ import annotations

import asyncio
import json
import os
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROUTE = "invoices"
#: Before so many answers were compared, what moves by itself is not told from what is wrong.
COMPARED_MIN = 100
LOOK_EVERY_S = 5.0
ANSWER_WITHIN_S = 20.0
_KINDS_MAX = 10
_PLACE_MAX = 30


@dataclass(frozen=True, slots=True)
class Findings:
    """Asks for the report of the route in shadow, and says it shortly.

    Attributes:
        command: `strangler`, as people would call it here.
        config: the proxy's configuration, where the command looks up whom to ask.
        environment: the variables that the configuration needs.
        page: where the whole report goes at the end, for a browser.
        began: when the demo began, monotonic seconds: what an earlier one found is not told again.
    """

    command: str
    config: Path
    environment: dict[str, str]
    page: Path
    began: float = field(default_factory=time.monotonic)

    async def watch(self, say: Callable[[str], None]) -> None:
        """Say it once, as soon as enough was compared to be worth reading."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            route = await self._route()
            if route is not None and route["clusters"] and route["coverage"]["compared"] >= COMPARED_MIN:
                first = route["clusters"][0]["examples"]
                say("\n".join(["", *found(route), *(self._closer(first[0]["exchange"]) if first else ()), ""]))
                return

    async def end(self) -> str:
        """The same at the end, while the proxy still runs; the whole of it is written as a page. Within 20 seconds."""
        route, written = await asyncio.gather(
            self._route(), _within(self._run("--format", "html", "--output", str(self.page)))
        )
        if route is None:
            return ""
        lines = ["", *found(route)]
        if written is not None:
            lines.append(f"  the whole report, for a browser: {self.page}")
        return "\n".join(lines)

    async def _route(self) -> dict[str, Any] | None:
        """The report of the route as the control API answers it; None where there is none (yet)."""
        answer = await _within(self._run("--json"))
        routes = json.loads(answer)["routes"] if answer else []
        return routes[0] if routes else None

    async def _run(self, *arguments: str) -> bytes | None:
        """What `strangler report` prints; None where it cannot report."""
        since = f"--since={max(1, round(time.monotonic() - self.began))}s"
        asking = await asyncio.create_subprocess_exec(
            self.command, "report", ROUTE, since, f"--config={self.config}", *arguments,
            stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, env={**os.environ, **self.environment},
        )  # fmt: skip
        try:
            output, _ = await asking.communicate()
        except asyncio.CancelledError:
            asking.kill()
            await asking.wait()
            raise
        return output if asking.returncode == 0 else None

    def _closer(self, exchange: str) -> list[str]:
        commands = {
            f"report {ROUTE}": "all of it, with examples",
            f"exchange {exchange}": "one request, both answers side by side",
            f"report {ROUTE} --format html --output report.html": "a page to send around",
        }
        width = max(map(len, commands))
        return [f"    {self.command} {arguments:<{width}}  # {why}" for arguments, why in commands.items()]


async def _within(answer: Awaitable[bytes | None]) -> bytes | None:
    try:
        return await asyncio.wait_for(answer, ANSWER_WITHIN_S)
    except TimeoutError:
        return None


def found(route: dict[str, Any]) -> list[str]:
    """The report of one route in a few lines: its sentence, and each kind of difference."""
    lines = [f"  shadow mode on {route['route']}: {route['headline']}"]
    kinds = route["clusters"][:_KINDS_MAX]
    width = min(_PLACE_MAX, max((len(kind["pattern"]) for kind in kinds), default=0))
    for kind in kinds:
        seen = kind["exchanges"]
        lines.append(
            f"    {seen['count'] / max(1, seen['of']):4.0%}  {kind['pattern'] or '/':<{width}}  {kind['words']}"
        )
    if (more := len(route["clusters"]) - _KINDS_MAX + route["clusters_more"]) > 0:
        lines.append(f"          and {more} more kinds")
    if route["coverage"]["compared"] < COMPARED_MIN:
        lines.append("    Too early: what moves by itself is told from what is wrong after some hundred answers.")
    return lines
