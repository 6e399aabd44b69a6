from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from routes.units import (
    DURATION_PATTERN,
    RATE_PATTERN,
    SHARE_PATTERN,
    SIZE_PATTERN,
    Duration,
    DurationOrZero,
    Rate,
    Share,
    Size,
    SizeOrZero,
    format_duration,
    format_share,
    format_size,
    parse_duration,
    parse_share,
    parse_size,
)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Duration, "250ms", 0.25),
        (Duration, "30s", 30.0),
        (Duration, "5m", 300.0),
        (Duration, "2h", 7200.0),
        (Duration, "14d", 1_209_600.0),
        (Duration, "1.5h", 5400.0),
        (DurationOrZero, "0s", 0.0),
        (Size, "240B", 240),
        (Size, "32KiB", 32_768),
        (Size, "1MiB", 1_048_576),
        (SizeOrZero, "0B", 0),
        (Share, "5%", 0.05),
        (Share, "0.5%", 0.005),
        (Share, "100%", 1.0),
        (Share, "0%", 0.0),
        (Rate, "50/s", 50.0),
        (Rate, "300/m", 5.0),
    ],
)
def test_quantity_is_read(kind, text, value):
    assert TypeAdapter(kind).validate_python(text) == value


@pytest.mark.parametrize(
    ("kind", "given", "hint"),
    [
        (Duration, 30, "write 30s or 30ms"),
        (Duration, "30", "write 30s or 30ms"),
        (Duration, "30 seconds", "write 30s"),
        (Duration, "0s", None),
        (Duration, "-5s", None),
        (Duration, "1e3s", None),
        (Duration, "٣s", None),
        (Duration, True, None),
        (Duration, "99999d", None),
        (Size, 65536, "write 64KiB"),
        (Size, 1000, "write 1000KiB or 1000B"),
        (Size, "64k", "write 64KiB"),
        (Size, "1.5MiB", "write 1536KiB"),
        (Share, 5, "write 5%"),
        (Share, 0.2, "write 20%, or 0.2% where that little is meant"),
        (Share, "101%", None),
        (Rate, 50, "write 50/s or 50/m"),
        (Rate, "0/s", None),
    ],
)
def test_what_is_no_quantity_is_refused_with_what_to_write(kind, given, hint):
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(given)
    [error] = caught.value.errors()
    assert error["ctx"]["hint"] == hint


@given(st.integers(min_value=0, max_value=3650 * 86_400_000))
def test_every_duration_in_whole_milliseconds_comes_back(milliseconds):
    seconds = milliseconds / 1000
    text = format_duration(seconds)
    assert parse_duration(text) == seconds
    assert re.search(DURATION_PATTERN, text)


@given(st.integers(min_value=0, max_value=1 << 50))
def test_every_size_comes_back(size):
    text = format_size(size)
    assert parse_size(text) == size
    assert re.search(SIZE_PATTERN, text)


@given(st.integers(min_value=0, max_value=10_000))
def test_every_share_in_hundredths_of_a_percent_comes_back(bucket):
    share = bucket / 10_000
    text = format_share(share)
    assert parse_share(text) == share
    assert re.search(SHARE_PATTERN, text)


@given(st.text(max_size=20), st.sampled_from([Duration, Size, Share, Rate]))
def test_any_text_is_a_quantity_or_refused_as_the_schema_says(text, kind):
    patterns = {id(Duration): DURATION_PATTERN, id(Size): SIZE_PATTERN, id(Share): SHARE_PATTERN}
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError:
        return
    assert re.search(patterns.get(id(kind), RATE_PATTERN), text.strip())
