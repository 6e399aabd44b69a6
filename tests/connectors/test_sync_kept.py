"""What the stores of a sync tell when nobody runs it, on real servers, and what commands say of servers that refuse."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy.engine import make_url

from legacy_adapters.kept import read_kept
from routes.config import Sync
from support.strangler_command import Finished
from support.sync_stores import Kind

FIELDS = [{"legacy": "ID", "new": "id"}, {"legacy": "DAY", "new": "day"}, {"legacy": "NAME", "new": "name"}]
KEY = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"


class Shop:
    """A sync from MariaDB to PostgreSQL, both ways, keyed by a UUID and a day."""

    def __init__(self, folder: Path, legacy: Kind, new: Kind) -> None:
        self.folder, self.legacy, self.new = folder, legacy, new
        self.sync: dict[str, Any] = {
            "name": "visits",
            "legacy": {"url": legacy.url, "table": "VISIT", "key": ["ID", "DAY"]},
            "new": {"url": new.url, "table": "visits", "key": ["id", "day"]},
            "direction": "both",
            "fields": FIELDS,
            "rules": [{"field": "name", "length_max": 10}],
        }

    async def run(self, *arguments: str) -> Finished:
        config = {
            "listen": [{"address": "127.0.0.1:0"}],
            "services": {"old": {"urls": ["http://127.0.0.1:1"]}},
            "routes": [{"name": "all", "legacy": "old"}],
            "syncs": [self.sync],
        }
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "proxy", "sync", *arguments),
            cwd=self.folder,
            env={"PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return Finished(process.returncode or 0, out.decode(), err.decode())

    async def begun(self) -> Shop:
        done = await self.run("backfill")
        assert done.returncode == 0, done.stdout + done.stderr
        return self

    def as_user(self, side: str, user: str, password: str = "s3cr3t") -> None:
        """Reach a store as somebody else."""
        url = make_url(self.sync[side]["url"]).set(username=user, password=password)
        self.sync[side]["url"] = url.render_as_string(hide_password=False)

    async def kept(self) -> dict[str, Any]:
        return await read_kept(Sync.model_validate(self.sync), self.folder)


@pytest.fixture
async def shop(tmp_path: Path, mariadb: Kind, postgresql: Kind) -> Shop:
    await mariadb.run(
        "CREATE TABLE VISIT (ID uuid NOT NULL, DAY date NOT NULL, NAME varchar(40), PRIMARY KEY (ID, DAY))",
        f"INSERT INTO VISIT VALUES ('{KEY}', '2026-01-31', 'Ann'), ('{KEY}', '2026-02-01', 'much too long a name')",
    )
    await postgresql.run("CREATE TABLE visits (id uuid, day date, name varchar(40), PRIMARY KEY (id, day))")
    return Shop(tmp_path, mariadb, postgresql)


def tables(kind: Kind) -> str:
    return "SELECT table_name FROM information_schema.tables WHERE table_schema = " + (
        "database()" if kind.name == "mariadb" else "'public'"
    )


async def test_a_sync_that_never_ran_is_new_and_stays_so(shop: Shop) -> None:
    before = [await kind.run(tables(kind)) for kind in (shop.legacy, shop.new)]
    assert (await shop.kept())["phase"] == "new"
    assert [await kind.run(tables(kind)) for kind in (shop.legacy, shop.new)] == before
    assert all(len(names) == 1 for names in before)


async def test_checkpoints_quarantine_and_what_waits_are_told(shop: Shop) -> None:
    await shop.begun()
    kept = await shop.kept()
    assert (kept["phase"], kept["error"], kept["stalled"]) == (None, "", False)
    to_new, to_legacy = kept["directions"]
    assert (to_new["name"], to_new["copied"], to_new["held"], to_new["pending"]) == ("to_new", True, {"rule": 1}, 0)
    assert (to_legacy["name"], to_legacy["copied"], to_legacy["held"]) == ("to_legacy", True, {})
    await shop.legacy.run(f"UPDATE VISIT SET NAME = 'Bob' WHERE ID = '{KEY}' AND DAY = '2026-01-31'")
    to_new = (await shop.kept())["directions"][0]
    assert to_new["pending"] == 1
    assert 0 < to_new["lag_s"] < 60


async def test_a_key_of_a_uuid_and_a_day_is_given_back_as_it_was_printed(shop: Shop) -> None:
    await shop.begun()
    (held,) = json.loads((await shop.run("quarantine", "list", "--json")).stdout)["quarantine"]
    assert held["source_key"] == f'["{KEY}", "2026-02-01"]'
    shown = await shop.run("quarantine", "show", "visits", "to_new", held["source_key"], "--json")
    assert json.loads(shown.stdout)["source_row"]["NAME"] == "much too long a name"
    wrong = await shop.run("quarantine", "drop", "visits", "to_new", KEY)
    assert wrong.returncode == 2
    assert "the key has 2 columns. Write '[ID, DAY]'" in wrong.stderr
    dropped = await shop.run("quarantine", "drop", "visits", "to_new", held["source_key"])
    assert dropped.stdout == "1 dropped\n"


async def test_who_may_only_read_the_stores_can_see_how_the_sync_is(shop: Shop) -> None:
    await shop.begun()
    reader = f"reader_{make_url(shop.new.url).database}"
    await shop.new.run(f"CREATE ROLE {reader} LOGIN", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}")
    database = make_url(shop.legacy.url).database
    await shop.legacy.run(
        f"CREATE USER '{reader}'@'%' IDENTIFIED BY 's3cr3t'",
        f"GRANT SELECT, TRIGGER ON {database}.* TO '{reader}'@'%'",
        f"GRANT PROCESS ON *.* TO '{reader}'@'%'",
    )
    shop.as_user("legacy", reader)
    shop.as_user("new", reader)
    status = await shop.run("status", "--stores", "--json")
    assert status.returncode == 0, status.stdout + status.stderr
    assert json.loads(status.stdout)["syncs"][0]["directions"][0]["held"] == {"rule": 1}
    assert (await shop.run("quarantine", "list")).returncode == 1


@pytest.mark.parametrize(
    ("side", "wrong", "says"),
    [
        ("legacy", "password", "Access denied for user 'root'@"),
        ("legacy", "user", "Access denied for user 'nobody_known'@"),
        ("legacy", "rights", "Access denied for user 'poor'@'%' to database"),
        ("new", "database", 'database "nowhere" does not exist'),
        ("new", "user", 'role "nobody_known" does not exist'),
    ],
)
async def test_a_server_that_refuses_is_named_with_what_it_says_and_no_password(
    shop: Shop, side: str, wrong: str, says: str
) -> None:
    if wrong == "rights":
        await shop.legacy.run("CREATE USER IF NOT EXISTS poor@'%' IDENTIFIED BY 's3cr3t'")
    if wrong == "database":
        url = make_url(shop.new.url).set(database="nowhere", password="s3cr3t")
        shop.sync["new"]["url"] = url.render_as_string(hide_password=False)
    else:
        shop.as_user(side, {"password": "root", "user": "nobody_known", "rights": "poor"}[wrong])
    for command in ("plan", "verify"):
        done = await shop.run(command)
        said = done.stdout + done.stderr
        assert done.returncode == 3, said
        assert f"sync visits, {side} store: " in said
        assert says in said
        assert "s3cr3t" not in said
        assert "Traceback" not in said
