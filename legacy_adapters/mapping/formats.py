"""The formats that a rule may ask of a value, each as a function that refuses what is not so."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any
from uuid import UUID

import email_validator
import phonenumbers

from legacy_adapters.mapping.rules import Check, text_of
from legacy_adapters.mapping.step import RefusalError
from legacy_adapters.mapping.transforms.codes import table

_ADDRESS_CHARACTERS_MAX = 320
#: Most addresses are so simple that the full grammar need not be asked.
_SIMPLE_ADDRESS = re.compile(
    r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}"
)
_SIMPLE_CHARACTERS_MAX = 64


def _email(value: Any) -> None:
    address = text_of(value)
    if len(address) <= _SIMPLE_CHARACTERS_MAX and _SIMPLE_ADDRESS.fullmatch(address):
        return
    try:
        if len(address) > _ADDRESS_CHARACTERS_MAX:
            raise RefusalError("is too long for an e-mail address")
        email_validator.validate_email(address, check_deliverability=False, test_environment=True)
    except email_validator.EmailNotValidError:
        raise RefusalError("is not an e-mail address") from None


def _phone(value: Any) -> None:
    try:
        parsed = phonenumbers.parse(text_of(value), None)
    except phonenumbers.NumberParseException:
        raise RefusalError("is not a phone number in E.164") from None
    if not phonenumbers.is_valid_number(parsed):
        raise RefusalError("is not a phone number that has been given out")


def _date(value: Any) -> None:
    if isinstance(value, date) and not isinstance(value, datetime):
        return
    try:
        date.fromisoformat(text_of(value))
    except ValueError:
        raise RefusalError("is not a date in ISO 8601") from None


def _datetime(value: Any) -> None:
    if isinstance(value, datetime):
        return
    try:
        datetime.fromisoformat(text_of(value))
    except ValueError:
        raise RefusalError("is not a date and time in ISO 8601") from None


def _uuid(value: Any) -> None:
    if isinstance(value, UUID):
        return
    try:
        UUID(text_of(value))
    except ValueError:
        raise RefusalError("is not a UUID") from None


def _country(value: Any) -> None:
    if text_of(value) not in table("country", "alpha_2", "alpha_2"):
        raise RefusalError("is not a country (ISO 3166-1 alpha-2)")


def _currency(value: Any) -> None:
    if text_of(value) not in table("currency", "alpha_3", "alpha_3"):
        raise RefusalError("is not a currency (ISO 4217)")


#: By the name in the configuration.
FORMATS: dict[str, Check] = {
    "email": _email,
    "phone": _phone,
    "date": _date,
    "datetime": _datetime,
    "uuid": _uuid,
    "country": _country,
    "currency": _currency,
}
