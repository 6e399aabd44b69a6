"""One thing in a valid configuration that is worth a look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from routes.errors import ConfigPath, path_text


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing worth a look.

    Attributes:
        level: `"warning"` (something does not do what it says) or `"hint"`.
        kind: a constant word, as `"unreachable"`.
        message: one sentence.
        path: the setting.
        route: the route it is about, None for a service.
        other: the other route or service of the sentence, None where there is none.
    """

    level: str
    kind: str
    message: str
    path: ConfigPath
    route: str | None = None
    other: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The finding as data."""
        return {
            "level": self.level,
            "kind": self.kind,
            "message": self.message,
            "path": path_text(self.path),
            "route": self.route,
            "other": self.other,
        }
