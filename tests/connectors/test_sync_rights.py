"""What the user of a sync may not do is told when the sync is planned, with the GRANT that gives it, on real servers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy.engine import make_url

from legacy_adapters.host import SyncHost
from legacy_adapters.planning import SyncPlan, plan_sync
from legacy_adapters.sql.mariadb.rights import Grants
from routes.config import Sync
from support.sync_stores import Kind, opened, url_of

TABLE = "CREATE TABLE people (id int PRIMARY KEY, name varchar(40))"
FIELDS = [{"legacy": "id", "new": "id"}, {"legacy": "name", "new": "name"}]
FOR_ADMIN = re.compile(r"(?:GRANT|ALTER TABLE) .+")
WRITTEN = "SELECT, INSERT, UPDATE, DELETE"


class Server:
    """A table on a server, and a user who may do nothing there but connect."""

    def __init__(self, kind: Kind, other: Kind, folder: Path) -> None:
        self.kind, self.other, self.folder = kind, other, folder
        self.database = make_url(kind.url).database or ""
        self.user = f"lesser_{self.database}"
        self.quoted = f"'{self.user}'@'%'" if kind.name == "mariadb" else self.user

    async def begin(self) -> None:
        await self.kind.run(TABLE, f"CREATE USER {self.quoted}")
        await self.other.run(TABLE)

    async def grant(self, *rights: str) -> None:
        """Rights with where they are on, such as `SELECT ON people`; {db} is the database."""
        for right in rights:
            await self.kind.run(f"GRANT {right.format(db=self.database)} TO {self.quoted}")

    def sync(self, *, written: bool, capture: str | dict[str, str] = "outbox") -> Sync:
        """A sync that writes the table, or reads it; the other side is somebody's who may do everything."""
        here = {"url": make_url(self.kind.url).set(username=self.user), "table": "people", "key": ["id"]}
        here["url"] = here["url"].render_as_string(hide_password=False)
        there = {"url": self.other.url, "table": "people", "key": ["id"]}
        given: dict[str, Any] = {"legacy": there, "new": here} if written else {"legacy": here, "new": there}
        given |= {"name": "people", "direction": "to_new", "fields": FIELDS}
        return Sync.model_validate(given | ({} if written else {"capture": {"legacy": capture}}))

    async def plan(self, sync: Sync) -> SyncPlan:
        return await asyncio.wait_for(plan_sync(sync, self.folder), 30)


@contextlib.asynccontextmanager
async def server_of(name: str, request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Server]:
    async with (
        opened(name, url_of(name, request, folder)) as kind,
        opened("sqlite", url_of("sqlite", request, folder)) as other,
    ):
        server = Server(kind, other, folder)
        await server.begin()
        yield server


@pytest_asyncio.fixture
async def postgresql(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Server]:
    async with server_of("postgresql", request, tmp_path) as server:
        yield server


@pytest_asyncio.fixture
async def mariadb(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Server]:
    async with server_of("mariadb", request, tmp_path) as server:
        yield server


def errors(plan: SyncPlan) -> list[str]:
    return [finding.words for finding in plan.findings if finding.level == "error"]


async def runs(server: Server, sync: Sync) -> None:
    """It can be prepared and copies a row there, as that user."""
    source, target = server.kind, server.other
    if sync.legacy.url == server.other.url:
        source, target = target, source
    await source.run("INSERT INTO people VALUES (1, 'ada')")
    host = SyncHost(server.folder)
    host.want([sync])
    running = asyncio.create_task(host.run())
    try:
        async with asyncio.timeout(30):
            while await target.run("SELECT name FROM people") != [("ada",)]:
                assert not running.done()
                await asyncio.sleep(0.05)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def mended(server: Server, sync: Sync, told: int) -> None:
    """The plan names so many lacks; what it says to do is all that is needed."""
    plan = await server.plan(sync)
    found = errors(plan)
    assert len(found) == told, found
    assert not plan.usable
    for words in found:
        (statement,) = FOR_ADMIN.findall(words)
        await server.kind.run(statement)
    plan = await server.plan(sync)
    assert errors(plan) == []
    assert plan.usable
    await runs(server, sync)


async def test_postgresql_user_who_may_only_connect_is_told_all_that_lacks_to_write(postgresql: Server) -> None:
    plan = await postgresql.plan(postgresql.sync(written=True))
    assert errors(plan) == [
        (
            f'{postgresql.user} lacks SELECT, INSERT, UPDATE, DELETE on "public"."people": '
            f'GRANT {WRITTEN} ON "public"."people" TO {postgresql.user}'
        ),
        (
            f"{postgresql.user} may not make tables in the schema public: "
            f"GRANT CREATE ON SCHEMA public TO {postgresql.user}"
        ),
    ]
    await mended(postgresql, postgresql.sync(written=True), 2)


async def test_postgresql_user_who_may_not_insert_is_told_that_alone(postgresql: Server) -> None:
    await postgresql.grant("SELECT, UPDATE, DELETE ON people", "CREATE ON SCHEMA public")
    (told,) = errors(await postgresql.plan(postgresql.sync(written=True)))
    assert "lacks INSERT on" in told
    await mended(postgresql, postgresql.sync(written=True), 1)


async def test_postgresql_table_that_is_captured_must_be_the_users(postgresql: Server) -> None:
    await postgresql.grant("SELECT ON people", "CREATE ON SCHEMA public")
    (told,) = errors(await postgresql.plan(postgresql.sync(written=False)))
    assert "does not own" in told
    await mended(postgresql, postgresql.sync(written=False), 1)


async def test_postgresql_user_who_may_read_the_columns_of_the_sync_may_poll(postgresql: Server) -> None:
    sync = postgresql.sync(written=False, capture={"poll": "id"})
    (told,) = errors(await postgresql.plan(sync))
    assert "lacks SELECT on" in told
    await postgresql.grant("SELECT (id) ON people")
    assert errors(await postgresql.plan(sync)) == [told]
    await postgresql.grant("SELECT (name) ON people")
    assert errors(await postgresql.plan(sync)) == []
    await runs(postgresql, sync)


async def test_postgresql_rights_of_a_role_count(postgresql: Server) -> None:
    role = f"group_{postgresql.database}"
    await postgresql.kind.run(
        f"CREATE ROLE {role}", f"GRANT {WRITTEN} ON people TO {role}", f"GRANT CREATE ON SCHEMA public TO {role}"
    )
    await postgresql.grant(role)
    assert errors(await postgresql.plan(postgresql.sync(written=True))) == []


async def test_postgresql_user_is_told_of_tables_of_ours_that_are_somebody_elses(postgresql: Server) -> None:
    await postgresql.grant(f"{WRITTEN} ON people", "CREATE ON SCHEMA public")
    await postgresql.kind.run("CREATE TABLE strangler_checkpoint (stream text PRIMARY KEY, position text)")
    (told,) = errors(await postgresql.plan(postgresql.sync(written=True)))
    assert "strangler_checkpoint belongs to strangler" in told
    await mended(postgresql, postgresql.sync(written=True), 1)


async def test_mariadb_user_who_may_only_read_is_told_all_that_lacks_to_write(mariadb: Server) -> None:
    await mariadb.grant("SELECT ON {db}.people")
    quoted = mariadb.database.replace("_", r"\_")
    plan = await mariadb.plan(mariadb.sync(written=True))
    assert errors(plan) == [
        (
            f"{mariadb.quoted} lacks INSERT, UPDATE, DELETE on `{mariadb.database}`.`people`: "
            f"GRANT INSERT, UPDATE, DELETE ON `{mariadb.database}`.`people` TO {mariadb.quoted}"
        ),
        (
            f"{mariadb.quoted} lacks SELECT, INSERT, UPDATE, DELETE, CREATE on the tables of strangler in "
            f"{mariadb.database}: GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON `{quoted}`.* TO {mariadb.quoted}"
        ),
    ]
    await mended(mariadb, mariadb.sync(written=True), 2)


async def test_mariadb_user_who_may_not_make_triggers_is_told(mariadb: Server) -> None:
    await mariadb.grant("SELECT, INSERT, UPDATE, DELETE, CREATE, DROP ON {db}.*", "PROCESS ON *.*")
    (told,) = errors(await mariadb.plan(mariadb.sync(written=False)))
    assert f"lacks TRIGGER on `{mariadb.database}`.`people`" in told
    await mended(mariadb, mariadb.sync(written=False), 1)


async def test_mariadb_user_who_may_read_may_poll(mariadb: Server) -> None:
    await mariadb.grant("SELECT ON {db}.people")
    sync = mariadb.sync(written=False, capture={"poll": "id"})
    assert errors(await mariadb.plan(sync)) == []
    await runs(mariadb, sync)


async def test_mariadb_rights_of_a_role_that_is_in_force_count(mariadb: Server) -> None:
    role = f"group_{mariadb.database}"
    await mariadb.kind.run(f"CREATE ROLE {role}", f"GRANT ALL ON `{mariadb.database}`.* TO {role}")
    await mariadb.grant(role)
    await mariadb.kind.run(f"SET DEFAULT ROLE {role} FOR {mariadb.quoted}")
    assert errors(await mariadb.plan(mariadb.sync(written=True))) == []


@pytest.mark.parametrize(
    ("line", "right", "has"),
    [
        ("GRANT ALL PRIVILEGES ON *.* TO `u`@`%` WITH GRANT OPTION", "DROP", True),
        ("GRANT SELECT, CREATE ON `shop`.* TO `u`@`%`", "CREATE", True),
        ("GRANT SELECT, CREATE ON `shop`.* TO `u`@`%`", "DROP", False),
        (r"GRANT DROP ON `sh\_p`.* TO `u`@`%`", "DROP", False),
        ("GRANT DROP ON `sh_p`.* TO `u`@`%`", "DROP", True),
        ("GRANT DROP ON `sh%`.* TO `u`@`%`", "DROP", True),
        ("GRANT DROP ON `sh%`.`t` TO `u`@`%`", "DROP", False),
        ("GRANT DROP ON `shop`.`t` TO `u`@`%`", "DROP", True),
        ("GRANT DROP ON `shop`.`other` TO `u`@`%`", "DROP", False),
        ("GRANT CREATE VIEW, INSERT (`a`, `DROP`) ON `shop`.`t` TO `u`@`%`", "DROP", False),
        ("GRANT CREATE VIEW ON `shop`.* TO `u`@`%`", "CREATE", False),
        ("GRANT PROXY ON ''@'%' TO 'u'@'%'", "DROP", False),
    ],
)
def test_grants_of_mariadb_are_read_as_they_are_meant(line: str, right: str, has: bool) -> None:
    assert Grants([line]).allow(right, "shop", "t") is has


def test_grants_of_roles_whose_rights_are_not_shown_allow_what_nobody_can_tell() -> None:
    assert Grants(["GRANT USAGE ON *.* TO `u`@`%`", "GRANT `writers`@`%` TO `u`@`%`"]).allow("DROP", "shop", "t")


async def test_settings_without_effect_are_told_by_the_plan(sqlite: Kind, tmp_path: Path) -> None:
    await sqlite.run(TABLE, TABLE.replace("people", "copy"))
    here = {"url": sqlite.url, "table": "people", "key": ["id"]}
    sync: dict[str, Any] = {"name": "people", "legacy": here, "new": here | {"table": "copy"}, "direction": "to_new"}
    plain = Sync.model_validate(sync | {"fields": FIELDS})
    hard = Sync.model_validate(sync | {"fields": FIELDS, "backfill": {"parallel": 8}})
    assert not [one for one in (await plan_sync(plain, tmp_path)).findings if "parallel" in one.where]
    (told,) = [one for one in (await plan_sync(hard, tmp_path)).findings if "parallel" in one.where]
    assert (told.level, told.where) == ("warning", "backfill.parallel")
    assert "no effect" in told.words
    assert json.dumps((await plan_sync(hard, tmp_path)).as_data())
