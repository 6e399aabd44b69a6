"""Numbers and booleans, from YAML or as text from the environment; nothing else passes for one."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator

from routes.faults import fault

_WHOLE = re.compile(r"-?[0-9]{1,18}\Z")
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?([eE][-+]?[0-9]{1,2})?\Z")
_WORDS = {"yes": "true", "on": "true", "1": "true", "no": "false", "off": "false", "0": "false"}


def _whole(value: Any) -> Any:
    if isinstance(value, str) and _WHOLE.match(value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise fault("must be a whole number", hint="count without a unit" if isinstance(value, str) else None)
    return value


def _number(value: Any) -> float:
    if isinstance(value, str) and _NUMBER.match(value):
        return float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise fault("must be a number", hint="write it without a unit" if isinstance(value, str) else None)
    return float(value)


def _switch(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).lower()
    if isinstance(value, str) and text in {"true", "false"}:
        return text == "true"
    hint = f"write {_WORDS[text]}" if text in _WORDS else None
    raise fault("must be true or false", hint=hint)


#: A whole number; bounds stand at the field.
Whole = Annotated[int, BeforeValidator(_whole)]
#: A number, as float; bounds stand at the field.
Number = Annotated[float, BeforeValidator(_number)]
#: `true` or `false`.
Switch = Annotated[bool, BeforeValidator(_switch)]
