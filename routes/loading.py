"""From a text to a `Config`, or to a `ConfigError` that says everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from routes.config import Config
from routes.document import TEXT_MAX_CHARACTERS, UNREAD, Document, read_document
from routes.errors import ConfigError, Problem
from routes.explaining import explain, located

#: Larger files are refused before they are decoded: a character has four bytes at most.
TEXT_MAX_BYTES = 4 * TEXT_MAX_CHARACTERS


def load_config(text: str, *, name: str, folder: Path, env: Mapping[str, str]) -> Config:
    """Reads a configuration.

    Args:
        text: YAML (or JSON, which is YAML).
        name: what the file is called in errors.
        folder: where relative paths start.
        env: the environment that `${NAME}` and `${NAME:-default}` read.

    Raises:
        ConfigError: with every problem that was found, in the order of the file.
    """
    document = read_document(text, name=name, env=env)
    problems = list(document.problems)
    config: Config | None = None
    try:
        config = Config.model_validate(document.data, context={"folder": folder})
    except ValidationError as error:
        problems += _explained(document, error)
    if problems or config is None:
        raise ConfigError(name, sorted(problems, key=_order))
    return config


def load_config_bytes(content: bytes, *, name: str, folder: Path, env: Mapping[str, str]) -> Config:
    """The same from the bytes of a file, which must be UTF-8.

    Raises:
        ConfigError: as `load_config`, and where the bytes are not UTF-8.
    """
    if len(content) > TEXT_MAX_BYTES:
        raise ConfigError(name, [Problem(f"is larger than {TEXT_MAX_BYTES} bytes, which no configuration is")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            message, hint = "the file is UTF-16, and UTF-8 is wanted", "save it as UTF-8"
        else:
            message = f"the byte 0x{content[error.start]:02x} is not UTF-8"
            hint = "save the file as UTF-8"
        raise ConfigError(name, [Problem(message, line=line, column=column, hint=hint)]) from error
    return load_config(text, name=name, folder=folder, env=env)


def locate(problems: Sequence[Problem], content: bytes, *, name: str, env: Mapping[str, str]) -> list[Problem]:
    """Gives problems that were found after loading, on disk or between routes, their lines in the file.

    Args:
        problems: with paths, without lines.
        content: of the file that was loaded without error.
        name: of the file.
        env: as it was loaded with.
    """
    document = read_document(content.decode("utf-8-sig"), name=name, env=env)
    return sorted((located(document, problem) for problem in problems), key=_order)


def _explained(document: Document, error: ValidationError) -> list[Problem]:
    errors = [one for one in error.errors(include_url=False) if one["input"] is not UNREAD]
    problems = [(explain(document, one), one) for one in errors]
    # A setting that is misspelled is also missing: one of the two is enough.
    meant = {(problem.path[:-1], problem.hint) for problem, _ in problems}
    return [
        problem
        for problem, one in problems
        if one["type"] != "missing" or (problem.path, f"did you mean {one['loc'][-1]}?") not in meant
    ]


def _order(problem: Problem) -> tuple[int, int]:
    return problem.line or 0, problem.column or 0
