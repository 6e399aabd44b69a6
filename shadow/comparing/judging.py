"""What each kind of rule accepts: functions of the two values, made from the rule's argument.

A value that a rule is not about, such as a string under `tolerance`, is never accepted by it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from routes.linear import LinearRegexError, compile_linear
from routes.shadowing import RuleModel
from shadow.comparing.formats import format_of, moment
from shadow.errors import RuleError
from shadow.reading.exact import ExactNumber, decimal_of

#: A longer text is not held against a pattern, and so stays a difference.
PATTERN_CHARACTERS_MAX: Final = 1000

Judge = Callable[[Any, Any], bool]
_NUMBERS: Final = (int, float, ExactNumber)


def tolerance(rule: RuleModel) -> Judge:
    """Numbers that are at most `absolute`, or `relative` of legacy's, apart."""
    limits = rule.argument
    if not isinstance(limits, dict) or not limits or not set(limits) <= {"absolute", "relative"}:
        raise RuleError(f"{rule.id}: tolerance needs absolute or relative, such as {{absolute: 0.01}}")
    if any(isinstance(bound, bool) or not isinstance(bound, int | float) or bound < 0 for bound in limits.values()):
        raise RuleError(f"{rule.id}: the bounds of tolerance are numbers from 0 on")
    absolute = Decimal(repr(limits.get("absolute", 0)))
    relative = Decimal(repr(limits.get("relative", 0)))

    def judge(legacy: Any, new: Any) -> bool:
        if type(legacy) not in _NUMBERS or type(new) not in _NUMBERS:
            return False
        left, right = decimal_of(legacy), decimal_of(new)
        return abs(left - right) <= max(absolute, relative * abs(left))

    return judge


def time_tolerance(rule: RuleModel) -> Judge:
    """Times that are at most so many seconds apart, whatever their zone, precision and form."""
    seconds = rule.argument
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
        raise RuleError(f"{rule.id}: time_tolerance needs a duration, such as 2s")

    def judge(legacy: Any, new: Any) -> bool:
        left, right = moment(legacy), moment(new)
        return left is not None and right is not None and abs(left - right) <= seconds

    return judge


def case_insensitive(_: RuleModel) -> Judge:
    """Strings that are the same but for the case of letters."""
    return lambda legacy, new: type(legacy) is str and type(new) is str and legacy.casefold() == new.casefold()


def pattern(rule: RuleModel) -> Judge:
    """Strings, or numbers as they are written, that match a regular expression as a whole, both of them."""
    if not isinstance(rule.argument, str):
        raise RuleError(f"{rule.id}: {rule.argument!r} is not a regular expression")
    try:
        whole = compile_linear(rule.argument)
    except LinearRegexError as error:
        raise RuleError(f"{rule.id}: {rule.argument!r} {error}") from error

    def matches(value: Any) -> bool:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return False
        text = str(value)
        return len(text) <= PATTERN_CHARACTERS_MAX and whole(text)

    return lambda legacy, new: matches(legacy) and matches(new)


def same_kind(_: RuleModel) -> Judge:
    """Values of one JSON type, and strings of one format: a UUID stays a UUID, a time a time."""

    def judge(legacy: Any, new: Any) -> bool:
        if family(legacy) != family(new):
            return False
        return type(legacy) is not str or type(new) is not str or format_of(legacy) == format_of(new)

    return judge


def call(rule: RuleModel) -> Judge:
    """What a function of the user's says about the two values."""
    function = load_function(rule)
    return lambda legacy, new: bool(function(legacy, new))


def mapping(rule: RuleModel) -> Callable[[Any], Any]:
    """What new should have where legacy has a value: from a table, or from a function of the user's.

    A value that the table does not have stands for itself.
    """
    if isinstance(rule.argument, str):
        return load_function(rule)
    if not isinstance(rule.argument, dict) or not rule.argument:
        raise RuleError(f"{rule.id}: map needs a table of values, or module:function")
    table = {_table_key(key): value for key, value in rule.argument.items()}

    def mapped(legacy: Any) -> Any:
        return table.get(_table_key(legacy), legacy) if not isinstance(legacy, dict | list) else legacy

    return mapped


def load_function(rule: RuleModel) -> Callable[..., Any]:
    """The function that a rule names as `module:function`.

    Raises:
        RuleError: there is none; whatever importing the module raised is the cause.
    """
    module_name, colon, name = str(rule.argument).partition(":")
    if not colon or not module_name or not name:
        raise RuleError(f"{rule.id}: {rule.kind} needs module:function, and {rule.argument!r} is none")
    try:
        function = getattr(importlib.import_module(module_name), name)
    except (Exception, SystemExit) as error:  # a module may end the process where it is imported
        raise RuleError(f"{rule.id}: {rule.argument} cannot be imported: {error}") from error
    if not callable(function):
        raise RuleError(f"{rule.id}: {rule.argument} is no function")
    return function  # type: ignore[no-any-return]  # callable() has just said so


def family(value: Any) -> str:
    """The JSON type of a value: `null`, `boolean`, `number`, `string`, `array` or `object`."""
    return _FAMILIES.get(type(value)) or ("array" if isinstance(value, list) else "object")


def _table_key(value: Any) -> str:
    """A value as the key of a table in YAML, where keys are strings: 1, 1.0, true and null by their JSON text."""
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


_FAMILIES: Final[dict[type, str]] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    ExactNumber: "number",
    str: "string",
    list: "array",
    dict: "object",
}
