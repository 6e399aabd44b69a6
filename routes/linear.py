r"""Regular expressions whose matching takes time that is linear in the text, whatever the text.

For expressions of ours that are held against values which a service chose: with Python's `re`, `(a+)+$` and forty
letters take for ever, and nothing can interrupt it. The engine is that of Rust's `regex`, as pydantic has it; what it
cannot do without backtracking is refused: look-around, back-references, atomic groups, possessive repetition.

The language is Python's as far as it goes. What both engines take and read differently is written as the other one has
it (`\Z`, `\<`, `\>`) or refused (`a++`).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Final

from pydantic_core import SchemaError, SchemaValidator, core_schema

#: An escape, a class, or a possessive repetition: read from the left, so that neither of the others hides one.
_TOKEN: Final = re.compile(r"\\[\s\S]|\[\^?\]?(?:\\[\s\S]|[^\]\\])*+\]|(?P<possessive>[*+?}]\+)")
_ESCAPE: Final = re.compile(r"\\([\s\S])")
#: Escapes of Python that the engine writes otherwise; a word's ends are `\<` and `\>` there.
_ESCAPES: Final = {"Z": r"\z", "<": "<", ">": ">"}


class LinearRegexError(ValueError):
    """What is no regular expression, or cannot be matched in linear time; the message goes on after what was given."""


def compile_linear(text: str) -> Callable[[str], bool]:
    """A function that tells whether a text matches an expression as a whole.

    Half a character (a lone surrogate) matches nothing.

    Args:
        text: an expression of Python's `re`.

    Raises:
        LinearRegexError: it is none, needs backtracking, or would be too large.
    """
    _check(text)
    translated = _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[0]), text)
    schema = core_schema.str_schema(pattern=rf"\A(?:{translated})\z", regex_engine="rust-regex")
    try:
        return SchemaValidator(schema).isinstance_python
    except SchemaError as error:
        why = str(error).rpartition("error: ")[2].strip()
        raise LinearRegexError(f"cannot be matched in a time that is linear in the text: {why}") from error


def _check(text: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise LinearRegexError(f"is not a regular expression: {error}") from error
    except Warning as warning:
        raise LinearRegexError(f"is ambiguous: {warning}; escape the character there with a backslash") from None
    if any(token["possessive"] for token in _TOKEN.finditer(text)):
        raise LinearRegexError("has a possessive repetition, and nothing backtracks here: leave the second + out")
