"""What somebody asks to do with rules, checked: the reason, the route, the rules as the configuration has them."""

from __future__ import annotations

from typing import Any, Final

from pydantic import ValidationError

from routes.config.rule import Rule
from routes.mirroring import compile_rule
from routes.shadowing import RuleModel
from shadow.errors import RuleError

REASON_CHARACTERS_MAX: Final = 1000
RULES_MAX: Final = 50


def read_reason(body: Any) -> str:
    """Why something is changed.

    Raises:
        RuleError: it is not said, or too long.
    """
    reason = body.get("reason") if isinstance(body, dict) else None
    if not isinstance(reason, str) or not reason.strip():
        raise RuleError("say why: the reason stands in the audit log")
    if len(reason) > REASON_CHARACTERS_MAX:
        raise RuleError(f"the reason is longer than {REASON_CHARACTERS_MAX} characters")
    return reason.strip()


def read_rules(body: Any) -> tuple[str, list[RuleModel]]:
    """The route and the rules that somebody would have.

    Raises:
        RuleError: one of them is none; the message says which and why.
    """
    route = body.get("route") if isinstance(body, dict) else None
    given = body.get("rules") if isinstance(body, dict) else None
    if not isinstance(route, str) or not isinstance(given, list) or not 1 <= len(given) <= RULES_MAX:
        raise RuleError(f'this takes {{"route": NAME, "rules": [from 1 to {RULES_MAX}]}}')
    return route, [_rule(number, setting) for number, setting in enumerate(given)]


def _rule(number: int, setting: Any) -> RuleModel:
    try:
        return compile_rule(Rule.model_validate(setting), "")
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in ("rules", number, *first["loc"]))
        hint = first.get("ctx", {}).get("hint")
        raise RuleError(f"{where}: {first['msg']}" + (f"; {hint}" if hint else "")) from error
