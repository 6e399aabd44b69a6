"""How two values are related: whatever was done to a value is found again."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import quote

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from shadow.clusters.fingerprint import fingerprint
from shadow.clusters.relations import RELATIONS, between, relation, relations
from shadow.comparison import Difference, Kind

words = st.text(st.characters(categories=["L"], max_codepoint=0x24F), min_size=1, max_size=12)
wholes = st.integers(1, 10**6)


def difference(kind: Kind, legacy=None, new=None, path="/a", pattern=None) -> Difference:
    return Difference(path, kind, legacy, new, pattern or path)


@given(wholes, st.integers(-6, 6).filter(bool))
def test_power_of_ten_is_found(number, power):
    new = number * 10**power if power > 0 else number / 10**-power
    assert between(number, new) == f"scaled:{power}"


@given(st.decimals(1, 1000, places=6), st.integers(0, 3))
def test_rounding_is_found(number, places):
    rounded = round(number, places)
    # A number that ends in zeros may be a power of ten of the other as well: 10.000001 and 10 are none.
    assume(rounded != number and between(number, rounded)[:6] != "scaled")
    name, _, argument = between(number, rounded).partition(":")
    assert name == "rounded"
    assert int(argument) <= places or places == 0


@given(words)
def test_blanks_at_the_ends_are_found(word):
    assert between(f" {word} ", word) == "trimmed"


@given(st.from_regex(r"[a-z]{1,12}", fullmatch=True))
def test_case_is_found(word):
    assert between(word, word.upper()) == "case"


@given(words, st.sampled_from("<>&\"'"))
def test_html_escaping_is_found_in_both_directions(word, special):
    plain = f"{word}{special}{word}"
    assert between(plain, html.escape(plain)) == "html_escaped"
    assert between(html.escape(plain), plain) == "html_unescaped"


@given(words)
def test_url_encoding_is_found_in_both_directions(word):
    plain = f"{word} / {word}"
    assert between(plain, quote(plain, safe="")) == "url_encoded"
    assert between(quote(plain, safe=""), plain) == "url_decoded"


@given(words)
def test_utf_8_read_as_latin_1_is_found_in_both_directions(word):
    text = word + "é"
    assert between(text, text.encode().decode("latin-1")) == "mojibake:latin-1"
    assert between(text.encode().decode("latin-1"), text) == "mojibake_mended:latin-1"


@given(st.integers(0, 2 * 10**9), st.integers(-48, 56).filter(bool))
def test_shift_by_time_zones_is_found(seconds, quarters):
    legacy, new = (
        datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z") for at in (seconds, seconds + 900 * quarters)
    )
    sign, size = ("-" if quarters < 0 else "+"), abs(quarters)
    assert between(legacy, new) == f"time_shifted:{sign}{size // 4}:{size % 4 * 15:02}"


@given(st.none() | st.booleans() | wholes | words)
def test_list_of_one_is_found_in_both_directions(value):
    assert between(value, [value]) == "wrapped"
    assert between([value], value) == "unwrapped"


@pytest.mark.parametrize(
    ("legacy", "new", "found"),
    [
        (1, 1.0, "number_equal"),
        ("12.50", "12.5", "number_equal"),
        ("12.50", "1250", "scaled:2"),
        (5, -5, "negated"),
        (12.987, 12.98, "truncated:2"),
        (37.035, 37.03, "rounded:2"),
        (37.035, 37.04, "rounded:2"),
        (12.98, 12.987, "untruncated:2"),
        (12.99, 12.987, "unrounded:2"),
        (12, "12", "number_as_text"),
        ("12.0", 12, "text_as_number"),
        (1772359200, "2026-03-01T10:00:00Z", "epoch_as_time"),
        ("2026-03-01T10:00:00Z", 1772359200000, "time_as_epoch"),
        ("2026-03-01T10:00:00Z", "2026-03-01T12:00:00+02:00", "time_offset"),
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00.000Z", "time_precision"),
        ("2026-03-01T10:00:00.123Z", "2026-03-01T10:00:00Z", "time_precision"),
        ("2026-03-01T10:00:00Z", "2026-03-01 10:00:00Z", "time_format"),
        ("2026-03-01T10:00:00Z", "Sun, 01 Mar 2026 10:00:00 GMT", "time_format"),
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00", "time_format"),
        ("2026-03-01", "01.03.2026", "date_format"),
        ("03/01/2026", "2026-03-01", "date_format"),
        ("20260301", "2026-03-01", "date_format"),
        (True, "Y", "bool_as:Y/N"),
        (0, False, "as_bool:1/0"),
        ("Y", False, ""),
        (None, "", "null_empty"),
        ([], None, "empty_null"),
        ("a  b", "a b", "blanks"),
        ("caf\u00e9", "cafe\u0301", "unicode"),
        ("café", "caf?", "replaced"),
        ("20417", "ORD-20417", "prefix_added"),
        ("Main Street 5", "Main Street", "suffix_gone"),
        ("1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", "0c7f8d15-7d0e-4a3c-8a76-40b1e5c1a0de", "another:uuid"),
        (17, 23, "another:integer"),
        ("Alice", "Bob", ""),
        ({"a": 1}, "x", ""),
    ],
)  # fmt: skip
def test_relation_is_found(legacy, new, found):
    assert between(legacy, new) == found


def test_value_under_another_name_and_at_another_place_is_found_on_both_sides():
    differences = [
        difference(Kind.MISSING, legacy="Alice", path="/customer/name"),
        difference(Kind.MISSING, legacy={"city": "Riga"}, path="/customer/address"),
        difference(Kind.MISSING, legacy="kept", path="/gone"),
        difference(Kind.EXTRA, new={"city": "Riga"}, path="/delivery/address"),
        difference(Kind.EXTRA, new="Alice", path="/customer/full_name"),
    ]
    assert relations(differences) == [
        "renamed:full_name", "moved:/delivery/address", "", "moved:/delivery/address", "renamed:full_name",
    ]  # fmt: skip


def test_of_two_equal_values_that_are_gone_the_nearer_one_was_renamed():
    differences = [
        difference(Kind.MISSING, legacy=1, path="/items/0/count", pattern="/items/*/count"),
        difference(Kind.MISSING, legacy=1, path="/items/1/count", pattern="/items/*/count"),
        difference(Kind.EXTRA, new=1, path="/items/1/quantity", pattern="/items/*/quantity"),
    ]
    assert relations(differences) == ["", "renamed:quantity", "renamed:quantity"]


def test_absence_of_nothing_is_told_from_absence():
    assert relation(difference(Kind.MISSING, legacy=None)) == "null_absent"
    assert relation(difference(Kind.EXTRA, new=[])) == "empty_absent"
    assert relation(difference(Kind.MISSING, legacy=0)) == ""
    assert relation(difference(Kind.ORDER, legacy=[1, 2], new=[2, 1])) == "reordered"
    assert relation(difference(Kind.VALUE, 200, 404, path="@status")) == "status:200>404"


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)


@example(legacy=0, new=1e120)
@example(legacy=Decimal("1e-9"), new=Decimal("1e130"))
@given(scalars | st.lists(scalars, max_size=2), scalars | st.lists(scalars, max_size=2))
def test_any_two_values_have_a_relation_of_the_list_or_none(legacy, new):
    found = between(legacy, new)
    assert found == "" or found.partition(":")[0] in RELATIONS


def test_fingerprint_is_the_same_for_every_object_and_not_for_another_relation():
    one = difference(Kind.VALUE, 1, 100, path="/by_id/20417/price")
    other = difference(Kind.VALUE, 7, 700, path="/by_id/99321/price")
    assert fingerprint("orders", one, "scaled:2") == fingerprint("orders", other, "scaled:2")
    assert fingerprint("orders", one, "scaled:2") != fingerprint("orders", one, "")
    assert fingerprint("orders", one, "scaled:2") != fingerprint("items", one, "scaled:2")
