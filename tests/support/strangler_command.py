"""A command of `strangler`, run in this process: what it prints and how it ends."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog
from click.testing import CliRunner

from proxy.cli import main


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


@contextlib.contextmanager
def logging_as_it_was() -> Iterator[None]:
    """Undo at the end what a command does to the logging of this process."""
    root, configured = logging.getLogger(), structlog.get_config()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        structlog.configure(**configured)
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.captureWarnings(capture=False)


def strangler(folder: Path, *arguments: str, **environ: str) -> Finished:
    """Run it in the folder to its end, without the variables of whoever runs the tests.

    Raises:
        Exception: the command failed with something that no user should see.
    """
    variables: dict[str, str | None] = {name: None for name in os.environ if name.startswith("STRANGLER_")}
    with contextlib.chdir(folder), logging_as_it_was():
        result = CliRunner().invoke(main, arguments, env={**variables, "COLUMNS": "160", **environ})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Finished(result.exit_code, result.stdout, result.stderr)
