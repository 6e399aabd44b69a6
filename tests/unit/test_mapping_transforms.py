"""Each transform: what it does, what it refuses, and that its inverse leads back."""

from __future__ import annotations

import string
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from legacy_adapters.mapping.column import Column, Refused, run_of
from legacy_adapters.mapping.step import RefusalError, Shape
from legacy_adapters.mapping.transforms.cases import title_case
from legacy_adapters.mapping.transforms.codes import table
from routes.config.sync_transform import NAMES
from support.mappings import step_of

WORDS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30)
DAYS = st.dates(date(1, 1, 1), date(9999, 12, 31))
CLOCKS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29))  # noqa: DTZ001
WHOLES = st.integers(-(10**18), 10**18)
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=4)
SPANS = st.integers(-62_135_596_800, 253_402_300_799)
LATIN1 = st.lists(st.integers(0, 255), max_size=20).map(
    lambda codes: "".join(
        bytes([code]).decode("cp1252") if code not in {0x81, 0x8D, 0x8F, 0x90, 0x9D} else chr(code) for code in codes
    )
)
COUNTRIES = st.sampled_from(sorted(table("country", "alpha_3", "alpha_2")))
PARTS = st.text(alphabet=string.ascii_letters + "éß漢", min_size=1, max_size=8)

MONTHS = [date(2000, month, 1).strftime("%B") for month in range(1, 13)]


def digits(clock: datetime) -> str:
    return "".join(character for character in clock.isoformat(timespec="seconds") if character.isdigit())


def twelve(clock: datetime) -> str:
    half = "AM" if clock.hour < 12 else "PM"
    return f"{clock.day:02d}.{clock.month:02d}.{clock.year:04d} {clock.hour % 12 or 12:02d}:{clock.minute:02d}:{clock.second:02d}.{clock.microsecond:06d} {half}"


def mislabelled(word: str) -> str:
    """UTF-8 bytes as MariaDB shows them where the column says latin1."""
    return "".join(
        bytes([byte]).decode("cp1252") if byte not in {0x81, 0x8D, 0x8F, 0x90, 0x9D} else chr(byte)
        for byte in word.encode()
    )


INVERTIBLE: dict[str, list[tuple[Any, st.SearchStrategy[Any]]]] = {
    "trim": [("trim", WORDS.map(str.strip))],
    "email": [("email", PARTS.map(lambda part: f"{part}.X@shop.example"))],
    "blank_is_null": [("blank_is_null", st.none() | WORDS.filter(str.strip))],
    "null_is_blank": [("null_is_blank", st.none() | WORDS.filter(str.strip))],
    "default": [({"default": {"value": "x"}}, WORDS)],
    "prefix": [({"prefix": {"text": "C-"}}, WORDS)],
    "recode": [
        ({"recode": {"stored_as": "latin1", "really": "cp1252"}}, st.text(alphabet=string.printable, max_size=9)),
        ({"recode": {}}, WORDS.map(mislabelled)),
        ({"recode": {"stored_as": "latin1", "really": "cp850"}}, LATIN1),
    ],
    "json": [("json", st.sampled_from(['{"a":[1,2.5,null,"é"]}', "[]", "0", '"x"', "true"]))],
    "date": [
        ("date", DAYS.map(date.isoformat)),
        ({"date": {"format": "%Y%m%d"}}, DAYS.map(lambda day: day.isoformat().replace("-", ""))),
        ({"date": {"format": "%d %B %Y"}}, DAYS.map(lambda day: f"{day.day:02d} {MONTHS[day.month - 1]} {day.year:04d}")),
        ({"date": {"format": "%Y%j"}}, DAYS.map(lambda day: f"{day.year:04d}{day.timetuple().tm_yday:03d}")),
        ({"date": {"format": "%y/%m/%d"}}, st.dates(date(1969, 1, 1), date(2068, 12, 31)).map(lambda day: day.strftime("%y/%m/%d"))),
        ({"date": {"format": "%Y%m%d", "zero": "swap"}}, st.just("00000000")),
    ],
    "datetime": [
        ({"datetime": {}}, CLOCKS),
        ({"datetime": {"format": "%Y-%m-%d %H:%M:%S.%f"}}, CLOCKS.map(lambda clock: clock.isoformat(" ", "microseconds"))),
        ({"datetime": {"format": "%d.%m.%Y %I:%M:%S.%f %p"}}, CLOCKS.map(twelve)),
        ({"datetime": {"zone": "Asia/Kolkata"}}, CLOCKS.filter(lambda clock: clock.year > 1950)),
        ({"datetime": {"format": "%Y%m%d%H%M%S", "zone": "UTC"}}, CLOCKS.map(digits)),
    ],
    "epoch": [
        ("epoch", SPANS),
        ({"epoch": {"unit": "ms"}}, SPANS.map(lambda span: span * 1000 + 7)),
        ({"epoch": {"unit": "us"}}, st.integers(-(10**15), 10**15)),
    ],
    "phone": [({"phone": {"region": "US"}}, st.integers(2002000000, 9899999999).map(lambda n: f"({str(n)[:3]}) {str(n)[3:6]}-{str(n)[6:]}"))],
    "phone_national": [({"phone_national": {"region": "US"}}, st.integers(2002000000, 9899999999).map(lambda n: f"+1{n}"))],
    "country": [
        ({"country": {"from": "alpha_3"}}, COUNTRIES),
        ({"country": {"from": "name"}}, st.sampled_from(["France", "Germany", "Japan"])),
        ({"country": {"from": "alpha_2", "to": "numeric"}}, st.sampled_from(["AU", "US", "AF"])),
    ],
    "currency": [("currency", st.sampled_from(["840", "978", "008"]))],
    "decimal": [
        ("decimal", DECIMALS.map(lambda value: f"{value:f}")),
        ({"decimal": {"point": ",", "scale": 4}}, DECIMALS.map(lambda value: f"{value:.4f}".replace(".", ","))),
    ],
    "integer": [
        ("integer", WHOLES.map(str)),
        ({"integer": {"width": 8}}, st.integers(0, 99_999_999).map(lambda value: f"{value:08d}")),
    ],
    "scale": [({"scale": {"by": 0.01}}, WHOLES), ({"scale": {"by": "1000"}}, DECIMALS), ({"scale": {"by": "-0.5"}}, DECIMALS)],
    "boolean": [
        ("boolean", st.sampled_from(["Y", "N"])),
        ({"boolean": {"yes": 1, "no": 0}}, st.sampled_from([1, 0])),
    ],
}  # fmt: skip
#: Several columns at once, or a function of the user's: tested on their own.
SEVERAL = {"join", "split", "python"}
#: What they lose would be lost on the other side too, so that a way back has to be given.
NO_INVERSE = {"upper", "lower", "title_case", "truncate", "substring", "round"}


def test_every_transform_has_its_round_trip_or_is_known_to_have_none():
    assert set(NAMES) == set(INVERTIBLE) | SEVERAL | NO_INVERSE


@pytest.mark.parametrize(
    ("written", "domain"),
    [pytest.param(written, domain, id=str(written)) for cases in INVERTIBLE.values() for written, domain in cases],
)
def test_inverse_of_what_was_mapped_is_the_value(written, domain):
    step = step_of(written)
    assert step.inverse is not None
    back = step.inverse()

    @settings(max_examples=60, deadline=None)
    @given(domain)
    def leads_back(value):
        mapped = step.apply(value) if value is not None or step.nulls else None
        returned = back.apply(mapped) if mapped is not None or back.nulls else None
        assert returned == value
        assert type(returned) is type(value) or isinstance(returned, Decimal)
        if step.loses is None and back.inverse is not None and value is not None:
            assert back.inverse().apply(returned) == mapped  # turned around twice it is the same transform again

    leads_back()


@pytest.mark.parametrize("name", sorted(NO_INVERSE))
def test_what_destroys_on_the_way_has_no_inverse(name):
    arguments = {"truncate": {"length": 3}, "substring": {"length": 3}}.get(name, {})
    step = step_of({name: arguments})
    assert step.inverse is None
    assert step.loses


@pytest.mark.parametrize(
    ("given_name", "expected"),
    [
        ("JOHN SMITH", "John Smith"),
        ("o'neil", "O'Neil"),
        ("JEAN-LUC D\u2019ANGELO", "Jean-Luc D\u2019Angelo"),
        ("MCDONALD", "McDonald"),
        ("macdonald", "Macdonald"),
        ("MCE", "Mce"),
        ("VINCENT VAN GOGH", "Vincent van Gogh"),
        ("van gogh", "Van Gogh"),
        ("MARIA DE LA CRUZ", "Maria de la Cruz"),
        ("john smith iii", "John Smith III"),
        ("LaTonya deVries", "LaTonya deVries"),
        ("j. r. r. TOLKIEN", "J. R. R. Tolkien"),
        ("the bell's inn", "The Bell's Inn"),
        ("MÜLLER ÉMILE", "Müller Émile"),
        ("  TWO   SPACES ", "  Two   Spaces "),
        ("(ACME) ltd", "(Acme) Ltd"),
        ("3M", "3M"),
        ("", ""),
    ],
)
def test_names_are_cased_as_people_write_them(given_name, expected):
    assert title_case(given_name) == expected


@given(st.text(max_size=40))
@example("ǆ")
@example("ß")
def test_title_case_twice_is_title_case_once(words):
    assert title_case(title_case(words)) == title_case(words)


@pytest.mark.parametrize(
    ("written", "value", "expected"),
    [
        ({"trim": {"side": "left"}}, "  a ", "a "),
        ("email", " Bob@Shop.EXAMPLE ", "Bob@shop.example"),
        ("blank_is_null", " \t", None),
        ({"truncate": {"length": 2}}, "añb", "añ"),
        ({"substring": {"start": 2, "length": 3}}, "abcdef", "cde"),
        ("recode", "M\xc3\xbcller \xe2\u201a\xac", "Müller €"),
        ("json", '{"a": 1}', {"a": 1}),
        ({"date": {"format": "%Y%m%d"}}, 20240229, date(2024, 2, 29)),
        ({"date": {"format": "%d-%b-%y"}}, "05-jul-69", date(1969, 7, 5)),
        ({"date": {"zero": "to_null"}}, "0000-00-00", None),
        ({"datetime": {"zero": "to_null"}}, "0000-00-00 00:00:00", None),
        ({"datetime": {}}, "1969-12-31T23:59:59", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ({"datetime": {}}, date(2024, 1, 1), datetime(2024, 1, 1, tzinfo=UTC)),
        ("epoch", -1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ({"phone": {"region": "GB"}}, "020 7946 0018", "+442079460018"),
        ({"phone": {"region": "US"}}, 2025550123, "+12025550123"),
        ({"phone": {"region": "US"}}, "+44 20 7946 0018", "+442079460018"),
        ({"phone_national": {"region": "US"}}, "+442079460018", "+44 20 7946 0018"),
        ({"country": {"from": "numeric"}}, 36, "AU"),
        ({"country": {"from": "name"}}, "  germany".strip(), "DE"),
        ({"currency": {"from": "alpha_3", "to": "numeric"}}, "USD", "840"),
        ({"decimal": {"point": ",", "group": "."}}, "1.234.567,89", Decimal("1234567.89")),
        ({"integer": {}}, "-007", -7),
        ({"scale": {"by": 0.01}}, 199, Decimal("1.99")),
        ({"round": {"digits": 1}}, Decimal("0.25"), Decimal("0.3")),
        ({"round": {"digits": 1, "mode": "half_even"}}, Decimal("0.25"), Decimal("0.2")),
        ({"round": {"digits": 0, "mode": "down"}}, Decimal("-1.9"), Decimal(-1)),
        ({"boolean": {"yes": 1, "no": 0}}, b"\x01", True),
        ({"boolean": {"yes": 1, "no": 0}}, b"\x00", False),
        ({"boolean": {"yes": 1, "no": 0}}, "0", False),
        ("boolean", "Y  ", True),
    ],
)
def test_value_becomes(written, value, expected):
    result = step_of(written).apply(value)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("written", "value", "why"),
    [
        ("trim", 5, "trim wants text, and got a whole number"),
        ("email", "nobody", "is not an e-mail address"),
        ({"date": {"format": "%Y%m%d"}}, "20230229", "is no day or time that there is"),
        ({"date": {"format": "%Y%m%d"}}, "2023022", "is not written as %Y%m%d"),
        ({"date": {"format": "%Y%m%d"}}, "\uff12\uff10\uff12\uff13\uff10\uff12\uff12\uff18", "is not written as"),
        ("date", "0000-00-00", "is no day or time that there is"),
        ({"date": {"format": "%d %b %Y"}}, "05 Xyz 2020", "names no month"),
        ({"datetime": {"format": "%I:%M %p %Y"}}, "13:00 PM 2020", "is no day or time"),
        ("epoch", 10**15, "is no instant"),
        ({"phone": {"region": "US"}}, "911", "too few or too many digits"),
        ({"phone": {"region": "US"}}, "call me", "is not a phone number"),
        ({"phone": {"region": "US"}}, "202-555-0123 x12", "has an extension"),
        ({"phone": {"region": "US", "check": "valid"}}, "1115550123", "has been given out"),
        ({"country": {"from": "alpha_2", "to": "alpha_3"}}, "us", "is not the alpha_2 of a country"),
        ({"decimal": {"point": ",", "group": "."}}, "1.23,4", "is not written as such a number"),
        ("decimal", "1e5", "is not written as such a number"),
        ("integer", "12.0", "is not a whole number"),
        ({"scale": {"by": 2}}, float("nan"), "got none"),
        ("boolean", "J", "is neither what stands for true"),
        ("json", "{", "is not JSON"),
        ("recode", "漢", "cannot be read as utf-8"),
    ],
)
def test_value_that_cannot_be_mapped_is_refused_without_being_shown(written, value, why):
    with pytest.raises(RefusalError) as caught:
        step_of(written).apply(value)
    assert why in str(caught.value)
    if len(str(value)) > 3:
        assert str(value) not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "value", "why"),
    [
        ({"integer": {"width": 3}}, 1000, "more than 3 digits"),
        ({"decimal": {"scale": 2}}, Decimal("1.005"), "more than 2 digits"),
        ({"date": {"format": "%y%m%d"}}, date(1968, 12, 31), "1969 to 2068"),
        ({"prefix": {"text": "C-"}}, "D-1", "does not begin with the prefix"),
        ("boolean", "maybe", "boolean wants true or false"),
    ],
)
def test_value_that_has_no_way_back_is_refused(written, value, why):
    step = step_of(written)
    assert step.inverse is not None
    with pytest.raises(RefusalError, match=why):
        step.inverse().apply(value)


NEW_YORK = {"zone": "America/New_York"}


@pytest.mark.parametrize(
    ("arguments", "clock", "expected"),
    [
        ({}, "2024-07-01 12:00", "2024-07-01 16:00"),
        ({}, "2024-01-01 12:00", "2024-01-01 17:00"),
        ({}, "2024-11-03 01:30", "2024-11-03 05:30"),
        ({"fold": "later"}, "2024-11-03 01:30", "2024-11-03 06:30"),
        ({"fold": "later"}, "2024-11-03 02:00", "2024-11-03 07:00"),
        ({"gap": "shift"}, "2024-03-10 02:30", "2024-03-10 07:30"),
        ({}, "2024-03-10 01:59", "2024-03-10 06:59"),
        ({}, "2024-03-10 03:00", "2024-03-10 07:00"),
        ({}, "1955-06-01 12:00", "1955-06-01 16:00"),
    ],
)
def test_wall_clock_of_a_zone_is_an_instant_across_changes_of_clocks(arguments, clock, expected):
    step = step_of({"datetime": {**NEW_YORK, **arguments}})
    assert step.apply(datetime.fromisoformat(clock)) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("arguments", "clock", "why"),
    [({}, "2024-03-10 02:30", "never was"), ({"fold": "refuse"}, "2024-11-03 01:30", "came twice")],
)
def test_wall_clock_that_is_none_or_two_instants_is_refused_where_it_must_be(arguments, clock, why):
    with pytest.raises(RefusalError, match=why):
        step_of({"datetime": {**NEW_YORK, **arguments}}).apply(datetime.fromisoformat(clock))


@given(st.datetimes(datetime(1900, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
@settings(deadline=None)
def test_instant_survives_its_wall_clock_except_in_the_doubled_hour(instant):
    step = step_of({"datetime": {"zone": "Europe/Berlin"}})
    assert step.inverse is not None
    again = step.apply(step.inverse().apply(instant))
    assert again == instant or (instant - again) in {timedelta(hours=1), timedelta(hours=2)}


REGIONS = [
    "US",
    "CA",
    "GB",
    "DE",
    "FR",
    "IT",
    "ES",
    "NL",
    "BR",
    "MX",
    "AR",
    "IN",
    "CN",
    "JP",
    "AU",
    "RU",
    "ZA",
    "SG",
    "HU",
    "LT",
]


@pytest.mark.parametrize("region", REGIONS)
def test_quick_way_to_e164_comes_to_the_parsers_result(region):
    from legacy_adapters.mapping.transforms.phones import _e164, _quick  # the two ways themselves

    quick = _quick(region)
    if quick is None:
        return

    @settings(max_examples=200, deadline=None)
    @given(st.text(alphabet=string.digits, min_size=3, max_size=15))
    @example("0")
    def same(digits):
        found = quick(digits)
        if found is not None:
            assert found == _e164(digits, region, valid=False)

    same()


def test_quick_way_settles_ordinary_numbers():
    from legacy_adapters.mapping.transforms.phones import _quick

    us, gb, de = _quick("US"), _quick("GB"), _quick("DE")
    assert us is not None
    assert us("2025550123") == "+12025550123"
    assert gb is not None
    assert gb("02079460018") == "+442079460018"
    assert de is not None
    assert de("030123456") == "+4930123456"


@pytest.mark.parametrize("region", ["US", "GB", "DE", "IT", "FR"])
def test_many_phone_numbers_at_once_come_out_as_one_by_one(region):
    step = step_of({"phone": {"region": region}})
    column = Column(run_of([step]), steady=True, many=step.many)
    alone = Column(run_of([step]), steady=False)
    numbers = st.text(alphabet=string.digits + " -.()/+\nx٣", max_size=20) | st.from_regex(r"\(\d{3}\) \d{3}-\d{4}")
    values = st.lists(st.none() | numbers | st.just("2" * 70) | st.just(" 202 555 0123" + " " * 60), max_size=8)

    @settings(max_examples=200, deadline=None)
    @given(values)
    @example(["(202) 555-0123", None, "020 7946 0018", "12025550123"])
    def same(texts):
        results, refused = column.all(texts)
        wanted, _ = alone.all(texts)
        assert [getattr(one, "reason", one) for one in results] == [getattr(one, "reason", one) for one in wanted]
        assert refused or not any(type(one) is Refused for one in results)

    same()


@given(st.lists(PARTS, min_size=2, max_size=2))
def test_split_undoes_join(parts):
    join = step_of("join", Shape(2, 1))
    assert join.inverse is not None
    assert join.inverse().apply(join.apply(tuple(parts))) == tuple(parts)


def test_join_leaves_out_what_is_empty_and_split_fills_up_with_null():
    join, split = step_of("join", Shape(3, 1)), step_of({"split": {"separator": ", "}}, Shape(1, 3))
    assert join.apply(("a", None, "b")) == "a b"
    assert join.apply((None, "", None)) is None
    assert split.apply("a, b, c, d") == ("a", "b", "c, d")
    assert split.apply("a") == ("a", None, None)
    assert split.apply(None) == (None, None, None)


@given(WORDS)
def test_repair_of_mislabelled_text_is_undone_by_its_inverse(word):
    assume(word.strip("\0"))
    step = step_of("recode")
    assert step.inverse is not None
    assert step.apply(mislabelled(word)) == word
    assert step.inverse().apply(word) == mislabelled(word)
