"""What an attacker found: start tags with endless attributes, many children, codes in URLs, card numbers as numbers."""

from __future__ import annotations

import time

import pytest

from shadow.errors import UndecodableError
from shadow.keeping.secrets import is_card_number, replace_secrets
from shadow.reading.hypertext import read_html


@pytest.mark.parametrize(
    "text",
    [
        "<p " + " ".join(f"a{n}" for n in range(80_000)) + ">x</p>",
        "<p " + " ".join(f"a{n}=1" for n in range(80_000)) + ">x</p>",
        "<p " + " ".join(f"a{n}='<'" for n in range(5_000)) + ">x</p>",
        "<p " + " ".join(f"a{n}" for n in range(80_000)),
        "<a '" * 50_000,
    ],
)
def test_start_tags_with_endless_attributes_are_refused_at_once(text: str) -> None:
    began = time.process_time()
    with pytest.raises(UndecodableError):
        read_html(text)
    assert time.process_time() - began < 2


def test_ordinary_pages_are_read_whatever_they_quote() -> None:
    text = "<p title=\"it's > that\">don't</p>" + "<li class='a b'>word word</li>" * 2_000
    assert read_html(text)


def test_codes_in_urls_are_secrets_wherever_the_url_stands() -> None:
    hidden = replace_secrets("see https://a/#code=X1y2&state=77 or /b?key=AIza9&q=fig", lambda _: "~")
    assert hidden == "see https://a/#code=~&state=~ or /b?key=~&q=fig"


def test_card_numbers_are_known_as_numbers_too() -> None:
    assert is_card_number(4111111111111111)
    assert not is_card_number(4111111111111112)
    assert not is_card_number(-4111111111111111)
    assert not is_card_number(10**40)
