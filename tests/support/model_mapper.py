"""A mapping made of two functions, for tests of the engine."""

from __future__ import annotations

from legacy_adapters.errors import MappingError
from legacy_adapters.mapper import MappedChunk
from legacy_adapters.record import Side, by_column


class ModelMapper:
    """Renames columns and changes values by `change(row)`, which raises MappingError for poison."""

    def __init__(self, renamed, key=("id",), *, version=1, change=lambda row: row, authority=Side.LEGACY, fields=()):
        self.renamed, self.key_names, self.version = dict(renamed), tuple(key), version
        self.change, self.default, self.fields = change, authority, dict(fields)
        self.lookups = ()

    def key(self, key, found):
        return key

    def row(self, row, found):
        return self.change({new: row[old] for old, new in self.renamed.items()})

    def target_key(self, mapped):
        return tuple(mapped[name] for name in self.key_names)

    def chunk(self, chunk, found):
        rows, kept, refused = [], [], []
        columns = tuple(self.renamed.values())
        for index in range(len(chunk)):
            try:
                mapped = self.row(chunk.stored(index).row, found)
            except MappingError as error:
                refused.append((index, error))
            else:
                rows.append(tuple(mapped[name] for name in columns))
                kept.append(index)
        return MappedChunk(columns, by_column(rows, len(columns)), kept if refused else None, refused)

    def differing(self, mapped, stored):
        return tuple(name for name, value in mapped.items() if stored.get(name) != value)

    def authority(self, column):
        return self.fields.get(column, self.default)

    @property
    def record_authority(self):
        return self.default
