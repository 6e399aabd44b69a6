"""Whether a field's values fit the column that they go to, told from the kinds of both columns.

Told of what can happen, not of what is there: a column of 80 characters that goes into one of 40 is named although no
value may be so long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from legacy_adapters.mapping.fields import Route
from legacy_adapters.mapping.step import ANY
from legacy_adapters.values.charsets import encodes
from legacy_adapters.values.kinds import ColumnKind, Kind

#: Level, sentence, advice.
Said = tuple[str, str, str]

_QUARANTINE = "what does not fit goes to quarantine"
#: Kinds of value that coercion takes into a column of a kind, beside the kind itself.
_TAKES: dict[Kind, frozenset[Kind]] = {
    Kind.BOOLEAN: frozenset({Kind.INTEGER}),
    Kind.INTEGER: frozenset({Kind.BOOLEAN, Kind.DECIMAL, Kind.FLOAT, Kind.TEXT, Kind.ENUM}),
    Kind.DECIMAL: frozenset({Kind.INTEGER, Kind.FLOAT, Kind.TEXT, Kind.ENUM}),
    Kind.FLOAT: frozenset({Kind.INTEGER, Kind.DECIMAL}),
    Kind.TEXT: frozenset({Kind.ENUM, Kind.INTEGER, Kind.DECIMAL, Kind.UUID, Kind.DATE}),
    Kind.ENUM: frozenset({Kind.TEXT, Kind.INTEGER}),
    Kind.BYTES: frozenset({Kind.UUID}),
    Kind.DATE: frozenset({Kind.TEXT, Kind.DATETIME}),
    Kind.TIME: frozenset({Kind.TEXT}),
    Kind.DATETIME: frozenset({Kind.TEXT, Kind.DATE}),
    Kind.INTERVAL: frozenset(),
    Kind.UUID: frozenset({Kind.TEXT, Kind.BYTES}),
    Kind.JSON: frozenset({Kind.TEXT, Kind.INTEGER, Kind.FLOAT, Kind.BOOLEAN}),
}
_HELP = {
    (Kind.TEXT, Kind.BOOLEAN): "add boolean to the field",
    (Kind.TEXT, Kind.FLOAT): "add decimal to the field",
    (Kind.BOOLEAN, Kind.TEXT): "add boolean to the field, or values",
    (Kind.DATETIME, Kind.TEXT): 'add {datetime: {format: "…"}} to the field',
    (Kind.INTEGER, Kind.DATE): 'add {date: {format: "%Y%m%d"}} to the field',
    (Kind.INTEGER, Kind.DATETIME): "add epoch, or datetime with a format, to the field",
    (Kind.JSON, Kind.TEXT): "add json to the field",
}


def column_losses(way: Route, sources: Mapping[str, ColumnKind], targets: Mapping[str, ColumnKind]) -> Iterator[Said]:
    """What the columns of a field's way say of it; nothing where their kinds are not known."""
    yield from _missing(way, sources, targets)
    read = [sources[name] for name in way.sources if name in sources]
    for name in way.targets:
        target = targets.get(name)
        if target is None:
            continue
        yield from _writable(target)
        if way.lookup is None and read and len(read) == len(way.sources):
            yield from _values(way, read, target)


def _missing(way: Route, sources: Mapping[str, ColumnKind], targets: Mapping[str, ColumnKind]) -> Iterator[Said]:
    for names, kinds in ((way.sources, sources), (way.targets, targets)):
        for name in names if kinds else ():
            if name not in kinds:
                near = next((known for known in kinds if known.lower() == name.lower()), None)
                advice = f"write {near}" if near else f"the table has {', '.join(list(kinds)[:20])}"
                yield "error", f"there is no column {name}", advice


def _writable(target: ColumnKind) -> Iterator[Said]:
    if target.generated:
        yield "error", f"{target.name} is computed by the store and cannot be written", "take it out, or turn it round"
    if target.auto_update:
        sentence = f"the store changes {target.name} by itself whenever the row is written"
        yield "warning", sentence, "each write then differs from what was mapped: leave it to the store"


def _values(way: Route, read: list[ColumnKind], target: ColumnKind) -> Iterator[Said]:
    steps = [step for step in way.steps if not step.identity]
    first = read[0]
    if steps and not steps[0].many_in and first.kind not in steps[0].takes | {Kind.OTHER}:
        yield "error", f"{steps[0].name} does not understand {first.kind}, which {first.name} holds", ""
        return
    gives = frozenset({first.kind}) if not steps else steps[-1].gives
    if not steps:
        for look in _LOOKS.get((first.kind, target.kind), ()):
            yield from look(first, target)
    if any(column.zero_dates for column in read) and not steps:
        sentence = f"{first.name} may hold dates of zeros, which no other store has"
        yield "warning", sentence, "add {datetime: {zero: to_null}} or {date: {zero: to_null}}"
    yield from _kinds(gives, first, target)
    if not target.nullable and any(column.nullable for column in read) and not any(step.nulls for step in steps):
        sentence = f"{first.name} may be NULL, and {target.name} must not be"
        yield "warning", sentence, f"{_QUARANTINE}: add default or null_is_blank"


def _kinds(gives: frozenset[Kind], source: ColumnKind, target: ColumnKind) -> Iterator[Said]:
    if gives == ANY or Kind.OTHER in {target.kind, source.kind}:
        return
    accepted = _TAKES[target.kind] | {target.kind}
    if not gives & accepted:
        given = " or ".join(sorted(gives))
        advice = _HELP.get((source.kind, target.kind), "add a transform, or a function of your own")
        yield "error", f"the value is {given}, and {target.name} holds {target.kind}", advice
    elif gives == {Kind.TEXT} and target.kind in {Kind.INTEGER, Kind.DECIMAL}:
        yield (
            "warning",
            f"{target.name} takes text only where it is a number as one writes it, 7 and not 007",
            (f"{_QUARANTINE}: add {target.kind} to the field"),
        )


def _text(source: ColumnKind, target: ColumnKind) -> Iterator[Said]:
    if target.length is not None and (source.length is None or source.length > target.length):
        longest = "any length" if source.length is None else f"{source.length} characters"
        sentence = f"{source.name} holds {longest}, and {target.name} {target.length}"
        yield "warning", sentence, f"{_QUARANTINE}: widen the column, or add truncate"
    _, codec = encodes(target.charset)
    bmp_only = encodes(target.charset)[0]
    narrow = codec is not None or bmp_only
    if narrow and (source.charset or "").lower() != (target.charset or "").lower():
        sentence = f"{target.name} is {target.charset}, which does not have every character"
        yield "warning", sentence, f"{_QUARANTINE}: make the column utf8mb4"
    if source.fixed is not target.fixed:
        fixed = source.name if source.fixed else target.name
        yield "note", f"{fixed} is padded: blanks at the end mean nothing there", "add trim where they must not travel"
    if source.case_sensitive and not target.case_sensitive:
        sentence = f"{target.name} takes letters of either case for the same, and {source.name} does not"
        yield "note", sentence, "two values that differ in case meet in a unique key of it"


def _integers(source: ColumnKind, target: ColumnKind) -> Iterator[Said]:
    held, room = source.integer_range, target.integer_range
    if room is not None and (held is None or held[0] < room[0] or held[1] > room[1]):
        yield "warning", f"{source.name} holds numbers that {target.name} cannot", f"{_QUARANTINE}: widen the column"


def _decimals(source: ColumnKind, target: ColumnKind) -> Iterator[Said]:
    if target.scale is not None and (source.scale is None or source.scale > target.scale):
        sentence = f"{source.name} has more digits behind the point than {target.name}"
        yield "warning", sentence, f"{_QUARANTINE}: widen the column, or add round"
    if target.precision is None or target.scale is None:
        return
    room = target.precision - target.scale
    if source.precision is None or source.precision - (source.scale or 0) > room:
        yield "warning", f"{source.name} holds larger numbers than {target.name}", f"{_QUARANTINE}: widen the column"


def _floats(source: ColumnKind, target: ColumnKind) -> Iterator[Said]:
    if target.kind is Kind.FLOAT and target.bits == 32 and source.bits != 32:  # noqa: PLR2004 - bits of a float
        yield "warning", f"{target.name} keeps 7 digits of {source.name}", "make it a float of 64 bits"
    if target.kind is Kind.DECIMAL:
        yield "warning", f"{source.name} is a float, whose digits may be more than {target.name} holds", "add round"


def _instants(source: ColumnKind, target: ColumnKind) -> Iterator[Said]:
    if target.zoned and not source.zoned:
        sentence = f"{source.name} is a wall clock, and {target.name} holds instants"
        yield "error", sentence, "name its zone: {datetime: {zone: Europe/Berlin}}"
    if source.zoned and not target.zoned:
        sentence = f"{target.name} holds wall clocks: instants are written to it in UTC"
        yield "note", sentence, "name another zone with datetime, on the way to the side with the instants"
    if source.fraction > target.fraction:
        sentence = f"{target.name} keeps {target.fraction} digits of the second, and {source.name} {source.fraction}"
        yield "warning", sentence, "the rest is cut off: widen the column"


def _members(source: ColumnKind, target: ColumnKind) -> Iterator[Said]:
    lost = [member for member in source.members if member not in target.members]
    if target.members and (lost or source.kind is Kind.TEXT):
        what = ", ".join(lost[:10]) if lost else f"what {source.name} may hold beside {', '.join(target.members[:10])}"
        yield "warning", f"{target.name} does not have {what}", f"{_QUARANTINE}: map them with values"


_LOOKS: dict[tuple[Kind, Kind], tuple[Callable[[ColumnKind, ColumnKind], Iterator[Said]], ...]] = {
    (Kind.TEXT, Kind.TEXT): (_text,),
    (Kind.INTEGER, Kind.INTEGER): (_integers,),
    (Kind.DECIMAL, Kind.DECIMAL): (_decimals,),
    (Kind.FLOAT, Kind.FLOAT): (_floats,),
    (Kind.FLOAT, Kind.DECIMAL): (_floats,),
    (Kind.DATETIME, Kind.DATETIME): (_instants,),
    (Kind.TIME, Kind.TIME): (_instants,),
    (Kind.ENUM, Kind.ENUM): (_members,),
    (Kind.TEXT, Kind.ENUM): (_members,),
}
