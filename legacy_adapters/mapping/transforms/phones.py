"""Phone numbers by Google's number plans (phonenumbers), with a way around its parser for plain digits.

The parser takes 20 to 60 µs a number. Most numbers are digits and punctuation of the home region; those are settled by
the region's own patterns in 1 µs, wherever the parser could come to no other result. The rest goes to the parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import phonenumbers
from phonenumbers import PhoneMetadata, PhoneNumberFormat

from legacy_adapters.mapping.step import TEXT, RefusalError, Shape, Step, kind_name
from routes.config.sync_transform import PhoneArguments

_PUNCTUATION = str.maketrans("", "", " -.()/")
_CHARACTERS_MAX = 64


def phone(arguments: PhoneArguments, shape: Shape) -> Step:
    """A number becomes E.164."""
    valid = arguments.check == "valid"
    quick = _quick(arguments.region) if not valid else None

    def apply(value: Any) -> str:
        written = _written(value)
        found = quick(written.translate(_PUNCTUATION)) if quick else None
        return found or _e164(written, arguments.region, valid=valid)

    def inverse() -> Step:
        return phone_national(arguments, shape)

    return Step("phone", apply, inverse, "how the number was written", TEXT, TEXT)


def phone_national(arguments: PhoneArguments, shape: Shape) -> Step:
    """A number as people of the region write it; one of another country keeps its `+`."""
    home = phonenumbers.country_code_for_region(arguments.region)
    valid = arguments.check == "valid"

    def apply(value: Any) -> str:
        parsed = _parsed(_written(value), arguments.region, valid=valid)
        same = parsed.country_code == home
        form = PhoneNumberFormat.NATIONAL if same else PhoneNumberFormat.INTERNATIONAL
        return str(phonenumbers.format_number(parsed, form))

    def inverse() -> Step:
        return phone(arguments, shape)

    return Step("phone_national", apply, inverse, "how the number was written", TEXT, TEXT)


def _written(value: Any) -> str:
    if type(value) is int:
        return str(value)
    if not isinstance(value, str):
        raise RefusalError(f"phone wants text, and got {kind_name(value)}")
    if len(value) > _CHARACTERS_MAX:
        raise RefusalError("is too long for a phone number")
    return value


def _parsed(written: str, region: str, *, valid: bool) -> phonenumbers.PhoneNumber:
    try:
        parsed = phonenumbers.parse(written, region)
    except phonenumbers.NumberParseException:
        raise RefusalError("is not a phone number") from None
    if parsed.extension:
        raise RefusalError("has an extension, which E.164 cannot hold")
    if not phonenumbers.is_possible_number(parsed):
        raise RefusalError("has too few or too many digits for a phone number")
    if valid and not phonenumbers.is_valid_number(parsed):
        raise RefusalError("is not a number that has been given out")
    return parsed


def _e164(written: str, region: str, *, valid: bool) -> str:
    return str(phonenumbers.format_number(_parsed(written, region, valid=valid), PhoneNumberFormat.E164))


def _quick(region: str) -> Callable[[str], str | None] | None:
    """Digits without punctuation → E.164, or None where only the parser can tell."""
    plan = PhoneMetadata.metadata_for_region(region)
    if plan is None or plan.general_desc is None or not plan.general_desc.national_number_pattern:
        return None
    matches = re.compile(plan.general_desc.national_number_pattern, re.ASCII).fullmatch
    lengths = frozenset(plan.general_desc.possible_length)
    code, lead = str(plan.country_code), f"+{plan.country_code}"
    prefixes = (plan.national_prefix_for_parsing or "").split("|") if plan.national_prefix_for_parsing else []
    if plan.national_prefix_transform_rule is not None or not all(prefix.isdigit() for prefix in prefixes):
        return None
    trunk, unusual = (prefixes[0], tuple(prefixes[1:])) if prefixes else ("", ())

    def quick(digits: str) -> str | None:
        if not (digits.isascii() and digits.isdigit()) or digits.startswith((code, *unusual)):
            return None
        if trunk and digits.startswith(trunk):
            rest = digits[len(trunk) :]
            plain = not rest.startswith((code, "0", *prefixes)) and not matches(digits)
            return lead + rest if plain and len(rest) in lengths and matches(rest) else None
        plain = not digits.startswith("0") and len(digits) in lengths
        return lead + digits if plain and matches(digits) else None

    return quick
