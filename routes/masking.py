"""Errors are pasted into tickets and chats: secrets do not show in them."""

from __future__ import annotations

import re

from routes.errors import ConfigPath

# Up to the last @, since a password may hold / and @ where somebody forgot to encode it.
_USERINFO = re.compile(r"""(://)[^\s"'<>]*@""")
_BARE_USERINFO = re.compile(r"""(^|["'\s/])[^\s"'<>:/@{}\[\],]+:(?!//)[^\s"'<>:]+@""")
_PASSWORD = re.compile(r"(password=)[^&\s\"'},]*")
# The value of a key that is called so, in quotes or not; a variable is no secret.
_TOKEN = re.compile(
    r"""(\b(?:token|authorization|redaction_key)["']?+\s*+:\s*+["']?+)(?!\$\{|[{\[])([^"',}\]]+)""", re.IGNORECASE
)
_MASKED = "••••"


def hide(text: str) -> str:
    """A text without its secrets: dots, as many as what they hide, so that a caret below points at the right column."""
    text = _USERINFO.sub(lambda found: found[1] + "•" * (len(found[0]) - len(found[1]) - 1) + "@", text)
    text = _BARE_USERINFO.sub(lambda found: found[1] + "•" * (len(found[0]) - len(found[1]) - 1) + "@", text)
    text = _TOKEN.sub(lambda found: found[1] + "•" * len(found[2]), text)
    return _PASSWORD.sub(lambda found: found[1] + "•" * (len(found[0]) - len(found[1])), text)


def is_secret(path: ConfigPath) -> bool:
    """Whether what stands there may be a secret: tokens, the key of redaction, headers that are set."""
    return path[:2] in {("control", "tokens"), ("state", "redaction_key")} or "set" in path


def mask(
    path: ConfigPath, given: str | None, source: str | None, *, in_key: bool = False
) -> tuple[str | None, str | None]:
    """What may be shown of a value and of its line."""
    if is_secret(path):
        named = in_key or path[-1] in {"name", "role", "tokens"} or isinstance(path[-1], int)
        return (given if named or given is None else _MASKED), None
    return given and hide(given), source and hide(source)
