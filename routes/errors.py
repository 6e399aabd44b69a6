"""What can be wrong with a configuration.

```
ConfigError        the file cannot be used; carries every Problem that was found, in the order of the file
```
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

#: Columns of the text that people read.
WIDTH = 110

#: A place in the configuration: `("routes", 0, "mode")`.
ConfigPath = tuple[str | int, ...]


def path_text(path: ConfigPath) -> str:
    """The path as people write it: `routes[0].mode`; keys that are not plain words are quoted: `headers["a b"]`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step and all(character.isalnum() or character in "_-" for character in step):
            text += f".{step}" if text else step
        else:
            quoted = step.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{quoted}"]'
    return text


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where.

    Attributes:
        message: one sentence that says what is wrong.
        path: the setting, as `("routes", 0, "mode")`; empty for the file as a whole.
        line: of the value or key, from 1; None where the configuration did not come from a text.
        column: from 1, counted in characters.
        given: what the file has there, shortened, secrets masked; None where nothing is there.
        allowed: what may stand there.
        hint: what to write instead.
        source: the line of the file, secrets masked; None where it is not shown.
        width: how many characters of the source line are meant, at least 1.
    """

    message: str
    path: ConfigPath = ()
    line: int | None = None
    column: int | None = None
    given: str | None = None
    allowed: str | None = None
    hint: str | None = None
    source: str | None = None
    width: int = 1

    def as_json(self) -> dict[str, Any]:
        """The problem as data, for `--json`."""
        return {
            "path": path_text(self.path),
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "given": self.given,
            "allowed": self.allowed,
            "hint": self.hint,
        }

    def text(self, name: str) -> str:
        """The problem for people: place and setting, what is wrong, and the line of the file with a caret."""
        place = name if self.line is None else f"{name}:{self.line}:{self.column}"
        lines = [f"{place}  {path_text(self.path)}".rstrip(), f"  {self.message}"]
        for label, value in (("given:", self.given), ("allowed:", self.allowed), ("hint:", self.hint)):
            if value is not None:
                first = f"  {label:<9}"
                lines += textwrap.wrap(
                    value,
                    WIDTH,
                    initial_indent=first,
                    subsequent_indent=" " * len(first),
                    break_long_words=False,
                    break_on_hyphens=False,
                )
        if self.source is not None and self.line is not None and self.column is not None:
            source, column = _window(self.source.replace("\t", " "), self.column)
            gutter = f"  {self.line} | "
            lines += ["", gutter + source]
            lines += [" " * (len(gutter) - 2) + "| " + " " * (column - 1) + "^" * min(self.width, WIDTH)]
        return "\n".join(lines)


def _window(source: str, column: int) -> tuple[str, int]:
    """The part of a long line that surrounds a column, and that column in it."""
    if len(source) <= WIDTH:
        return source, column
    start = max(0, min(column - 1 - WIDTH // 3, len(source) - WIDTH))
    shown = ("…" if start else "") + source[start : start + WIDTH] + ("…" if start + WIDTH < len(source) else "")
    return shown, column - start + (1 if start else 0)


class ConfigError(Exception):
    """The configuration cannot be used.

    Attributes:
        name: the file, as the user called it.
        problems: all that was found, in the order of the file.
    """

    def __init__(self, name: str, problems: Sequence[Problem]) -> None:
        self.name = name
        self.problems = tuple(problems)
        super().__init__(name, self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        total = "1 problem" if count == 1 else f"{count} problems"
        return "\n\n".join([*(problem.text(self.name) for problem in self.problems), f"{total} in {self.name}"])

    def to_json(self) -> dict[str, Any]:
        """The same as data."""
        return {"file": self.name, "problems": [problem.as_json() for problem in self.problems]}
