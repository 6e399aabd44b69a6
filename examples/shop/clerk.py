"""People who change records behind the proxy's back: at the counter in legacy, and in the customers service.

They are why both stores must be kept in step. Two things they do on purpose cannot be: one customer's e-mail address is
changed on both sides at the same moment, and another one's phone number becomes words.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sqlite3
import urllib.request
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from shop.ports import HOST, Ports
from shop.processes import StartError
from shop.seed import CITIES, CUSTOMERS

EVERY_S = 0.5
LIVE_WITHIN_S = 60.0
CONFLICT, POISON = 2, 3  # customers
SYNCS = ("customers", "orders", "order-lines")
_BUSY_S = 5.0
_ASK_S = 2.0
_TOKEN = "look-around"


class Clerk:
    """Changes customers on both sides until cancelled."""

    def __init__(self, folder: Path, ports: Ports) -> None:
        self._legacy = folder / "legacy.db"
        self._customers = folder / "customers.db"
        self._ports = ports
        self._dice = random.Random("clerk")
        self.changes = 0
        self.begun = asyncio.Event()

    async def run(self) -> None:
        """Make the conflict and the poison record once everything is live, then one change after the other.

        Raises:
            StartError: the syncs do not become live.
        """
        try:
            await self._until_live()
        except TimeoutError:
            raise StartError(
                f"The syncs were not live after {LIVE_WITHIN_S:.0f} s: see strangler sync status"
            ) from None
        await asyncio.to_thread(self._make_conflict)
        await asyncio.to_thread(self._make_poison)
        self.begun.set()
        while True:
            with suppress(sqlite3.OperationalError):  # busy for longer than a clerk waits
                await asyncio.to_thread(self._change)
                self.changes += 1
            await asyncio.sleep(EVERY_S)

    async def _until_live(self) -> None:
        async with asyncio.timeout(LIVE_WITHIN_S):
            while True:
                phases = await asyncio.to_thread(self._ask)
                if all(phases.get(name) == "live" for name in SYNCS):
                    return
                await asyncio.sleep(EVERY_S)

    def _ask(self) -> dict[str, str]:
        token = os.environ.get("STRANGLER_TOKEN", _TOKEN)
        url = f"http://{HOST}:{self._ports.control}/api/syncs"
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=_ASK_S) as answer:
                return {one["name"]: one["phase"] for one in json.load(answer)["syncs"]}
        except (OSError, ValueError):
            return {}

    def _make_conflict(self) -> None:
        """Both sides, before either can hear of the other: the new store is locked until legacy has been written."""
        with closing(_open(self._legacy)) as legacy, closing(_open(self._customers)) as new:
            new.execute("BEGIN IMMEDIATE")
            legacy.execute("UPDATE CUST_MAST SET EMAIL_ADDR = 'counter@example.com' WHERE CUST_NO = ?", (CONFLICT,))
            new.execute("UPDATE customers SET email = 'support@example.com' WHERE id = ?", (CONFLICT,))
            new.execute("COMMIT")

    def _make_poison(self) -> None:
        with closing(_open(self._legacy)) as legacy:
            legacy.execute("UPDATE CUST_MAST SET PHONE = 'ask for Rosa' WHERE CUST_NO = ?", (POISON,))

    def _change(self) -> None:
        """Somebody moves house, at the counter; somebody else opts in or out, with support."""
        number = self._dice.randrange(POISON + 1, CUSTOMERS + 1)
        city, _, postal_code = self._dice.choice(CITIES)
        if self._dice.random() < 0.5:
            sql = "UPDATE CUST_MAST SET CITY = ?, ZIP = ? WHERE CUST_NO = ?"
            _write(self._legacy, sql, city, postal_code, number)
        else:
            sql = "UPDATE customers SET marketing_opt_in = NOT marketing_opt_in, city = ? WHERE id = ?"
            _write(self._customers, sql, city, number)


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None)


def _write(path: Path, sql: str, *values: Any) -> None:
    with closing(_open(path)) as db:
        db.execute(sql, values)
