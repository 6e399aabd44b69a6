"""What happens to the stores behind a sync's back: capture made anew, tables emptied, backups brought back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from legacy_adapters.engine.operations import Operations
from support.sync_stores import Kind
from support.sync_way import configured, opened_way

TABLE = "CREATE TABLE t (id int NOT NULL PRIMARY KEY, name varchar(40), version bigint NOT NULL DEFAULT 1)"


@pytest.fixture(params=["outbox", {"poll": "version"}])
def capture(request: pytest.FixtureRequest) -> Any:
    return request.param


async def test_changes_after_capture_was_made_anew_are_not_taken_for_old_ones(
    kind: Kind, sqlite: Kind, capture: Any, tmp_path: Path
) -> None:
    await kind.run(TABLE, "INSERT INTO t (id, name) VALUES (1, 'a')")
    await sqlite.run(TABLE)
    sync = configured(kind, sqlite, capture={"legacy": capture})
    async with opened_way(sync, tmp_path) as way:
        await way.copy()
        for number in range(2, 9):
            await kind.run(f"UPDATE t SET name = 'n{number}', version = {number} WHERE id = 1")
            await way.follow()
        assert await sqlite.run("SELECT name FROM t") == [("n8",)]
        await Operations([way.stream]).copy_again("to_new")
        if capture == "outbox":
            await way.direction.reads.uninstall()  # type: ignore[attr-defined]
            await way.direction.reads.install()  # type: ignore[attr-defined]
    async with opened_way(sync, tmp_path) as way:
        await way.copy()
        await kind.run("UPDATE t SET name = 'after', version = 20000 WHERE id = 1")
        await way.follow()
    assert await sqlite.run("SELECT name FROM t") == [("after",)]
