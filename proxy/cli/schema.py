"""`strangler schema`: what an editor needs to complete and check a configuration."""

from __future__ import annotations

import json

import click

_EPILOG = "Name the saved file in the first line of config.yaml: # yaml-language-server: $schema=strangler.schema.json"


@click.command(epilog=_EPILOG)
def command() -> None:
    """Print the JSON Schema of the configuration (draft 2020-12), with which editors complete and check as you type."""
    from routes.config.schema import json_schema  # noqa: PLC0415 - pydantic loads when it is needed

    click.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
