"""`strangler check`: everything that can be known to be wrong before the proxy starts."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Final

import click
import orjson

from proxy.cli.exits import EXIT_OK, EXIT_USAGE, EXIT_WRONG, told
from proxy.configfile import DEFAULT, UnreadableError, check_usable, read_config, read_content
from routes.analysis import analyse
from routes.config import Config
from routes.errors import ConfigError, Problem
from routes.finding import Finding
from routes.loading import locate

_EXITS: Final = {
    EXIT_OK: "the file can be used",
    EXIT_WRONG: "it has problems",
    EXIT_USAGE: "wrong usage or no readable file",
}


@click.command(epilog=told(_EXITS))
@click.argument("file", type=click.Path(path_type=Path), default=DEFAULT, metavar="[CONFIG]")
@click.option("--strict", is_flag=True, help="Exit with 1 on warnings too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(*, file: Path, strict: bool, as_json: bool) -> None:
    """Validate CONFIG (config.yaml where none is named) without starting anything.

    Checks every setting, then the routes against each other (unreachable, overlapping), unused services, and what the
    file refers to on disk: certificates, keys, the folder of the access log. Of syncs, what the mapping loses or has no
    way back, and whether its Python functions are there; no store is asked.
    """
    try:
        result = check(file)
    except UnreadableError as error:
        result = {"file": str(file), "ok": False, "problems": error.problems, "findings": []}
        _show(result, as_json=as_json)
        sys.exit(EXIT_USAGE)
    if strict and any(finding["level"] == "warning" for finding in result["findings"]):
        result["ok"] = False
    _show(result, as_json=as_json)
    sys.exit(EXIT_OK if result["ok"] else EXIT_WRONG)


def check(file: Path) -> dict[str, Any]:
    """Checks a file.

    Returns:
        `file`, `ok`, `problems` (of `routes.errors.Problem`) and `findings` (as data, with `line`).

    Raises:
        UnreadableError: the file cannot be read.
    """
    problems: list[Problem] = []
    findings: list[dict[str, Any]] = []
    try:
        config = read_config(file)
        problems, of_syncs = _check_syncs(config, file)
        check_usable(config, str(file))
        findings = [finding.as_json() | {"at": finding.path} for finding in [*analyse(config), *of_syncs]]
    except UnreadableError:
        raise
    except ConfigError as error:
        problems += error.problems
    if any(problem.line is None for problem in problems) or findings:
        content, name = read_content(file), str(file)
        problems = _with_lines(problems, content, name)
        for finding in findings:
            [place] = locate([Problem("", finding.pop("at"))], content, name=name, env=os.environ)
            finding["line"] = place.line
    return {"file": str(file), "ok": not problems, "problems": problems, "findings": findings}


def _check_syncs(config: Config, file: Path) -> tuple[list[Problem], list[Finding]]:
    if not config.syncs:
        return [], []
    from legacy_adapters.mapping.checking import check_syncs  # noqa: PLC0415 - number plans and codes are slow to load

    return check_syncs(config, file.absolute().parent)


def _with_lines(problems: list[Problem], content: bytes, name: str) -> list[Problem]:
    try:
        return locate(problems, content, name=name, env=os.environ)
    except (ConfigError, UnicodeDecodeError):
        return problems  # they are about a file that cannot be read at all


def _show(result: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        data = {**result, "problems": [problem.as_json() for problem in result["problems"]]}
        click.echo(orjson.dumps(data, option=orjson.OPT_INDENT_2))
        return
    file, problems = result["file"], result["problems"]
    if problems:
        click.echo(str(ConfigError(file, problems)), err=True)
    for finding in result["findings"]:
        click.echo(f"{file}:{finding['line']}  {finding['path']}\n  {finding['level']}: {finding['message']}\n")
    if problems:
        return
    counts = [f"{level}s: {n}" for level in ("warning", "hint") if (n := _count(result["findings"], level))]
    click.echo(f"{file} can be used" + (f" ({', '.join(counts)})" if counts else ""))


def _count(findings: list[dict[str, Any]], level: str) -> int:
    return sum(finding["level"] == level for finding in findings)
