"""`strangler run`: starts the proxy and stays until it is stopped."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from proxy.collision import explain_collisions, find_collisions

EXIT_FAILED = 1


@click.command(
    epilog="Exit codes: 0 stopped as asked, 1 cannot start or was stopped by force, 2 wrong usage. "
    "Signals: TERM and INT drain and stop, HUP reloads, USR1 reopens log files, USR2 starts a successor."
)
@click.argument("config", default="config.yaml", type=click.Path(path_type=Path))
@click.option("--log-format", type=click.Choice(["json", "console"]), help="Wins over log.format of the file.")
def command(config: Path, log_format: str | None) -> None:
    """Start the proxy with CONFIG (config.yaml where none is named) and stay in the foreground."""
    collisions = find_collisions()
    if collisions:
        click.echo(explain_collisions(collisions), err=True)
        sys.exit(EXIT_FAILED)
    # Only now: with a collision these modules may be somebody else's.
    from proxy.launch import launch  # noqa: PLC0415
    from proxy.listening import ListenError  # noqa: PLC0415
    from proxy.takeover import TakeoverError  # noqa: PLC0415
    from routes.errors import ConfigError  # noqa: PLC0415

    try:
        status = launch(config, log_format)
    except (ConfigError, ListenError, TakeoverError) as error:
        click.echo(str(error), err=True)
        status = EXIT_FAILED
    sys.exit(status)
