"""Live traffic for the shop: a bounded stream of browsers, programs and listeners, with a line of figures now and then.

Runs inside the demo, or alone against a shop that is up: `python -m shop.traffic --for 30s`.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from dataclasses import dataclass

from shop.ports import Ports
from shop.visitors import people
from shop.visitors.tally import Tally
from shop.visitors.visit import Pace, Visit, VisitError

RATE = 40.0
REPORT_EVERY_S = 2.0
PAUSE_AFTER_FAILURE_S = 1.0

_BROWSER = {"User-Agent": "Mozilla/5.0 (demo)", "Accept": "text/html,*/*;q=0.8", "Accept-Language": "en"}
_PROGRAM = {"User-Agent": "shop-client/1.0", "Accept": "application/json"}


@dataclass(frozen=True, slots=True)
class Role:
    """A kind of visitor: its headers and what it does; a jar that is kept means one client that comes back."""

    name: str
    act: people.Round
    headers: dict[str, str]


ROLES = (
    Role("shopper one", people.shopper, _BROWSER),
    Role("shopper two", people.shopper, _BROWSER),
    Role("partner acme", people.partner, {**_PROGRAM, "X-Tenant": "acme"}),
    Role("partner globex", people.partner, {**_PROGRAM, "X-Tenant": "globex"}),
    *(
        Role(f"partner {name}", people.partner, {**_PROGRAM, "X-Tenant": name})
        for name in ("initech", "hooli", "wonka")
    ),
    Role("partner without a tenant", people.partner, _PROGRAM),
    Role("bookkeeper", people.bookkeeper, {**_PROGRAM, "User-Agent": "ledger/4.2"}),
    Role("new client", people.new_client, _PROGRAM),
    Role("warehouse", people.warehouse, {"User-Agent": "WHS/2.1"}),
    Role("office", people.office, _BROWSER),
    Role("ticker watcher", people.ticker_watcher, _BROWSER),
    Role("feed watcher", people.feed_watcher, _PROGRAM),
    Role("event watcher", people.event_watcher, _BROWSER),
)


class Traffic:
    """All visitors together."""

    def __init__(self, shop: str, ports: Ports, rate: float = RATE) -> None:
        self.tally = Tally()
        self._shop = shop
        self.ports = ports
        self._pace = Pace(rate)
        self._started_s = time.monotonic()

    async def run(self, seconds: float | None) -> None:
        """Let the visitors go round until the time is over (None: until cancelled), a line of figures now and then."""
        self._started_s = time.monotonic()
        tasks = [asyncio.create_task(self._go_round(role)) for role in ROLES]
        tasks.append(asyncio.create_task(self._report()))
        try:
            async with asyncio.timeout(seconds):
                await asyncio.gather(*tasks)
        except TimeoutError:
            return
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _go_round(self, role: Role) -> None:
        dice = random.Random(role.name)
        async with Visit(self._shop, self.tally, self._pace, self.ports, role.headers) as visit:
            while True:
                try:
                    await role.act(visit, dice)
                except VisitError:
                    await asyncio.sleep(PAUSE_AFTER_FAILURE_S)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            print(self.line(), flush=True)

    def line(self) -> str:
        """The figures so far, in one line."""
        tally, seconds = self.tally, time.monotonic() - self._started_s
        figures = (
            f"{seconds:4.0f} s",
            f"{tally.requests:6} requests",
            f"{tally.requests / seconds:3.0f}/s",
            f"{tally.failed} failed",
            f"p50 {tally.percentile_ms(0.5):3.0f} ms",
            f"p99 {tally.percentile_ms(0.99):4.0f} ms",
            f"orders: {tally.latest_share('orders')}",
            f"customers: {tally.latest_share('customers')}",
            f"{tally.news} news",
        )
        return "  ".join(figures)

    def summary(self) -> str:
        """What to say at the end."""
        tally = self.tally
        lines = [f"{tally.requests} requests, {tally.failed} failed, {tally.retried} retried, {tally.news} news heard"]
        lines += [
            f"  {label:<10} {sum(who.values()):6}   {tally.share(label)}" for label, who in tally.answered_by.items()
        ]
        return "\n".join([*lines, *(f"  FAILED {failure}" for failure in tally.failures)])


def duration_s(text: str) -> float:
    """`20s`, `5m` or plain seconds.

    >>> duration_s("20s"), duration_s("5m"), duration_s("7")
    (20.0, 300.0, 7.0)
    """
    return float(text[:-1]) * 60 if text.endswith("m") else float(text.removesuffix("s"))


def main() -> int:
    """Send traffic to a running shop; the exit code is 1 where a request failed."""
    parser = argparse.ArgumentParser(description="Send live traffic to the demo's shop.")
    parser.add_argument("--shop", help="URL of the shop (default: the demo's)")
    parser.add_argument("--for", dest="seconds", type=duration_s, help="how long, like 20s (default: until Ctrl-C)")
    parser.add_argument(
        "--rate", type=float, default=RATE, help="requests a second over all visitors (default: %(default)s)"
    )
    options = parser.parse_args()
    ports = Ports.from_environment()
    traffic = Traffic(options.shop or f"http://localhost:{ports.shop}", ports, options.rate)
    try:
        asyncio.run(traffic.run(options.seconds))
    except KeyboardInterrupt:
        print()
    print(traffic.summary())
    return 1 if traffic.tally.failed or not traffic.tally.requests else 0


if __name__ == "__main__":
    sys.exit(main())
