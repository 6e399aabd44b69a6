"""PyYAML's errors in words for people who do not read grammars."""

from __future__ import annotations

from collections.abc import Callable

import yaml

from routes.errors import Problem
from routes.masking import hide


def syntax_problem(error: yaml.YAMLError, source_of: Callable[[int], str | None]) -> Problem:
    """What PyYAML could not read, as a Problem.

    Args:
        error: as PyYAML raised it.
        source_of: the line of a number, from 1.
    """
    mark, opened = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    in_quotes = "quoted scalar" in str(getattr(error, "context", ""))
    if opened is not None and in_quotes and "escape" not in str(getattr(error, "problem", "")):
        return Problem(
            "a quote is opened here and not closed",
            line=opened.line + 1,
            column=opened.column + 1,
            hint="close it, or double a quote that is part of the text",
            source=hide(source_of(opened.line + 1) or ""),
        )
    mark = mark or opened
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    source = source_of(line)
    message, hint = _in_words(str(getattr(error, "problem", None) or error), source or "", column)
    return Problem(message, (), line, column, hint=hint, source=hide(source or ""))


def _in_words(problem: str, source: str, column: int) -> tuple[str, str | None]:
    """PyYAML's message, or a plainer one for the mistakes that everybody makes."""
    if "\t" in source[:column] and "token" in problem:
        return "a tab cannot indent YAML", "use spaces"
    if "unknown escape" in problem:
        return "a backslash in double quotes starts an escape", "double it, or use single quotes: '^/v\\d+/'"
    if "mapping values are not allowed" in problem:
        return "a ':' cannot stand here", "quote text that has ': ' in it, and check the indentation of this line"
    if "could not find expected ':'" in problem:
        return "a ':' is missing after a key", "write key: value, with a space after the colon"
    if "another document" in problem or "single document" in problem:
        return "a second document starts here", "remove the line '---': one file is one configuration"
    if "undefined alias" in problem:
        return "this alias names no anchor", "put &name before the value that is meant, above this line"
    if "',' or '}'" in problem and source[column - 1 : column] == "{":
        example = "${NAME}" if source[:column].endswith("${") else "/orders/{id}"
        return "a '{' cannot stand here", f'put the text in quotes: "{example}"'
    if "',' or '}'" in problem and source[column - 1 : column] == ":":
        return "a ':' cannot stand here", "put text that has ': ' in it in quotes"
    if "expected <block end>" in problem or "did not find expected" in problem:
        return "this does not fit to what is before it", "check its indentation, and quotes or brackets left open"
    if "cannot start any token" in problem:
        return f"a text cannot start with {source[column - 1 : column]!r}", "put it in quotes"
    return f"is not YAML: {problem}", None
