"""Rules that are made while running, and the log of who made them: on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import delete, update

from routes.shadowing import RuleModel
from shadow.errors import RuleError
from shadow.keeping import liverules
from shadow.keeping.audit import BEGINNING, Entry, append, find_break, read_entries
from shadow.keeping.database import Database, open_database
from shadow.keeping.liverules import accept_rules, read_live_rules, rules_version, withdraw_rule
from shadow.keeping.retests import read_retests, restart_test
from shadow.keeping.schema import migrate
from shadow.keeping.tables import audit

RULE = RuleModel("", "/lines/*/tax", "tolerance", {"absolute": 0.005}, "rounded since 2026", "billing", 2e9)


@pytest_asyncio.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    sqlite = f"sqlite:///{tmp_path / 'state.db'}"
    url = sqlite if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    opened = open_database(url)
    await migrate(opened)
    yield opened
    await opened.close()


async def accept(database: Database, *rules: RuleModel, route: str = "orders") -> list[RuleModel]:
    async with database.writing() as connection:
        return await accept_rules(
            connection, route, rules, who="ops", why="finance agreed", evidence={"changed": 3}, now=1000.5
        )


async def test_accepted_rule_is_in_force_with_an_id_and_a_new_version(database: Database) -> None:
    (made,) = await accept(database, RULE)
    async with database.reading() as connection:
        assert made == replace(RULE, id=made.id)
        assert made.id.startswith("live:")
        assert await read_live_rules(connection) == {"orders": [made]}
        assert await rules_version(connection) == 1


async def test_withdrawn_rule_is_no_longer_in_force(database: Database) -> None:
    first, second = await accept(database, RULE, replace(RULE, path="/b"))
    async with database.writing() as connection:
        assert await withdraw_rule(connection, first.id, who="ops", why="a mistake", now=2000.0) == first
    async with database.reading() as connection:
        assert await read_live_rules(connection) == {"orders": [second]}
        assert await rules_version(connection) == 2
        entries = await read_entries(connection)
    assert [one.entry.action for one in entries] == ["rule.withdrawn", "rule.accepted", "rule.accepted"]
    assert (entries[0].entry.why, entries[0].entry.after) == ("a mistake", None)
    assert entries[-1].entry.evidence == {"changed": 3}
    assert entries[-1].previous_hash == BEGINNING


@pytest.mark.parametrize("identifier", ["live:99", "live:", "live:1x", "file:0", "", "live:" + "9" * 40, "live:\u0661"])
async def test_rule_that_is_not_there_cannot_be_withdrawn(database: Database, identifier: str) -> None:
    async with database.writing() as connection:
        with pytest.raises(RuleError):
            await withdraw_rule(connection, identifier, who="ops", why="", now=1.0)


async def test_refused_change_leaves_nothing_behind(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liverules, "LIVE_RULES_MAX", 2)
    await accept(database, RULE)
    with pytest.raises(RuleError, match="may have 2"):
        await accept(database, RULE, RULE)
    async with database.reading() as connection:
        assert len((await read_live_rules(connection))["orders"]) == 1
        assert len(await read_entries(connection)) == 1


async def test_changes_at_once_are_one_chain(database: Database) -> None:
    await asyncio.gather(*(accept(database, RULE, route=f"route-{number}") for number in range(8)))
    async with database.reading() as connection:
        assert sorted(one.number for one in await read_entries(connection)) == list(range(1, 9))
        assert await find_break(connection) is None
        assert await rules_version(connection) == 8


async def _log(database: Database, count: int) -> None:
    for number in range(count):
        async with database.writing() as connection:
            await append(
                connection, Entry(float(number), "ops", "rule.accepted", f"rule {number}", None, {"n": 1}, "x")
            )


async def test_changed_entry_breaks_the_chain(database: Database) -> None:
    await _log(database, 5)
    async with database.writing() as connection:
        await connection.execute(update(audit).where(audit.c.number == 3).values(why="something else"))
    async with database.reading() as connection:
        assert await find_break(connection) == 3


async def test_missing_entry_breaks_the_chain(database: Database) -> None:
    await _log(database, 5)
    async with database.writing() as connection:
        await connection.execute(delete(audit).where(audit.c.number == 2))
    async with database.reading() as connection:
        assert await find_break(connection) == 2


async def test_entries_are_paged_newest_first(database: Database) -> None:
    await _log(database, 5)
    async with database.reading() as connection:
        assert [one.number for one in await read_entries(connection, limit=2)] == [5, 4]
        assert [one.number for one in await read_entries(connection, before=4, limit=9)] == [3, 2, 1]


async def test_tests_that_are_begun_anew_are_numbered_by_route_audited_and_told_by_the_version(
    database: Database,
) -> None:
    async with database.reading() as connection:
        assert await read_retests(connection) == {}
        before = await rules_version(connection)
    for route in ("orders", "orders", "test:a_b"):
        async with database.writing() as connection:
            await restart_test(connection, route, who="ops", why="release 42", flagged=2, now=1000.5)
    async with database.reading() as connection:
        assert await read_retests(connection) == {"orders": before + 2, "test:a_b": before + 3}
        assert await rules_version(connection) == before + 3
        entries = await read_entries(connection)
        assert await find_break(connection) is None
    assert [(one.entry.action, one.entry.subject, one.entry.before) for one in entries][-1] == (
        "test.restarted", "orders", {"flagged": 2},
    )  # fmt: skip
