"""How a validator says what is wrong: one sentence, what is allowed, and what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from routes.errors import ConfigPath

#: Type of the pydantic errors that carry a message of ours.
FAULT = "strangler"

T = TypeVar("T")


def fault(message: str, *, allowed: str | None = None, hint: str | None = None) -> PydanticCustomError:
    """An error for a validator to raise; `routes.loading` turns it into a Problem with its line."""
    return PydanticCustomError(FAULT, "{msg}", {"msg": message, "allowed": allowed, "hint": hint})


def did_you_mean(given: str, names: Iterable[str]) -> str | None:
    """`did you mean orders?` for the nearest of the names, or None where none is near."""
    lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(given.lower(), list(lower), n=1, cutoff=0.6)
    return f"did you mean {lower[near[0]]}?" if near else None


@dataclass(frozen=True, slots=True)
class Clash:
    """Something wrong between several settings of one part.

    Attributes:
        at: the setting to point at, relative to the part.
        error: what is wrong, made by `fault`.
        given: the value there.
    """

    at: ConfigPath
    error: PydanticCustomError
    given: Any = None


def gather(data: Any, validate: Callable[[Any], T], clashes: Iterator[Clash]) -> T:
    """Validates the fields and looks for clashes between them, and reports both together.

    Pydantic stops before its own model validators where a field is wrong; whoever mends a file wants to hear
    everything at once.

    Args:
        data: what was given for the part.
        validate: pydantic's handler of a wrap validator.
        clashes: what is wrong between the fields; reads `data`, so it must bear wrong types.

    Raises:
        ValidationError: with the errors of the fields and the clashes.
    """
    details: list[InitErrorDetails] = []
    result: T | None = None
    try:
        result = validate(data)
    except ValidationError as error:
        details = [_again(one) for one in error.errors(include_url=False)]
    details += [InitErrorDetails(type=clash.error, loc=clash.at, input=clash.given) for clash in clashes]
    if details or result is None:
        raise ValidationError.from_exception_data("configuration", details)
    return result


def _again(error: Any) -> InitErrorDetails:
    context = {**error.get("ctx", {}), "msg": error["msg"]}
    return InitErrorDetails(
        type=PydanticCustomError(error["type"], "{msg}", context), loc=error["loc"], input=error["input"]
    )


def peek(data: Any, *steps: str) -> Any:
    """The value under the steps in raw data or in models that were built already; None where there is none."""
    for step in steps:
        data = data.get(step) if isinstance(data, dict) else getattr(data, step, None)
    return data
