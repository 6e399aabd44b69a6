"""Functions that rules of the tests name."""

from __future__ import annotations

import sys
from typing import Any, NoReturn


def first_letter(legacy: Any, new: Any) -> bool:
    return legacy[:1] == new[:1]


def doubled(legacy: Any) -> Any:
    return legacy * 2


def broken(legacy: Any, new: Any) -> NoReturn:
    raise ZeroDivisionError("no luck today")


def leaving(legacy: Any, new: Any) -> NoReturn:
    sys.exit(3)


def ending(legacy: Any) -> NoReturn:
    sys.exit(4)
