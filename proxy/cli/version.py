"""`strangler version`: what is running here."""

from __future__ import annotations

import importlib.metadata
import json
import platform

import click


def versions() -> dict[str, str]:
    """The release, the Python it runs on, and the platform."""
    return {
        "version": importlib.metadata.version("strangler-proxy"),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "platform": f"{platform.system()} {platform.machine()}",
    }


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:  # noqa: FBT001 - click passes options by keyword
    """Print the version, the Python it runs on and the platform."""
    found = versions()
    click.echo(
        json.dumps(found) if as_json else f"strangler {found['version']} ({found['python']}, {found['platform']})"
    )
