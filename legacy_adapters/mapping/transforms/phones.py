"""Phone numbers by Google's number plans (phonenumbers), with a way around its parser for plain digits.

The parser takes 20 to 60 µs a number. Most numbers are digits and punctuation of the home region; those are settled by
the region's own patterns, many at once in half a µs each, wherever the parser could come to no other result. The rest
goes to the parser.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
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

    many = _many(quick) if quick else None
    return Step("phone", apply, inverse, "how the number was written", TEXT, TEXT, many=many)


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


class _Quick:
    """Digits without punctuation → E.164, or None where only the parser can tell.

    Attributes:
        lead: what stands before the digits of a number that is written without a trunk prefix.
        plain: matches those of them that are numbers, but for their length.
        lengths: that numbers have.
    """

    def __init__(self, code: int, pattern: str, lengths: Iterable[int], prefixes: Sequence[str]) -> None:
        self.lead, self.lengths = f"+{code}", frozenset(lengths)
        self._matches = re.compile(pattern, re.ASCII).fullmatch
        self._trunk = prefixes[0] if prefixes else ""
        self._elsewhere = (str(code), *prefixes[1:])
        self._behind_trunk = (str(code), "0", *prefixes)
        starts = "|".join(map(re.escape, (str(code), "0", *prefixes)))
        self.plain = re.compile(f"(?!{starts})(?:{pattern})", re.ASCII).fullmatch

    def __call__(self, digits: str) -> str | None:
        if not (digits.isascii() and digits.isdigit()) or digits.startswith(self._elsewhere):
            return None
        if self._trunk and digits.startswith(self._trunk):
            rest = digits[len(self._trunk) :]
            plain = not rest.startswith(self._behind_trunk) and not self._matches(digits)
            return self.lead + rest if plain and len(rest) in self.lengths and self._matches(rest) else None
        plain = not digits.startswith("0") and len(digits) in self.lengths
        return self.lead + digits if plain and self._matches(digits) else None


def _quick(region: str) -> _Quick | None:
    plan = PhoneMetadata.metadata_for_region(region)
    general = None if plan is None else plan.general_desc
    if plan is None or general is None or not general.national_number_pattern:
        return None
    prefixes = (plan.national_prefix_for_parsing or "").split("|") if plan.national_prefix_for_parsing else []
    if plan.national_prefix_transform_rule is not None or not all(prefix.isdigit() for prefix in prefixes):
        return None
    return _Quick(int(plan.country_code or 0), general.national_number_pattern, general.possible_length, prefixes)


def _many(quick: _Quick) -> Callable[[Sequence[str]], Sequence[str | None]]:
    """The same for many texts: punctuation goes in one pass, and what is no plain number of the region one by one."""

    def many(written: Sequence[str]) -> Sequence[str | None]:
        texts = "\n".join(written).translate(_PUNCTUATION).split("\n")
        if len(texts) != len(written):
            return [None] * len(written)
        plain, lengths, lead = quick.plain, quick.lengths, quick.lead
        found = [lead + text if len(text) in lengths and plain(text) else quick(text) for text in texts]
        if max(map(len, written), default=0) > _CHARACTERS_MAX:
            return [None if len(text) > _CHARACTERS_MAX else one for text, one in zip(written, found, strict=True)]
        return found

    return many
