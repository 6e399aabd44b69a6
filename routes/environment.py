"""`${NAME}` and `${NAME:-default}` in scalars; `$${` is a `${` that stays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from routes.faults import did_you_mean

_REFERENCE = re.compile(r"\$\$\{|\$\{([^}]*)\}|\$\{[^}]*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


@dataclass(frozen=True, slots=True)
class Mistake:
    """A reference that cannot be filled in.

    Attributes:
        message: what is wrong.
        text: the reference.
        hint: what to write instead.
    """

    message: str
    text: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Expanded:
    """A text with its references filled in.

    Attributes:
        text: the result.
        changed: whether it differs in any way from what was written.
        used: whether something came from the environment or a default.
        mistakes: references that could not be filled in.
    """

    text: str
    changed: bool = False
    used: bool = False
    mistakes: tuple[Mistake, ...] = ()


def expand(text: str, env: Mapping[str, str]) -> Expanded:
    """Fills in the references of one scalar. What is filled in is not looked at again."""
    if "${" not in text:
        return Expanded(text)
    mistakes: list[Mistake] = []
    used = False

    def fill(found: re.Match[str]) -> str:
        nonlocal used
        if found.group() == "$${":
            return "${"
        used = True
        value = _value(found, env)
        if isinstance(value, Mistake):
            mistakes.append(value)
            return ""
        return value

    result = _REFERENCE.sub(fill, text)
    return Expanded(result, changed=True, used=used, mistakes=tuple(mistakes))


def _value(found: re.Match[str], env: Mapping[str, str]) -> str | Mistake:
    written, inner = found.group(), found.group(1)
    escape = "write $${ where a ${ is meant as it stands"
    if inner is None:
        return Mistake("a ${ without its }", written, escape)
    name, colon, default = inner.partition(":-")
    if _NAME.match(name) is None:
        return Mistake(
            "is not a name of an environment variable", written, f"write ${{NAME}} or ${{NAME:-default}}; {escape}"
        )
    value = env.get(name)
    if value:
        return value
    if colon:
        return default
    if value is not None:
        return value
    near = did_you_mean(name, [known for known in env if known.isupper()])
    hint = f"set it, or write ${{{name}:-default}}"
    return Mistake(f"the environment variable {name} is not set", written, f"{near} Otherwise {hint}" if near else hint)
