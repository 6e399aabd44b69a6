"""What is asked of MariaDB's catalogues while a sync runs: little, unless a table was altered."""

from __future__ import annotations

import pytest

from legacy_adapters.errors import SchemaChangedError
from legacy_adapters.sql.mariadb.reflection import stamp_of
from support.sync_stores import Kind
from support.waits import eventually

TABLE = "CREATE TABLE {} (id int NOT NULL PRIMARY KEY, name varchar(20), age int NOT NULL)"
ALTERATIONS = (
    "ADD COLUMN extra int",
    "DROP COLUMN age",
    "MODIFY name varchar(21)",
    "RENAME COLUMN age TO years",
    "ADD UNIQUE KEY by_name (name)",
    "ALTER age SET DEFAULT 7",
    "ADD FOREIGN KEY (age) REFERENCES parent (id) ON DELETE CASCADE",
    "DROP PRIMARY KEY, ADD PRIMARY KEY (id, age)",
)
ASKED = "SELECT COUNT(*) FROM mysql.general_log WHERE argument LIKE 'SELECT CONSTRAINT_NAME, COLUMN_NAME%'"
#: The server's clock must have gone on by two seconds.
WITHIN_S = 20.0


@pytest.mark.parametrize("checked", [0, 1])
async def test_every_alteration_of_a_table_is_told_by_its_stamp(mariadb: Kind, checked: int) -> None:
    """By the stamp it is decided whether a table is looked at anew; foreign keys are added in place if not checked."""
    names = [f"t{number}" for number in range(len(ALTERATIONS))]
    await mariadb.run("CREATE TABLE parent (id int PRIMARY KEY)", *(TABLE.format(name) for name in names))
    store = await mariadb.store("t0", ready=False)
    schema = store.shape.schema
    async with store._pool.connection() as connection:
        assert [await stamp_of(connection, schema, name) for name in names] == [None] * len(names), "made just now"
        await eventually(lambda: stamp_of(connection, schema, names[-1]), WITHIN_S)
        assert None not in [await stamp_of(connection, schema, name) for name in names]
        for name, alteration in zip(names, ALTERATIONS, strict=True):
            await mariadb.run(f"SET foreign_key_checks = {checked}", f"ALTER TABLE {name} {alteration}")
            assert await stamp_of(connection, schema, name) is None, alteration


async def test_foreign_keys_are_asked_for_only_where_a_table_was_altered(mariadb: Kind) -> None:
    await mariadb.run(TABLE.format("t"))
    store = await mariadb.store()
    async with store._pool.connection() as connection:
        await eventually(lambda: stamp_of(connection, store.shape.schema, "t"), WITHIN_S)
    await store.verify_capture()
    await mariadb.run("SET GLOBAL log_output = 'TABLE'", "TRUNCATE mysql.general_log", "SET GLOBAL general_log = ON")
    try:
        await store.verify_capture()
        quiet = await mariadb.run(ASKED)
        await mariadb.run("ALTER TABLE t ADD COLUMN extra int")
        with pytest.raises(SchemaChangedError):
            await store.verify_capture()
        altered = await mariadb.run(ASKED)
    finally:
        await mariadb.run("SET GLOBAL general_log = OFF", "SET GLOBAL log_output = 'FILE'")
    assert (quiet, altered) == ([(0,)], [(1,)])
