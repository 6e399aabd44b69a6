"""What is logged, where and how."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ValidationInfo, WithJsonSchema

from routes.config.part import Part, folder_of
from routes.faults import fault


def _access(value: Any, info: ValidationInfo) -> Any:
    if value in ("stdout", "off") or isinstance(value, Path):
        return value
    allowed = "stdout, off or the path of a file"
    if value is False:
        return "off"
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise fault("must say where the access log goes", allowed=allowed)
    folder = folder_of(info)
    return Path(value) if folder is None else folder / value


class Log(Part):
    """Logging."""

    access: Annotated[
        Literal["stdout", "off"] | Path,
        BeforeValidator(_access),
        WithJsonSchema({"type": "string", "examples": ["stdout", "off", "var/access.log"]}),
    ] = "stdout"
    """Where the line per request goes: `stdout`, `off`, or a file (appended to; reopened after rotation)."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe events that are logged. The access log does not depend on it."""
    format: Literal["json", "console"] = "json"
    """`json` for machines, one object a line; `console` for people."""
