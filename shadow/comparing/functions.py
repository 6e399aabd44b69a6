"""Which functions a rule that was made while running may name: naming any would be running any code.

Whoever writes the configuration chooses the code that runs. Whoever has a token of the API, or can write to the state
database, does not: such a rule may name what the configuration names already, and the transformations of our own.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Final

from routes.shadowing import RuleModel
from shadow.clusters import transforms
from shadow.errors import RuleError

_NAMING: Final = frozenset(("call", "map"))
#: Functions that change nothing and need nothing: those that findings propose.
OWN: Final = frozenset(
    f"{transforms.__name__}:{name}"
    for name, function in inspect.getmembers(transforms, inspect.isfunction)
    if function.__module__ == transforms.__name__ and not name.startswith("_")
)


def functions_of(rules: Iterable[RuleModel]) -> frozenset[str]:
    """The functions that rules name, as `module:function`."""
    return frozenset(rule.argument for rule in rules if rule.kind in _NAMING and isinstance(rule.argument, str))


def check_function(rule: RuleModel, configured: frozenset[str]) -> None:
    """Refuse a rule that was made while running and names a function that it may not.

    Args:
        rule: of any kind.
        configured: `functions_of` all rules of the configuration, of any route.

    Raises:
        RuleError: it does.
    """
    for name in functions_of((rule,)):
        if name not in OWN and name not in configured:
            raise RuleError(
                f"{rule.id or rule.path}: {name} is code that the configuration does not name. A rule that is made "
                f"while running may name a function of {transforms.__name__}, or one that a rule of the configuration "
                "names: write this rule into the configuration"
            )
