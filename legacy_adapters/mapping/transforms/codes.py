"""Codes of countries (ISO 3166-1) and currencies (ISO 4217), from pycountry."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import pycountry

from legacy_adapters.mapping.step import TEXT, RefusalError, Shape, Step, kind_name
from legacy_adapters.values.kinds import Kind
from routes.config.sync_transform import CodeArguments, CurrencyArguments

_CODED = TEXT | frozenset({Kind.INTEGER})
_NAMES = ("name", "common_name", "official_name")


def country(arguments: CodeArguments, _shape: Shape) -> Step:
    """One code of a country becomes another."""
    return _code("country", arguments.from_, arguments.to)


def currency(arguments: CurrencyArguments, _shape: Shape) -> Step:
    """One code of a currency becomes another."""
    return _code("currency", arguments.from_, arguments.to)


@cache
def table(noun: str, given: str, wanted: str) -> dict[str, str]:
    """What is given → what is wanted; names in small letters, in all their official forms."""
    entries: Iterable[Any] = pycountry.countries if noun == "country" else pycountry.currencies
    known: dict[str, str] = {}
    for entry in entries:
        result = getattr(entry, wanted, None)
        if result is None:
            continue
        for name in _NAMES if given == "name" else (given,):
            code = getattr(entry, name, None)
            if code is not None:
                known.setdefault(code.casefold() if given == "name" else code, result)
    return known


def _code(noun: str, given: str, wanted: str) -> Step:
    known = table(noun, given, wanted)
    named = given == "name"

    def apply(value: Any) -> str:
        code = f"{value:03d}" if type(value) is int and given == "numeric" else value
        if not isinstance(code, str):
            raise RefusalError(f"{noun} wants text, and got {kind_name(value)}")
        found = known.get(code.casefold() if named else code)
        if found is None:
            raise RefusalError(f"is not the {given} of a {noun}")
        return found

    loses = "how the name was spelled" if named else None
    return Step(noun, apply, lambda: _code(noun, wanted, given), loses, _CODED, TEXT)
