"""A rule as people write it: YAML for `shadow.compare.rules`, to be pasted into the configuration or sent as it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import yaml

from routes.shadowing import RuleModel
from routes.units import format_duration

#: A configuration has no tolerance of nothing; where exactly the same is meant, the least of each is.
_SECONDS_MIN: Final = 0.001
_NUMBER_MIN: Final = 1e-9
#: The one in C where PyYAML was built with it.
_DUMPER: Final = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def rule_setting(rule: RuleModel) -> dict[str, Any]:
    """The rule as a setting of the configuration; ids are not part of one."""
    setting: dict[str, Any] = {"path": rule.path, rule.kind: _argument(rule)}
    setting |= {name: value for name in ("reason", "owner") if (value := getattr(rule, name))}
    if rule.expires is not None:
        # The day on which it ends: it applies up to the end of it.
        setting["expires"] = datetime.fromtimestamp(rule.expires - 1, UTC).date().isoformat()
    return setting


def rule_yaml(rule: RuleModel) -> str:
    """The same as YAML, a list of one."""
    return yaml.dump([rule_setting(rule)], Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=110).rstrip("\n")


def _argument(rule: RuleModel) -> Any:
    if rule.kind == "time_tolerance":
        return format_duration(max(float(rule.argument), _SECONDS_MIN))
    if rule.kind == "tolerance":
        return {name: max(value, _NUMBER_MIN) for name, value in rule.argument.items()}
    return True if rule.argument is None else rule.argument
