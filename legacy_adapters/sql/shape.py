"""What a table is, as its store describes it: columns, keys, references, triggers, and a fingerprint of all that."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from legacy_adapters.errors import SchemaChangedError
from legacy_adapters.values.kinds import ColumnKind

#: Actions of a foreign key that change rows of the referring table by themselves.
CASCADES = frozenset({"CASCADE", "SET NULL", "SET DEFAULT"})


@dataclass(frozen=True, slots=True)
class UniqueKey:
    """Columns whose values together are there only once.

    Attributes:
        name: of the constraint or index.
        columns: in the order of the index.
        partial: it holds for some rows only, or for an expression: it cannot identify a row.
    """

    name: str
    columns: tuple[str, ...]
    partial: bool = False


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A reference from the rows of one table to those of another.

    Attributes:
        name: of the constraint.
        table: the referring table.
        columns: of the referring table.
        referred_table: the table that is referred to.
        referred_columns: of that table, in the order of `columns`.
        on_delete: `NO ACTION`, `RESTRICT`, `CASCADE`, `SET NULL` or `SET DEFAULT`.
        on_update: the same.
    """

    name: str
    table: str
    columns: tuple[str, ...]
    referred_table: str
    referred_columns: tuple[str, ...]
    on_delete: str = "NO ACTION"
    on_update: str = "NO ACTION"

    @property
    def cascades(self) -> bool:
        """Whether a change of the referred row changes the referring row by itself."""
        return self.on_delete in CASCADES or self.on_update in CASCADES


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger that is on the table.

    Attributes:
        name: of the trigger.
        timing: `BEFORE`, `AFTER` or `INSTEAD OF`.
        events: such as `INSERT` or `UPDATE`.
        identity: changes whenever the trigger is made anew, changed, or switched off and on.
        enabled: whether it fires for everybody's writes.
    """

    name: str
    timing: str
    events: tuple[str, ...]
    identity: str
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class TableShape:
    """One table.

    Attributes:
        schema: it is in; "" where the store knows none.
        table: its name.
        columns: in the table's order.
        primary_key: its columns; empty where it has none.
        uniques: the unique keys beside the primary key.
        references: foreign keys of this table.
        triggers: that are on it.
        storage: the engine that keeps it, where there are several: `InnoDB`.
        server: product and version.
    """

    schema: str
    table: str
    columns: tuple[ColumnKind, ...]
    primary_key: tuple[str, ...] = ()
    uniques: tuple[UniqueKey, ...] = ()
    references: tuple[ForeignKey, ...] = ()
    triggers: tuple[Trigger, ...] = ()
    storage: str = ""
    server: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names."""
        return tuple(column.name for column in self.columns)

    @property
    def fingerprint(self) -> str:
        """Changes when a column, a key or a reference of this table does."""
        return hashlib.sha256(repr(self._parts()).encode()).hexdigest()[:16]

    def column(self, name: str) -> ColumnKind:
        """The column of that name.

        Raises:
            KeyError: there is none.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def identifies(self, key: tuple[str, ...]) -> bool:
        """Whether these columns are a primary or unique key without NULL."""
        known = self.names
        if not key or any(name not in known or self.column(name).nullable for name in key):
            return False
        candidates = [self.primary_key, *(unique.columns for unique in self.uniques if not unique.partial)]
        return any(candidate and set(candidate) <= set(key) for candidate in candidates)

    def require_same(self, before: TableShape) -> None:
        """See that the table still is what it was.

        Raises:
            SchemaChangedError: it is not; says what has changed.
        """
        if self._parts() != before._parts():
            changes = "; ".join(self._changes(before))
            raise SchemaChangedError(
                f"the table {self.table} is not what it was when the sync started: {changes}. "
                "Nothing was lost: check the mapping with `strangler sync plan`, then start the sync again"
            )

    def _parts(self) -> tuple[object, ...]:
        return (self.columns, self.primary_key, set_of(self.uniques), set_of(self.references), self.storage)

    def _changes(self, before: TableShape) -> Iterator[str]:
        old = {column.name: column for column in before.columns}
        new = {column.name: column for column in self.columns}
        yield from (f"column {name} is gone" for name in old.keys() - new.keys())
        yield from (f"column {name} is new" for name in new.keys() - old.keys())
        for name in old.keys() & new.keys():
            if old[name] != new[name]:
                yield f"column {name} was {old[name].type_name} and is {new[name].type_name}, or its attributes differ"
        if before.names != self.names and old.keys() == new.keys():
            yield "its columns are in another order"
        if before.primary_key != self.primary_key:
            yield f"its primary key was ({', '.join(before.primary_key)}) and is ({', '.join(self.primary_key)})"
        if set_of(before.uniques) != set_of(self.uniques):
            yield "its unique keys differ"
        if set_of(before.references) != set_of(self.references):
            yield "its foreign keys differ"
        if before.storage != self.storage:
            yield f"its storage engine was {before.storage} and is {self.storage}"


def set_of(keys: tuple[UniqueKey, ...] | tuple[ForeignKey, ...]) -> tuple[str, ...]:
    """Keys in an order that says nothing."""
    return tuple(sorted(map(repr, keys)))
