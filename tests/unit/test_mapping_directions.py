"""A sync's mapping as the engine uses it: rows, chunks, keys, lookups, rules, versions."""

from __future__ import annotations

import pickle
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from legacy_adapters.errors import MappingError
from legacy_adapters.mapper import Lookup, Mapper
from legacy_adapters.mapping import column as column_module
from legacy_adapters.mapping.compiling import Mapping
from legacy_adapters.mapping.direction import Direction
from legacy_adapters.record import Chunk, Row, Side
from legacy_adapters.values.kinds import ColumnKind, Kind
from support.mappings import chunk_of, mapping_of

CUSTOMERS = """
    {legacy: NAME, new: name, to_new: [trim, title_case], to_legacy: [upper]}
    {legacy: PHONE, new: phone, to_new: {phone: {region: US}}}
    {legacy: CRT_DT, new: created_at, to_new: {datetime: {format: "%Y%m%d", zone: America/New_York}}}
    {legacy: STAT, new: status, values: {A: active, I: inactive, D: deleted}}
    {legacy: [FNAME, LNAME], new: full_name, to_new: join, to_legacy: split}
    {legacy: BAL, new: balance, to_new: [{scale: {by: 0.01}}]}
    {legacy: OPT_IN, new: opt_in, to_new: boolean}
    {new: source, constant: erp}
    {legacy: CHANGED_BY, constant: strangler}
"""
KINDS = {
    "id": ColumnKind("id", Kind.INTEGER, bits=32, nullable=False),
    "name": ColumnKind("name", Kind.TEXT, length=12, charset="utf8mb4"),
    "phone": ColumnKind("phone", Kind.TEXT, length=16),
    "created_at": ColumnKind("created_at", Kind.DATETIME, zoned=True),
    "status": ColumnKind("status", Kind.ENUM, members=("active", "inactive", "deleted")),
    "balance": ColumnKind("balance", Kind.DECIMAL, precision=8, scale=2),
    "opt_in": ColumnKind("opt_in", Kind.BOOLEAN),
}
ROW = {
    "NO": 7, "NAME": " ANN O'NEIL ", "PHONE": "(202) 555-0123", "CRT_DT": "20240704", "STAT": "A", "FNAME": "Ann",
    "LNAME": "O'Neil", "BAL": 1999, "OPT_IN": "Y",
}  # fmt: skip


def to_new(fields: str = CUSTOMERS, **more) -> Direction:
    direction = mapping_of(fields, **more).to_new
    assert direction is not None
    return direction


def to_legacy(fields: str = CUSTOMERS, **more) -> Direction:
    direction = mapping_of(fields, **more).to_legacy
    assert direction is not None
    return direction


def test_direction_is_what_the_engine_asks_for():
    mapper: Mapper = to_new()
    assert mapper.version > 0


def test_row_goes_to_new_and_back():
    mapped = to_new(new=KINDS).row(ROW, {})
    assert mapped == {
        "source": "erp", "id": 7, "name": "Ann O'Neil", "phone": "+12025550123", "full_name": "Ann O'Neil",
        "created_at": datetime(2024, 7, 4, 4, tzinfo=UTC), "status": "active", "balance": Decimal("19.99"), "opt_in": True,
    }  # fmt: skip
    back = to_legacy().row(mapped, {})
    assert back == {**ROW, "NAME": "ANN O'NEIL", "CHANGED_BY": "strangler"}


def test_value_that_no_column_of_the_field_has_is_null_both_ways():
    nothing = dict.fromkeys(ROW) | {"NO": 7}
    mapped = to_new(new=KINDS).row(nothing, {})
    assert {name for name, value in mapped.items() if value is not None} == {"id", "source"}
    assert to_legacy().row(mapped, {}) == {**nothing, "CHANGED_BY": "strangler"}


VALUES = {
    "NO": st.integers(-(2**33), 2**33),
    "NAME": st.none() | st.text(max_size=16),
    "PHONE": st.sampled_from([None, "(202) 555-0123", "+44 20 7946 0018", "911", "", "2025550199", 2025550123, 5.5]),
    "CRT_DT": st.sampled_from([None, "20240310", "20241103", "00000000", "20230229", "19010101", 20200101, b"x"]),
    "STAT": st.sampled_from([None, "A", "I", "D", "A ", "X", "", 1]),
    "FNAME": st.none() | st.text(max_size=3),
    "LNAME": st.none() | st.text(max_size=3),
    "BAL": st.none() | st.integers(-(10**9), 10**9) | st.decimals(allow_nan=True) | st.floats(),
    "OPT_IN": st.sampled_from([None, "Y", "N", "y", True, 0, b"\x00"]),
}
RULES = """
    rules:
      - {field: name, required: true, length_max: 10}
      - {field: balance, min: 0}
      - {field: phone, regex: "\\\\+1.*"}
"""


@settings(max_examples=150, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=6), st.booleans())
def test_chunk_maps_and_refuses_exactly_as_row_by_row(rows, with_kinds):
    direction = to_new(more=RULES, new=KINDS if with_kinds else None)
    for _ in range(2):  # the second time from the memory of the columns
        mapped = direction.chunk(chunk_of(*rows), {})
        kept = range(len(rows)) if mapped.kept is None else mapped.kept
        by_chunk = {
            index: dict(zip(mapped.columns, row, strict=True)) for index, row in zip(kept, mapped.rows, strict=True)
        }
        refused = dict(mapped.refused)
        for index, row in enumerate(rows):
            alone = mapped_or_refused(direction, row)
            if isinstance(alone, MappingError):
                assert said(alone) == said(refused[index])
                assert index not in by_chunk
            else:
                assert repr(by_chunk[index]) == repr(alone)
                assert index not in refused


def mapped_or_refused(direction: Direction, row: Row) -> Row | MappingError:
    try:
        return direction.row(row, {})
    except MappingError as error:
        return error


def said(error: MappingError) -> tuple[str, str, str]:
    return str(error), error.field, error.reason


def test_rows_that_are_refused_do_not_keep_the_others_back():
    rows = [ROW, ROW | {"STAT": "X"}, ROW | {"CRT_DT": "20230229"}, ROW | {"NO": 8}]
    mapped = to_new().chunk(chunk_of(*rows), {})
    assert mapped.kept == [0, 3]
    assert [(index, error.field, error.reason) for index, error in mapped.refused] == [
        (1, "status", "mapping"), (2, "created_at", "mapping"),
    ]  # fmt: skip


def test_refusal_names_the_field_and_never_the_value():
    with pytest.raises(MappingError) as caught:
        to_new().row(ROW | {"PHONE": "hunter2-secret"}, {})
    assert caught.value.field == "phone"
    assert str(caught.value) == "phone is not a phone number"
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_empty_chunk_is_an_empty_chunk():
    direction = to_new()
    mapped = direction.chunk(Chunk.of_rows(tuple(ROW), (0,), [], []), {})
    assert (list(mapped.rows), mapped.columns) == ([], direction.columns)


def test_equal_numbers_of_different_types_are_not_taken_for_each_other():
    """1, True and 1.0 are equal and hash alike: a memory must not answer one with the other's result."""
    direction = to_new("{legacy: A, new: a, to_new: [{default: {value: 0}}]}")
    rows = [{"NO": 1, "A": value} for value in (1, True, 1.0, Decimal("1.0"), Decimal("1.00"))]
    mapped = direction.chunk(chunk_of(*rows), {})
    assert [repr(row[1]) for row in mapped.rows] == ["1", "True", "1.0", "Decimal('1.0')", "Decimal('1.00')"]


def test_memory_of_a_column_is_bounded(monkeypatch):
    monkeypatch.setattr(column_module, "MEMORY_MAX", 10)
    direction = to_new("{legacy: A, new: a, to_new: upper}", direction="to_new")
    for start in range(0, 100, 7):
        mapped = direction.chunk(chunk_of(*[{"NO": 1, "A": f"v{start + at}"} for at in range(7)]), {})
        assert [row[1] for row in mapped.rows] == [f"V{start + at}" for at in range(7)]
        [field] = [field for field in direction._fields if field.route.targets == ("a",)]
        assert sum(map(len, field.values._memories.values())) <= 10


def test_chunk_larger_than_the_memory_is_mapped(monkeypatch):
    monkeypatch.setattr(column_module, "MEMORY_MAX", 10)
    direction = to_new("{legacy: A, new: a, to_new: upper}", direction="to_new")
    mapped = direction.chunk(chunk_of(*[{"NO": 1, "A": f"v{at}"} for at in range(50)]), {})
    assert [row[1] for row in mapped.rows] == [f"V{at}" for at in range(50)]


# Keys


def test_key_of_the_target_is_told_from_the_key_of_the_source():
    direction = to_new("{legacy: A, new: a}", direction="to_new")
    assert direction.key((7,), {}) == (7,)
    assert direction.key_from_key
    assert direction.target_key({"id": 7, "a": 1}) == (7,)


def test_key_that_needs_other_columns_cannot_be_told_from_the_key():
    other = to_new("{legacy: B, new: b}", direction="to_new")
    other._source_key = ("B",)
    with pytest.raises(MappingError, match="not in the source's key"):
        other.key((7,), {})


def test_key_of_text_is_made_to_fit_its_column():
    direction = to_new("{legacy: A, new: a}", direction="to_new", new={"id": ColumnKind("id", Kind.INTEGER, bits=16)})
    assert direction.key(("7",), {}) == (7,)
    with pytest.raises(MappingError, match="id is beyond what"):
        direction.key(("70000",), {})


# Lookups

ORDERS = "{legacy: [COMPANY, CUST], new: customer_id, lookup: customers}"


def lookups(fields: str = ORDERS) -> Direction:
    return to_new("{legacy: A, new: a}\n" + fields, direction="to_new")


def test_lookup_is_named_and_answered_from_what_was_found():
    direction = to_new("{legacy: REF, new: referrer_id, lookup: customers}", direction="to_new")
    assert direction.lookups == (Lookup("customers", ("REF",)),)
    found = {"customers": {(5,): (105,)}}
    assert direction.row({"NO": 1, "REF": 5}, found)["referrer_id"] == 105
    assert direction.row({"NO": 1, "REF": None}, found)["referrer_id"] is None
    mapped = direction.chunk(chunk_of({"NO": 1, "REF": 5}, {"NO": 2, "REF": 6}, {"NO": 3, "REF": None}), found)
    assert [row[-1] for row in mapped.rows] == [105, None]
    [(index, error)] = mapped.refused
    assert (index, error.reason, error.field) == (1, "lookup", "referrer_id")
    with pytest.raises(MappingError, match="the record of customers is not there yet"):
        direction.row({"NO": 1, "REF": 6}, {})


def test_lookup_goes_both_ways():
    direction = to_legacy("{legacy: REF, new: referrer_id, lookup: customers}")
    assert direction.lookups == (Lookup("customers", ("referrer_id",)),)
    assert direction.row({"id": 1, "referrer_id": 105}, {"customers": {(105,): (5,)}})["REF"] == 5


# Enumerations


def test_enumeration_maps_by_word_whatever_the_column_holds():
    direction = to_new('{legacy: S, new: s, values: {"1": on, "0": off, "": null}}', direction="to_new")
    given_values = [1, "1", True, Decimal("1.0"), b"\x00", 0, "", "  ", None]
    rows = [{"NO": 1, "S": value} for value in given_values]
    assert [direction.row(row, {})["s"] for row in rows] == ["on", "on", "on", "on", "off", "off", None, None, None]


def test_first_word_wins_on_the_way_back_and_null_comes_back_where_it_was_mapped():
    direction = to_legacy("{legacy: S, new: s, values: {A: active, B: active, X: null}}")
    assert [direction.row({"id": 1, "s": value}, {})["S"] for value in ("active", None)] == ["A", "X"]
    with pytest.raises(MappingError, match="S is not among the values that are mapped"):
        direction.row({"id": 1, "s": "other"}, {})


# Several columns and functions

FUNCTIONS = """
def join_names(first, last):
    return f"{first} {last}"

def split_names(name):
    return tuple(name.split(" ", 1))

def shout(text):
    return text.upper() + "!"

def wrong(value):
    raise KeyError("hunter2")

async def later(value):
    return value
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mapping.py").write_text(FUNCTIONS)
    return tmp_path


NAMES = '{legacy: [F, L], new: full, to_new: "mapping:join_names", to_legacy: "mapping:split_names"}'


def test_functions_beside_the_configuration_join_and_split(folder):
    mapping = mapping_of(NAMES, folder=folder)
    assert mapping.to_new is not None
    assert mapping.to_legacy is not None
    assert mapping.to_new.row({"NO": 1, "F": "Ann", "L": "Lee"}, {})["full"] == "Ann Lee"
    assert mapping.to_legacy.row({"id": 1, "full": "Ann Lee"}, {}) == {"NO": 1, "F": "Ann", "L": "Lee"}


def test_function_that_returns_too_few_values_refuses_the_record(folder):
    with pytest.raises(MappingError, match="mapping:split_names must return 2 values"):
        to_legacy(NAMES, folder=folder).row({"id": 1, "full": "Ann"}, {})


def test_steps_of_single_values_do_each_of_several_columns(folder):
    direction = to_new("{legacy: [F, L], new: full, to_new: [trim, join, title_case]}", direction="to_new")
    assert direction.row({"NO": 1, "F": " ANN ", "L": None}, {})["full"] == "Ann"
    after = to_new('{legacy: A, new: a, to_new: [trim, "mapping:shout", lower]}', direction="to_new", folder=folder)
    assert after.row({"NO": 1, "A": " x "}, {})["a"] == "x!"


def test_what_a_function_raises_refuses_the_record_without_its_text(folder):
    direction = to_new('{legacy: A, new: a, to_new: "mapping:wrong"}', direction="to_new", folder=folder)
    with pytest.raises(MappingError) as caught:
        direction.row({"NO": 1, "A": 1}, {})
    assert str(caught.value) == "a mapping:wrong raised KeyError"
    [(_, refusal)] = direction.chunk(chunk_of({"NO": 1, "A": 1}), {}).refused
    assert str(refusal) == str(caught.value)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("mapping:nothing", "mapping has no function nothing"),
        ("absent_module:f", "there is no .*absent_module.py, and no installed package absent_module"),
        ("mapping:later", "is async, and a transform must not wait"),
        ("broken:f", "importing broken raised SyntaxError"),
        ("needy:f", "needs not_installed_anywhere"),
    ],
)
def test_function_that_cannot_be_used_is_refused_when_the_mapping_is_compiled(folder, call, why):
    (folder / "broken.py").write_text("def f(:\n")
    (folder / "needy.py").write_text("import not_installed_anywhere\n")
    with pytest.raises(MappingError, match=why):
        mapping_of(f'{{legacy: A, new: a, to_new: "{call}"}}', direction="to_new", folder=folder)


def test_function_of_an_installed_package_is_found(tmp_path):
    direction = to_new('{legacy: A, new: a, to_new: "unicodedata:name"}', direction="to_new", folder=tmp_path)
    assert direction.row({"NO": 1, "A": "é"}, {})["a"] == "LATIN SMALL LETTER E WITH ACUTE"


# What cannot be compiled


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ("{legacy: A, new: a, to_new: upper}", "A: upper has no inverse, so to_legacy must be given"),
        ("{legacy: A, new: a, to_legacy: [lower, {round: {}}]}", "a: lower, round has no inverse, so to_new must"),
        ("{legacy: [A, B], new: a, to_new: trim, to_legacy: split}", "end in several values: add join"),
        ("{legacy: A, new: [a, b], to_new: trim, to_legacy: join}", "end in one value: add split"),
        ("{legacy: [A, B, C], new: [a, b], to_new: trim, to_legacy: trim}", "2 columns cannot become 3"),
    ],
)
def test_mapping_that_cannot_work_is_refused(fields, why):
    with pytest.raises(MappingError, match=why):
        mapping_of(fields)


def test_field_that_goes_one_way_needs_no_inverse():
    mapping = mapping_of("{legacy: A, new: a, to_new: upper, direction: to_new}")
    assert mapping.to_legacy is not None
    assert mapping.to_legacy.columns == ("NO",)


def test_constant_that_does_not_fit_is_refused_at_once():
    with pytest.raises(MappingError, match="the constant of source has more than 2 characters"):
        to_new("{new: source, constant: erp}", new={"source": ColumnKind("source", Kind.TEXT, length=2)})


def test_sync_that_goes_one_way_has_one_direction():
    mapping = mapping_of("{legacy: A, new: a}", direction="to_legacy")
    assert mapping.to_new is None
    assert mapping.toward(Side.LEGACY) is mapping.to_legacy
    assert mapping.columns(Side.NEW) == ("id", "a")


def test_row_without_a_column_says_which():
    with pytest.raises(MappingError, match="name: the row has no column NAME"):
        to_new().row({name: value for name, value in ROW.items() if name != "NAME"}, {})


# Versions, authority, duplicates


def versions(mapping: Mapping) -> tuple[int, int]:
    assert mapping.to_new is not None
    assert mapping.to_legacy is not None
    return mapping.to_new.version, mapping.to_legacy.version


def test_version_is_the_same_for_the_same_mapping_and_another_for_another():
    plain = versions(mapping_of("{legacy: A, new: a, to_new: trim}"))
    assert plain == versions(mapping_of("{legacy: A, new: a, to_new: [{trim: {side: both}}]}"))
    assert plain == versions(mapping_of("{legacy: A, new: a, to_new: trim}", more="    batch_rows: 7\n"))
    assert plain[0] != plain[1]
    assert all(0 < version < 2**63 for version in plain)
    others = [
        "{legacy: A, new: a, to_new: {trim: {side: left}}}",
        "{legacy: A, new: a}",
        "{legacy: B, new: a, to_new: trim}",
        "{legacy: A, new: a, to_new: trim}\n{new: c, constant: 1}",
    ]
    assert all(versions(mapping_of(fields))[0] != plain[0] for fields in others)


def test_version_changes_with_the_source_of_a_function(folder):
    first = to_new(NAMES, folder=folder).version
    assert to_new(NAMES, folder=folder).version == first
    (folder / "mapping.py").write_text(FUNCTIONS + "\n# changed\n")
    assert to_new(NAMES, folder=folder).version != first


def test_authority_is_asked_by_the_column_that_is_written():
    more = "    authority: {default: legacy, fields: {name: new, status: none}}\n"
    for direction, name, status, other in (
        (to_new(more=more), "name", "status", "phone"),
        (to_legacy(more=more), "NAME", "STAT", "PHONE"),
    ):
        assert direction.authority(name) is Side.NEW
        assert direction.authority(status) is None
        assert direction.authority(other) is Side.LEGACY
        assert direction.record_authority is Side.LEGACY


def test_duplicates_are_a_question_about_columns_of_the_new_store():
    query = mapping_of(CUSTOMERS, more="    duplicates: {on: [name, phone]}\n").duplicates
    assert query is not None
    assert (query.columns, query.key) == (("name", "phone"), ("id",))
    assert mapping_of(CUSTOMERS).duplicates is None


def test_differing_names_the_columns_whose_values_mean_something_else():
    direction = to_new(new=KINDS)
    mapped = direction.row(ROW, {})
    stored = mapped | {"balance": Decimal("19.990"), "created_at": datetime.fromisoformat("2024-07-04T00:00:00-04:00")}
    assert direction.differing(mapped, stored) == ()
    assert direction.differing(mapped, stored | {"name": "Bob", "phone": None}) == ("name", "phone")


# Rules


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("required: true", ["x", 0, False], [None, "", "  "]),
        ("format: email", ["a@b.example", "o'neil@b.example", None, "a.b+c@x-y.example"], ["a@b", "a b@c.example", "a@b..c", 5]),
        ("format: phone", ["+12025550123"], ["2025550123", "+1202", "x"]),
        ("format: date", ["2024-02-29", date(2024, 1, 1)], ["2023-02-29", datetime(2024, 1, 1, tzinfo=UTC), "x"]),
        ("format: datetime", ["2024-02-29T01:02:03Z", datetime(2024, 1, 1, tzinfo=UTC)], ["x"]),
        ("format: uuid", ["00000000-0000-0000-0000-000000000000"], ["0-0"]),
        ("format: country", ["GB"], ["UK", "gb"]),
        ("format: currency", ["USD"], ["XYZ"]),
        ('regex: "[A-Z]{2}"', ["AB"], ["ABC", "ab", 5]),
        ("in: [GB, 1, true]", ["GB", 1, "1"], ["FR", 2]),
        ("min: 0, max: 9.5", [0, 9.5, Decimal("9.50")], [-1, Decimal("9.51"), "5"]),
        ('min: "1900-01-01"', [date(1900, 1, 1), datetime(1900, 1, 1, tzinfo=UTC)], [date(1899, 12, 31), 5]),
        ("length_min: 2, length_max: 3", ["ab", "abc"], ["a", "abcd", 5]),
    ],
)  # fmt: skip
def test_rule_lets_pass_and_refuses(rule, good, bad):
    more = f"    rules: [{{field: a, {rule}}}]\n"
    forward = to_new("{legacy: A, new: a}", more=more)
    backward = to_legacy("{legacy: A, new: a}", more=more)
    for value in good:
        assert forward.row({"NO": 1, "A": value}, {})["a"] == value
        assert backward.row({"id": 1, "a": value}, {})["A"] == value
    for value in bad:
        for direction, row in ((forward, {"NO": 1, "A": value}), (backward, {"id": 1, "a": value})):
            with pytest.raises(MappingError) as caught:
                direction.row(row, {})
            assert (caught.value.field, caught.value.reason) == ("a", "rule")


def test_rule_on_a_column_that_does_not_travel_is_not_asked_on_that_way():
    more = "    rules: [{field: a, required: true}]\n"
    direction = to_legacy("{legacy: A, new: a, direction: to_new}", more=more)
    assert direction.row({"id": 1}, {}) == {"NO": 1}


# The whole mapping there and back

NAMES_OF_PEOPLE = st.sampled_from(["ANN", "JOSÉ", "O'NEIL", "ZOË-MARIE", "李", "😀"])
DOMAIN = st.fixed_dictionaries(
    {
        "NO": st.integers(-(2**31), 2**31 - 1),
        "NAME": st.none() | st.lists(NAMES_OF_PEOPLE, min_size=1, max_size=2).map(" ".join),
        "PHONE": st.none() | st.integers(2012000000, 9899999999).map(lambda n: f"({str(n)[:3]}) {str(n)[3:6]}-{str(n)[6:]}"),
        "CRT_DT": st.none() | st.dates(date(1901, 1, 1), date(2099, 1, 1)).map(lambda day: day.isoformat().replace("-", "")),
        "STAT": st.sampled_from([None, "A", "I", "D"]),
        "FNAME": st.sampled_from(["Ann", "Émile"]),
        "LNAME": st.sampled_from(["Lee", "van der Berg", None]),
        "BAL": st.none() | st.integers(-99_999_999, 99_999_999),
        "OPT_IN": st.sampled_from([None, "Y", "N"]),
    }
)  # fmt: skip
LEGACY_KINDS = {
    "BAL": ColumnKind("BAL", Kind.INTEGER, bits=64),
    "STAT": ColumnKind("STAT", Kind.TEXT, length=1, fixed=True),
}
WIDE = KINDS | {"name": ColumnKind("name", Kind.TEXT, length=40), "balance": ColumnKind("balance", Kind.DECIMAL)}


@settings(max_examples=200, deadline=None)
@given(st.lists(DOMAIN, min_size=1, max_size=4))
def test_records_that_went_to_new_come_back_as_they_were(rows):
    mapping = mapping_of(CUSTOMERS, legacy=LEGACY_KINDS, new=WIDE)
    assert mapping.to_new is not None
    assert mapping.to_legacy is not None
    there = mapping.to_new.chunk(chunk_of(*rows), {})
    assert there.refused == []
    back = mapping.to_legacy.chunk(Chunk(there.columns, (1,), there.values, [0] * len(rows)), {})
    returned = [dict(zip(back.columns, row, strict=True)) for row in back.rows]
    assert returned == [{**row, "CHANGED_BY": "strangler"} for row in rows]
    # And what came back, mapped again, is what was there: an echo has nothing to write.
    again = mapping.to_new.chunk(chunk_of(*returned), {})
    assert again.rows == there.rows
