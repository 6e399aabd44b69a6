"""What a report was asked for: its window and the settings of its gate, as texts of a query or of options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any, Final

from pydantic_core import PydanticCustomError

from routes.units import parse_duration, parse_share
from shadow.errors import ReportError
from shadow.reporting.gate import GateSettings
from shadow.reporting.rows import Window

#: A report covers so much where nothing else is asked for.
SINCE_S: Final = 86400.0
SINCE_MAX_S: Final = 366 * 86400.0
_COUNT_MAX: Final = 10**9
_FACTOR_MAX: Final = 1000.0
GATE_NAMES: Final = tuple(field.name for field in fields(GateSettings))


def read_window(since: str | None, now: float) -> Window:
    """The window of `1h`, `7d`, up to now.

    Raises:
        ReportError: that is no duration.
    """
    length_s = SINCE_S if since is None else _parsed("since", since, parse_duration)
    if not 0 < length_s <= SINCE_MAX_S:
        raise ReportError(f"since={since}: must be from 1s to 366d")
    return Window(now - length_s, now)


def read_settings(given: Mapping[str, str]) -> GateSettings:
    """The settings of a gate: the defaults, replaced by what is given.

    Raises:
        ReportError: there is no such setting, or the value is none for it.
    """
    values: dict[str, Any] = {}
    for name, text in given.items():
        if name not in GATE_NAMES:
            raise ReportError(f"the gate has no setting {name}: it has {', '.join(GATE_NAMES)}")
        values[name] = _parsed(name, text, _parser(name))
    return replace(GateSettings(), **values)


def _parser(name: str) -> Callable[[str], float]:
    if name.endswith("_s"):
        return parse_duration
    if name.endswith("_factor"):
        return _factor
    return _whole if isinstance(getattr(GateSettings(), name), int) else parse_share


def _whole(text: str) -> int:
    number = int(text)
    if not 0 <= number <= _COUNT_MAX:
        raise ValueError(f"must be from 0 to {_COUNT_MAX}")
    return number


def _factor(text: str) -> float:
    number = float(text)
    if not 1 <= number <= _FACTOR_MAX:
        raise ValueError(f"must be from 1 to {_FACTOR_MAX:.0f}")
    return number


def _parsed(name: str, text: str, parse: Callable[[str], float]) -> float:
    try:
        return parse(text)
    except PydanticCustomError as error:
        context = error.context or {}
        more = context.get("hint") or context.get("allowed")
        raise ReportError(f"{name}={text}: {error.message()}" + (f"; {more}" if more else "")) from error
    except ValueError as error:
        raise ReportError(f"{name}={text}: {error}") from error
