"""The reference has every metric, signal, event, option and exit status of the processes, and no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from proxy.cli import COMMANDS
from proxy.control.collector import METRICS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
OWN_MODULES = sorted(
    [
        *(ROOT / "proxy" / "control").glob("*.py"),
        *(ROOT / "proxy" / "comparer").glob("*.py"),
        ROOT / "proxy" / "mirroring" / "streamend.py",  # of workers, and of the comparer
        ROOT / "shadow" / "engine.py",
        *(
            ROOT / "proxy" / f"{name}.py"
            for name in ("supervisor", "hub", "child", "companion", "worker", "takeover", "channel", "launch")
        ),
    ]
)


def rows(page: str) -> list[list[str]]:
    """The cells of every table row of a page."""
    lines = (DOCS / page).read_text("utf-8").splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]


def test_every_metric_is_documented_as_it_is() -> None:
    documented = {tuple(row) for row in rows("reference/metrics.md") if row[0].startswith("`strangler_")}
    actual = {
        (
            f"`{name}{'_total' if spec.kind == 'counter' else ''}`",
            spec.kind,
            ", ".join(f"`{label}`" for label in spec.labels) or "-",
            spec.help,
        )
        for name, spec in METRICS.items()
    }
    assert documented == actual


def test_every_label_of_a_metric_is_documented() -> None:
    text = " ".join(row[0] for row in rows("reference/metrics.md") if not row[0].startswith("`strangler_"))
    assert {label for spec in METRICS.values() for label in spec.labels} == set(re.findall(r"`(\w+)`", text))


def test_every_event_of_the_processes_is_documented() -> None:
    code = "".join(path.read_text("utf-8") for path in OWN_MODULES)
    logged = set(re.findall(r"log\.(?:debug|info|warning|error|exception)\(\s*(?:#[^\n]*\n\s*)?\"([a-z_.]+)\"", code))
    documented = {row[0].strip("`") for row in rows("explanation/processes.md") if re.match(r"`[a-z_]+\.", row[0])}
    assert documented == logged


def test_every_signal_is_documented() -> None:
    handled = set(re.findall(r"signal\.(SIG[A-Z0-9]+)", (ROOT / "proxy" / "supervisor.py").read_text("utf-8")))
    documented = {name for row in rows("reference/signals.md") for name in re.findall(r"`(SIG\w+)`", row[0])}
    assert documented == handled - {"SIGKILL", "SIGABRT"}


def options(command: click.Command) -> Iterator[str]:
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield from parameter.opts
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            below = command.get_command(click.Context(command), name)
            assert below is not None
            yield from options(below)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_documented_with_its_options(name: str) -> None:
    page = (DOCS / "reference" / "command-line.md").read_text("utf-8")
    assert f"## strangler {name}\n" in page
    for option in options(COMMANDS[name].load()):
        assert f"`{option}`" in page or f"`{option} " in page, option
