"""One direction of a sync, compiled: what the engine calls for every row.

A chunk goes column by column: each field's values through one function, then its coercion into the target's column,
then the rules; rows with a refused value are taken out at the end, so that the others pay nothing for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from legacy_adapters.errors import MappingError
from legacy_adapters.mapper import Found, Lookup, MappedChunk
from legacy_adapters.mapping.column import Column, Refused, many_of, reason_of, run_of
from legacy_adapters.mapping.fields import Route
from legacy_adapters.record import Chunk, Key, Row, Side
from legacy_adapters.values.canonical import comparer
from legacy_adapters.values.coerce import coercer
from legacy_adapters.values.errors import UnfitError
from legacy_adapters.values.fitting import fits
from legacy_adapters.values.kinds import ColumnKind

_Columns = dict[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Check:
    """A rule, on the values of one column.

    Attributes:
        column: of the row that is mapped, or of the row that is read.
        mapped: which of the two.
        values: the rule as a column of its own.
    """

    column: str
    mapped: bool
    values: Column


class Field:
    """A field of a direction: from the values of its sources to those of its targets."""

    def __init__(self, route: Route, kinds: Mapping[str, ColumnKind]) -> None:
        self.route = route
        self.many_in = len(route.sources) > 1
        self.many_out = len(route.targets) > 1
        steps = run_of(route.steps, several=self.many_in if route.lookup is None else self.many_out)
        steady = all(step.steady for step in route.steps) and not self.many_in
        one = kinds.get(route.targets[0])
        fit = fits(one) if one is not None and not self.many_out else None
        finish = _finish([kinds.get(name) for name in route.targets], many=self.many_out)
        many = many_of(route.steps, several=self.many_in or route.lookup is not None)
        self.values = Column(steps, steady=steady, finish=finish, fits=fit, many=many)

    def sources_of(self, row: Row) -> Any:
        """What the field's function is given, of a row."""
        names = self.route.sources
        if not self.many_in:
            return row[names[0]]
        return tuple([row[name] for name in names])

    def key_in(self, row: Row, found: Found) -> Any:
        """The key that a lookup found: the value or values of the targets."""
        return _looked_up(self.route, tuple([row[name] for name in self.route.sources]), found)


def _finish(kinds: Sequence[ColumnKind | None], *, many: bool) -> Callable[[Any], Any] | None:
    coerces = [coercer(kind) if kind is not None else None for kind in kinds]
    if not any(coerces):
        return None
    if not many:
        return coerces[0]
    return lambda values: tuple(
        [value if coerce is None else coerce(value) for coerce, value in zip(coerces, values, strict=True)]
    )


def _looked_up(route: Route, key: Key, found: Found) -> Any:
    if None in key:
        return None if len(route.targets) == 1 else (None,) * len(route.targets)
    other = found.get(route.lookup or "", {}).get(key)
    if other is None:
        raise MappingError(f"the record of {route.lookup} is not there yet", field=route.name, reason="lookup")
    return other[0] if len(route.targets) == 1 else other


class Direction:
    """From rows of the captured store to rows of the store that is written: a `Mapper`."""

    def __init__(
        self,
        routes: Sequence[Route],
        *,
        version: int,
        source_key: Sequence[str],
        target_key: Sequence[str],
        kinds: Mapping[str, ColumnKind],
        checks: Sequence[Check],
        authorities: Mapping[str, Side | None],
        record_authority: Side | None,
    ) -> None:
        self._fields = [Field(route, kinds) for route in routes if route.sources]
        self._constants = {
            name: _constant(route, kinds.get(name)) for route in routes if not route.sources for name in route.targets
        }
        self._version = version
        self._source_key, self._target_key = tuple(source_key), tuple(target_key)
        self._checks = checks
        self._authorities, self._record_authority = authorities, record_authority
        self._key_fields = [field for field in self._fields if set(field.route.targets) & set(target_key)]
        self.columns = (*self._constants, *(name for field in self._fields for name in field.route.targets))
        self._same = {name: comparer(kinds.get(name)) for name in self.columns}
        lookups = {
            (route.lookup, route.sources): Lookup(route.lookup, route.sources) for route in routes if route.lookup
        }
        self._lookups = tuple(lookups.values())

    @property
    def version(self) -> int:
        """Changes whenever the mapping does; positive, 63 bits."""
        return self._version

    @property
    def lookups(self) -> Sequence[Lookup]:
        """What it needs of other syncs."""
        return self._lookups

    @property
    def sources(self) -> tuple[str, ...]:
        """Columns of the captured store that it reads."""
        read = [name for field in self._fields for name in field.route.sources]
        checked = [check.column for check in self._checks if not check.mapped]
        return tuple(dict.fromkeys([*self._source_key, *read, *checked]))

    @property
    def key_from_key(self) -> bool:
        """Whether the target's key depends on the source's key alone, so that it never changes under a record."""
        return all(set(field.route.sources) <= set(self._source_key) for field in self._key_fields)

    def key(self, key: Key, found: Found) -> Key:
        """The target's key for a source key, from the key's columns alone.

        Raises:
            MappingError: it cannot be told.
        """
        if not self.key_from_key:
            raise MappingError("the key depends on columns that are not in the source's key", field="")
        row = dict(zip(self._source_key, key, strict=True))
        mapped = dict(self._constants)
        for field in self._key_fields:
            mapped.update(_values_of(field, row, found))
        return self.target_key(mapped)

    def row(self, row: Row, found: Found) -> Row:
        """The target's columns, key included, checked by the rules.

        Raises:
            MappingError: it cannot be mapped, or breaks a rule; `reason` tells which.
        """
        mapped = dict(self._constants)
        for field in self._fields:
            mapped.update(_values_of(field, row, found))
        for check in self._checks:
            value = (mapped if check.mapped else row)[check.column]
            try:
                check.values.run(value)
            except Exception as error:  # noqa: BLE001 - as for transforms: it refuses this record alone
                raise MappingError(_said(check.column, reason_of(error)), field=check.column, reason="rule") from None
        return mapped

    def target_key(self, mapped: Row) -> Key:
        """The key within a mapped row."""
        return tuple([mapped[name] for name in self._target_key])

    def chunk(self, chunk: Chunk, found: Found) -> MappedChunk:
        """Map many rows as `row` does, fast."""
        count = len(chunk)
        if not count:
            return MappedChunk(self.columns, [()] * len(self.columns), None, [])
        read: _Columns = dict(zip(chunk.columns, chunk.values, strict=True))
        refused: dict[int, MappingError] = {}
        mapped: _Columns = {name: [value] * count for name, value in self._constants.items()}
        for field in self._fields:
            self._field(field, read, found, mapped, refused)
        for check in self._checks:
            self._check(check, (mapped if check.mapped else read)[check.column], refused)
        values = [mapped[name] for name in self.columns]
        if not refused:
            return MappedChunk(self.columns, values, None, [])
        kept = [index for index in range(count) if index not in refused]
        return MappedChunk(
            self.columns, [[column[index] for index in kept] for column in values], kept, sorted(refused.items())
        )

    def _field(
        self, field: Field, read: _Columns, found: Found, mapped: _Columns, refused: dict[int, MappingError]
    ) -> None:
        route = field.route
        given = [read[name] for name in route.sources]
        results: Sequence[Any]
        if route.lookup is not None:
            results = _look_up_all(field, list(zip(*given, strict=True)), found, refused)
            doubtful = False
        else:
            values = list(zip(*given, strict=True)) if field.many_in else given[0]
            results, doubtful = field.values.all(values)
        if doubtful:
            results = _without(results, route.name, "mapping", refused, (None,) * len(route.targets))
        if field.many_out:
            mapped.update(zip(route.targets, zip(*results, strict=True), strict=True))
        else:
            mapped[route.targets[0]] = results

    def _check(self, check: Check, values: Sequence[Any], refused: dict[int, MappingError]) -> None:
        results, doubtful = check.values.all(values)
        if doubtful:
            _without(results, check.column, "rule", refused, (None,))

    def differing(self, mapped: Row, stored: Row) -> tuple[str, ...]:
        """Columns of a mapped row whose canonical value is not the one that the target has."""
        same = self._same
        return tuple(
            [name for name, value in mapped.items() if name not in stored or not same[name](value, stored[name])]
        )

    def authority(self, column: str) -> Side | None:
        """Who wins a conflict over this column of the target; None is a person."""
        return self._authorities.get(column, self._record_authority)

    @property
    def record_authority(self) -> Side | None:
        """Who wins where one side deleted what the other changed; None is a person."""
        return self._record_authority


def _constant(route: Route, kind: ColumnKind | None) -> Any:
    if kind is None:
        return route.constant
    try:
        return coercer(kind)(route.constant)
    except UnfitError as error:
        raise MappingError(f"the constant of {route.name} {error}", field=route.name) from None


def _said(name: str, reason: str) -> str:
    return f"{name} {reason}"


def _values_of(field: Field, row: Row, found: Found) -> Row:
    route = field.route
    try:
        result = field.key_in(row, found) if route.lookup is not None else None
        result = field.values.run(field.sources_of(row)) if route.lookup is None else field.values.run(result)
    except MappingError:
        raise
    except KeyError as error:
        if error.args and error.args[0] in route.sources:
            raise MappingError(f"{route.name}: the row has no column {error.args[0]}", field=route.name) from None
        raise MappingError(_said(route.name, reason_of(error)), field=route.name) from None
    except Exception as error:  # noqa: BLE001 - whatever a transform raises refuses this record alone
        raise MappingError(_said(route.name, reason_of(error)), field=route.name) from None
    if field.many_out:
        return dict(zip(route.targets, result, strict=True))
    return {route.targets[0]: result}


def _look_up_all(field: Field, keys: Sequence[Key], found: Found, refused: dict[int, MappingError]) -> list[Any]:
    nothing = (None,) * len(field.route.targets) if field.many_out else None
    results = []
    for index, key in enumerate(keys):
        try:
            results.append(field.values.run(_looked_up(field.route, key, found)))
        except MappingError as error:
            refused.setdefault(index, error)
            results.append(nothing)
        except UnfitError as error:
            refused.setdefault(index, MappingError(_said(field.route.name, str(error)), field=field.route.name))
            results.append(nothing)
    return results


def _without(
    results: Sequence[Any], name: str, reason: str, refused: dict[int, MappingError], nothing: tuple[None, ...]
) -> list[Any]:
    """The results with nothing where a value was refused; that goes into `refused`, where the first reason wins."""
    blank = nothing if len(nothing) > 1 else None
    kept = list(results)
    for index, value in enumerate(results):
        if type(value) is Refused:
            refused.setdefault(index, MappingError(_said(name, value.reason), field=name, reason=reason))
            kept[index] = blank
    return kept
