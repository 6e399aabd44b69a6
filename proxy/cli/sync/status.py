"""`strangler sync status`: how far the syncs are, as the running proxy says, or else as their stores tell."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click
import orjson
from rich.live import Live

from proxy.cli.asking import AskingError, Target, ask, find_target
from proxy.cli.exits import ASKING, EXIT_OK, EXIT_TOKEN, EXIT_UNREACHABLE, EXIT_WRONG, SYNCING, told
from proxy.cli.screen import console, on_terminal, show
from proxy.cli.sync.overview import is_wrong, overview, plain_lines
from proxy.printable import printable

_WATCH_S: Final = 2.0
_CONFIG: Final = Path("config.yaml")


@click.command("status", epilog=told(SYNCING | {EXIT_TOKEN: ASKING[EXIT_TOKEN]}))
@click.option("--control", metavar="URL", envvar="STRANGLER_CONTROL", help="Control API [STRANGLER_CONTROL].")
@click.option("--token", envvar="STRANGLER_TOKEN", help="Token to show [STRANGLER_TOKEN].")
@click.option("--config", type=click.Path(path_type=Path), help="Where to look both up; config.yaml where it is there.")
@click.option("--stores", is_flag=True, help="Ask the stores themselves, not the proxy.")
@click.option("--watch", is_flag=True, help="Show it again every two seconds until Ctrl-C.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON; with --watch one line each time.")
def status_command(
    control: str | None, token: str | None, config: Path | None, *, stores: bool, watch: bool, as_json: bool
) -> None:
    """Show how far the syncs are. Exit code 1 where one needs somebody or is behind.

    The running proxy is asked. Where it does not answer, the stores themselves tell what they know (how much is copied,
    what waits, what is in quarantine), and the exit code is 3: not for a proxy that was named by --control.
    """
    try:
        source = _Source(control, token, config, stores=stores)
        sys.exit(_watch(source, as_json=as_json) if watch else _once(source, as_json=as_json))
    except AskingError as error:
        click.echo(str(error), err=True)
        sys.exit(error.exit_status)
    except KeyboardInterrupt:
        sys.exit(EXIT_OK)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What is known of the syncs at one moment.

    Attributes:
        data: for JSON: `syncs`, `syncer`, and `source`: `proxy` or `stores`.
        notice: what whoever reads it must know, "" where there is nothing.
        exit_status: what a command that ends with it exits with.
    """

    data: dict[str, Any]
    notice: str
    exit_status: int


class _Source:
    """Where to ask: the proxy, then the stores."""

    def __init__(self, control: str | None, token: str | None, config: Path | None, *, stores: bool) -> None:
        self._config = config
        self._named = control is not None
        self._target: Target | None = None if stores else find_target(control, token, config)

    def look(self) -> _Answer:
        """Ask once.

        Raises:
            AskingError: the proxy cannot be asked, and neither can the stores.
        """
        if self._target is None:
            return self._from_stores("")
        try:
            return _from_proxy(ask(self._target, "/api/syncs", "syncs"))
        except AskingError as error:
            if error.exit_status != EXIT_UNREACHABLE or self._named or not (self._config or _CONFIG).exists():
                raise
            return self._from_stores(str(error))

    def _from_stores(self, unreachable: str) -> _Answer:
        from proxy.cli.sync.stores import ask_stores  # noqa: PLC0415 - slow to load, and mostly not needed

        syncs = ask_stores(self._config or _CONFIG)
        told = "Read from the stores, where it cannot be seen whether anybody runs the syncs, nor what was counted."
        notice = f"{unreachable}\n\n{told}" if unreachable else told
        away = unreachable or not all(one["reached"] for one in syncs)
        wrong = EXIT_WRONG if any(map(is_wrong, syncs)) else EXIT_OK
        return _Answer(
            {"source": "stores", "syncer": None, "syncs": syncs}, notice, EXIT_UNREACHABLE if away else wrong
        )


def _from_proxy(answer: dict[str, Any]) -> _Answer:
    syncs, state = answer["syncs"], answer["syncer"]
    down = bool(syncs) and state != "ready"
    notice = f"The syncer is {state or 'not there'}: this is what was heard of it last." if down else ""
    wrong = down or any(map(is_wrong, syncs))
    return _Answer({"source": "proxy", **answer}, notice, EXIT_WRONG if wrong else EXIT_OK)


def _once(source: _Source, *, as_json: bool) -> int:
    answer = source.look()
    if answer.notice:
        click.echo(answer.notice + "\n", err=True)
    if as_json:
        click.echo(orjson.dumps(answer.data, option=orjson.OPT_INDENT_2))
    else:
        show(overview(answer.data["syncs"]))
    return answer.exit_status


def _watch(source: _Source, *, as_json: bool) -> int:
    """Show it until Ctrl-C; in a terminal in place, elsewhere line by line."""
    answer = source.look()
    if as_json or not on_terminal():
        while True:
            for line in _lines(answer, as_json=as_json):
                click.echo(line)
            time.sleep(_WATCH_S)
            answer = source.look()
    with Live(console=console(), auto_refresh=False) as live:
        while True:
            room = live.console.height - 1
            live.update(overview(answer.data["syncs"], notice=answer.notice, lines_max=room), refresh=True)
            time.sleep(_WATCH_S)
            answer = source.look()


def _lines(answer: _Answer, *, as_json: bool) -> list[str]:
    if as_json:
        return [orjson.dumps(answer.data).decode()]
    at = time.strftime("%H:%M:%S")
    notice = [printable(answer.notice.replace("\n\n", " ").replace("\n", " "))] if answer.notice else []
    return [f"{at} {line}" for line in (*notice, *plain_lines(answer.data["syncs"]))]
