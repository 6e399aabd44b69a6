"""`strangler rules`: what may differ, who said so, and changing it while the proxy runs."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, ParamSpec, TextIO
from urllib.parse import quote

import click
import orjson
import yaml
from rich.console import Group, RenderableType
from rich.text import Text

from proxy.cli import screen
from proxy.cli.asking import AskingError, Target, ask, find_target, target_options
from proxy.cli.exits import ASKING, EXIT_OK, EXIT_USAGE, told
from proxy.cli.screen import Field, Listing
from proxy.printable import printable
from shadow.reporting.figures import moment

_CHANGES_SHOWN: Final = 5
_FIELDS: Final = (
    *(Field("route", folds=True, heads=True), Field("rule", heads=True), Field("kind"), Field("where", folds=True)),
    *(Field("why", folds=True), Field("owner", folds=True), Field("ends")),
)

Parameters = ParamSpec("Parameters")


@click.group(epilog=told(ASKING))
def command() -> None:
    """Show and change the rules that say what legacy and new may differ in."""


@command.command("list")
@click.argument("route", required=False)
@target_options
def list_rules(
    *, route: str | None, control: str | None, token: str | None, config: Path | None, as_json: bool
) -> None:
    """Show the rules in force, of ROUTE or of every route."""

    def show(target: Target) -> RenderableType | None:
        answer = ask(target, "/api/rules", "rules")
        found = [rule for rule in answer["rules"] if route is None or rule["route"] == route]
        if route is not None and not found:
            _require_route(target, route)
        if as_json:
            click.echo(orjson.dumps({"rules": found}, option=orjson.OPT_INDENT_2))
            return None
        return _table(found)

    _asking(show, control, token, config)


@command.command()
@click.argument("identifier", metavar="ID")
@click.option("--reason", required=True, help="Why; stands in the audit log.")
@target_options
def remove(
    *, identifier: str, reason: str, control: str | None, token: str | None, config: Path | None, as_json: bool
) -> None:
    """Take a rule that was made while running out of force. ID is live:NUMBER."""

    def show(target: Target) -> RenderableType | None:
        path = f"/api/rules/{quote(identifier, safe=':')}"
        answer = ask(target, path, "withdrawn", method="DELETE", body={"reason": reason})
        if as_json:
            click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
            return None
        return Text(f"{answer['withdrawn']['id']} is no longer in force.")

    _asking(show, control, token, config)


def _require_route(target: Target, route: str) -> None:
    names = [one["name"] for one in ask(target, "/api/routes", "routes")["routes"]]
    if route not in names:
        raise AskingError(f"there is no route {route}; there are {', '.join(names)}", EXIT_USAGE)


def _asking(show: Any, control: str | None, token: str | None, config: Path | None) -> None:
    """Ask, print what there is to see, and exit."""
    try:
        seen = show(find_target(control, token, config))
    except AskingError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_status)
    if seen is not None:
        screen.show(seen)
    sys.exit(EXIT_OK)


def _table(rules: list[dict[str, Any]]) -> RenderableType:
    if not rules:
        return Text("No rules are in force.")
    rows: list[list[object]] = []
    for rule in rules:
        ends = "" if rule["expires"] is None else "expired" if rule["expired"] else moment(rule["expires"])
        texts = (rule["route"], rule["id"], rule["kind"], rule["path"], rule["reason"], rule["owner"])
        rows.append([*texts, Text(ends, style="yellow" if rule["expired"] else "")])
    return Listing(_FIELDS, rows)


def rule_options(wrapped: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """How rules are given; they come as `rule` and `file`."""
    options = [
        click.option("--rule", "texts", multiple=True, metavar="YAML", help="A rule as the configuration has them."),
        click.option("--file", type=click.File("r", encoding="utf-8"), help="A file with a list of rules; - is input."),
    ]
    return functools.reduce(lambda given, option: option(given), reversed(options), wrapped)


@command.command()
@click.argument("route")
@rule_options
@target_options
def prove(
    *,
    route: str,
    texts: tuple[str, ...],
    file: TextIO | None,
    control: str | None,
    token: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Show what rules would do before they are in force: verdicts that change, faults that would be hidden."""

    def show(target: Target) -> RenderableType | None:
        answer = _prove(target, route, _read(texts, file))
        if as_json:
            click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
            return None
        return _proofs(answer)

    _asking(show, control, token, config)


@command.command()
@click.argument("route")
@rule_options
@click.option("--reason", required=True, help="Why; stands in the audit log.")
@click.option("--yes", is_flag=True, help="Do not ask after showing the proof.")
@target_options
def add(
    *,
    route: str,
    texts: tuple[str, ...],
    file: TextIO | None,
    reason: str,
    yes: bool,
    control: str | None,
    token: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Put rules in force while the proxy runs, after showing what they would do."""

    def show(target: Target) -> RenderableType | None:
        rules = _read(texts, file)
        proof = _prove(target, route, rules)
        if not as_json:
            screen.show(_proofs(proof))
        if not yes and not click.confirm("Put them in force?", err=True):
            return Text("Nothing was changed.")
        body = {"route": route, "rules": rules, "reason": reason, "proof": proof["proof"]}
        answer = ask(target, "/api/rules", "rules", method="POST", body=body)
        if as_json:
            click.echo(orjson.dumps({**answer, "proofs": proof["proofs"]}, option=orjson.OPT_INDENT_2))
            return None
        return Text("In force: " + ", ".join(rule["id"] for rule in answer["rules"]))

    _asking(show, control, token, config)


def _read(texts: tuple[str, ...], file: TextIO | None) -> list[Any]:
    """The rules of the options, a list of settings.

    Raises:
        AskingError: there is none, or what was given is no YAML.
    """
    found: list[Any] = []
    try:
        for text in (*texts, *(() if file is None else (file.read(),))):
            given = yaml.safe_load(text)
            found += given if isinstance(given, list) else [given]
        # Days are written as text, whatever YAML makes of them.
        found = orjson.loads(orjson.dumps(found))
    except (yaml.YAMLError, TypeError, UnicodeDecodeError) as error:
        raise AskingError(f"these are no rules: {error}", EXIT_USAGE) from error
    if not found:
        raise AskingError("give a rule with --rule or --file", EXIT_USAGE)
    return found


def _prove(target: Target, route: str, rules: list[Any]) -> Any:
    return ask(target, "/api/rules/prove", "proof", method="POST", body={"route": route, "rules": rules})


def _proofs(answer: dict[str, Any]) -> RenderableType:
    return Group(*(part for proof in answer["proofs"] for part in (*_proof(proof), "")))


def _proof(proof: dict[str, Any]) -> Iterator[RenderableType]:
    yield Text(printable(orjson.dumps(proof["rule"]).decode()), style="bold")
    if not proof["pairs"]:
        yield Text("No kept exchange could be compared with it: nothing is known of what it would do.", style="yellow")
        return
    if proof["changed"]:
        yield Text(f"{proof['changed']:,} of {proof['pairs']:,} kept exchanges change their verdict:")
        for one in proof["verdicts"]:
            words = f"{one['before'].replace('_', ' ')} → {one['after'].replace('_', ' ')}"
            yield Text(f"  {one['count']:>6,}  {words}")
        shown = ", ".join(one["id"] for one in proof["changes"][:_CHANGES_SHOWN])
        yield Text(printable(f"  such as {shown}"), style="dim")
    elif proof["used"]:
        yield Text(
            f"None of {proof['pairs']:,} kept exchanges changes its verdict: in {proof['used']:,} it would account for "
            "a difference, and others are left."
        )
    else:
        yield Text(f"None of {proof['pairs']:,} kept exchanges changes its verdict: it accounts for nothing in them.")
    hidden = [bug for bug in proof["bugs"] if bug["hidden"]]
    for bug in hidden:
        name = bug["mutation"].replace("_", " ")
        yield Text(f"It would hide {bug['hidden']} of {bug['found']} seeded faults of the sort: {name}", style="red")
    if proof["bugs"] and not hidden:
        yield Text("It would hide none of the seeded faults at its place.", style="green")
