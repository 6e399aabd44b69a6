"""The five formats of a report."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Final

import orjson
from pydantic import TypeAdapter, ValidationError
from rich.console import Console

from shadow.errors import ReportError
from shadow.reporting.html import render_html
from shadow.reporting.junit import render_junit
from shadow.reporting.markdown import render_markdown
from shadow.reporting.marking import visible
from shadow.reporting.model import Report
from shadow.reporting.text import render_text

#: Columns of a text report that goes to a file.
FILE_COLUMNS: Final = 120


def to_json(report: Report) -> bytes:
    """A report as JSON, as the control API answers it."""
    return orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n"


def from_json(answer: Any) -> Report:
    """The report of a JSON value, whoever says that it is one: its texts are printable afterwards.

    Raises:
        ReportError: it is none, or one of another release.
    """
    try:
        return TypeAdapter(Report).validate_python(_printable(answer))
    except ValidationError as error:
        raise ReportError(f"this is not a report of this release: {error.errors()[0]['msg']}") from error


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isprintable() else "\n".join(map(visible, value.split("\n")))
    if isinstance(value, list):
        return [_printable(one) for one in value]
    if isinstance(value, dict):
        return {name: _printable(one) for name, one in value.items()}
    return value


def plain_text(report: Report) -> str:
    """A report as text without colours."""
    console = Console(file=io.StringIO(), width=FILE_COLUMNS, color_system=None, highlight=False, markup=False)
    with console.capture() as captured:
        console.print(render_text(report), crop=False)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


#: Name of a format -> the report in it, and its media type.
FORMATS: Final[dict[str, tuple[Callable[[Report], bytes], str]]] = {
    "text": (lambda report: plain_text(report).encode(), "text/plain"),
    "json": (to_json, "application/json"),
    "html": (lambda report: render_html(report).encode(), "text/html"),
    "markdown": (lambda report: render_markdown(report).encode(), "text/markdown"),
    "junit": (lambda report: render_junit(report).encode(), "application/xml"),
}
