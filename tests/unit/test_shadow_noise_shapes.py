"""What is learned of legacy's values: it accepts all that it was learned from, and refuses what is of another sort."""

from __future__ import annotations

import json
import random
import uuid
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow.noise.learned import Learned, distance, from_json, to_json
from shadow.noise.patterns import normalised
from shadow.noise.shapes import FORMS_MAX, NumberShape, TextShape
from shadow.times import read_time

hexadecimal = st.text("0123456789abcdef", min_size=8, max_size=10)
texts = (
    st.text(max_size=30)
    | st.uuids().map(str)
    | hexadecimal
    | st.datetimes().map(lambda at: at.isoformat() + "Z")
    | st.datetimes().map(lambda at: at.strftime("%a, %d %b %Y %H:%M:%S GMT"))
    | st.from_regex(r"[A-Za-z0-9_-]{16,24}", fullmatch=True)
    | st.integers(0, 10**12).map(str)
    | st.decimals(-1000, 1000, places=2).map(str)
)
numbers = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False) | st.decimals(-1000, 1000, places=3)
scalars = st.none() | st.booleans() | numbers | texts
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=3), scalars, max_size=5)


def learned_from(items) -> Learned:
    learned = Learned()
    for item in items:
        learned = learned.observe(item)
    return learned


@given(st.lists(values, min_size=1, max_size=40))
def test_what_was_learned_accepts_everything_that_it_was_learned_from(items):
    learned = learned_from(items)
    assert [item for item in items if not learned.accepts(item)] == []


@given(st.lists(values, min_size=1, max_size=12), st.lists(values, min_size=1, max_size=12))
def test_joined_knowledge_accepts_what_either_was_learned_from_and_does_not_depend_on_the_order(ones, others):
    one, other = learned_from(ones), learned_from(others)
    joined = one.join(other)
    assert all(joined.accepts(item) for item in [*ones, *others])
    assert to_json(joined) == to_json(other.join(one))
    assert to_json(joined) == to_json(learned_from([*ones, *others]))


@given(st.lists(st.tuples(values, values), min_size=1, max_size=12), values)
def test_what_was_learned_survives_a_restart(pairs, value):
    learned = Learned()
    for first, second in pairs:
        learned = learned.observe_pair(first, second)
    again = from_json(json.loads(json.dumps(to_json(learned))))
    assert again == learned
    assert again.accepts(value) == learned.accepts(value)
    assert again.what == learned.what


@given(st.lists(st.tuples(values, values), min_size=1, max_size=12))
def test_two_answers_of_legacy_are_never_too_far_apart(pairs):
    learned = Learned()
    for first, second in pairs:
        learned = learned.observe_pair(first, second)
    assert all(learned.accepts_move(first, second) and learned.accepts_move(second, first) for first, second in pairs)


def uuids(draw: random.Random) -> str:
    return str(uuid.UUID(int=draw.getrandbits(128), version=4))


def hashes(draw: random.Random) -> str:
    return f"{draw.getrandbits(160):040x}"


def times(draw: random.Random) -> str:
    return f"2026-03-0{draw.randint(1, 9)}T10:{draw.randint(10, 59)}:00.{draw.randint(0, 999):03}Z"


@pytest.mark.parametrize(
    ("make", "what", "refused"),
    [
        (uuids, "uuid4", ["", None, 7, "0" * 32, str(uuid.uuid1()), str(uuid.uuid4()).upper(), "not-a-uuid"]),
        (hashes, "hex40", ["", None, f"{7:064x}", f"{7:039x}", "Z" * 40, hashes(random.Random(1)).upper().replace("0", "A")]),
        (times, "time", ["2026-03-01T10:00:00Z", "2026-03-01T10:00:00.000000Z", "2026-03-01T10:00:00.000+01:00", "2026-03-01", None, 1772359200]),
        (lambda draw: f"Sat, 07 Mar 2026 10:00:{draw.randint(10, 59)} GMT", "http_date", ["2026-03-07T10:00:00Z", "yesterday", None]),
        (lambda draw: draw.choice(["low", "in_stock"]), "one_of", ["LOW", "high", "", None, 3]),
        (lambda draw: draw.randint(1_770_000_000, 1_770_000_900), "unix_s", [1_770_000_000_000, 1_770_000_000.5, "1770000000", None]),
        (lambda draw: draw.randint(10, 99), "integer", [7_700, 12.5, "12", True, None]),
        (lambda draw: round(draw.uniform(10, 99), 2), "number", [1_234.5, 12.345, "12.5", None]),
        (lambda draw: f"{draw.uniform(10, 99):.2f}", "decimal", ["12.5", "12.345", 12.5, "twelve", ""]),
        (lambda draw: f"eyJh.{draw.getrandbits(200):x}.{draw.getrandbits(200):x}", "jwt", ["", "eyJh", None]),
    ],
)  # fmt: skip
def test_value_of_another_sort_is_refused(make, what, refused):
    draw = random.Random(5)
    learned = learned_from(make(draw) for _ in range(60))
    assert learned.what == what
    assert all(learned.accepts(make(draw)) for _ in range(200))
    assert [value for value in refused if learned.accepts(value)] == []


def test_reading_is_found_that_all_values_have_and_not_only_the_first():
    digits_first = TextShape.of("12345678").observe("1234abcd").observe("00000000")
    assert digits_first.what == "hex8"
    assert digits_first.accepts("deadbeef")
    assert not digits_first.accepts("deadbee")


def test_reading_with_too_many_forms_is_given_up():
    shape = TextShape.of("a" * 8)
    for length in range(9, 9 + FORMS_MAX):
        shape = shape.observe("a" * length)
    assert shape.what != "hex"
    assert all(len(forms) <= FORMS_MAX for _, forms in shape.readings)


def test_time_that_is_hours_off_is_too_far_where_legacys_times_are_a_second_apart():
    learned = Learned()
    for second in range(10, 50):
        learned = learned.observe_pair(f"2026-03-01T10:00:{second}Z", f"2026-03-01T10:00:{second + 1}Z")
    assert learned.accepts_move("2026-03-01T10:00:10Z", "2026-03-01T10:00:40Z")
    assert not learned.accepts_move("2026-03-01T10:00:10Z", "2026-03-01T12:00:10Z")


def test_number_that_jumps_is_too_far_where_legacys_numbers_move_by_little():
    learned = Learned()
    for price in range(100, 9_000, 100):
        learned = learned.observe_pair(price, price + 1)
    assert learned.what == "counter"
    assert learned.accepts_move(500, 503)
    assert not learned.accepts_move(500, 600)


def test_object_needs_the_members_that_legacys_had():
    learned = learned_from([{"id": 1, "name": "a"}, {"id": 2, "name": "b", "note": "c"}])
    assert learned.accepts({"id": 3, "name": "d"})
    assert not learned.accepts({"id": 3})
    assert not learned.accepts({"id": 3, "name": "d", "other": 1})


@pytest.mark.parametrize("number", [10**400, -(10**400), float("inf"), Decimal("1e9999"), 1e-320])
def test_number_beyond_floats_is_a_number_too(number):
    assert NumberShape.of(number).accepts(number)
    assert distance(number, 0) is not None


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2026-03-01T10:00:00Z", "T.0Z"),
        ("2026-03-01 10:00:00.250+02:00", " .3+02:00"),
        ("2026-03-01T10:00", "T-"),
        ("2026-03-01", "date"),
        ("Sun, 01 Mar 2026 10:00:00 GMT", "http"),
    ],
)
def test_form_of_a_time(text, form):
    moment = read_time(text)
    assert moment is not None
    assert moment.form == form


@pytest.mark.parametrize(
    "text", ["2026-13-01", "2026-02-30T10:00:00Z", "2026-03-01T25:00:00Z", "2026-03-01T", "hello world", ""]
)
def test_no_time(text):
    assert read_time(text) is None


def test_place_is_the_same_whatever_object_is_asked_for():
    assert normalised("/users/1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed/name") == "/users/*/name"
    assert normalised("/by_day/2026-03-01/total") == "/by_day/*/total"
    assert normalised("/orders/ORD-20417/lines/*/price") == "/orders/*/lines/*/price"
    assert normalised("/address/line2") == "/address/line2"
    assert normalised("@header/location") == "@header/location"
