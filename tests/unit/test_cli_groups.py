"""Groups of commands: what `--help` lists is there, nothing is loaded for it, and a slip of the pen is answered."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from proxy.cli import main
from proxy.cli.lazy import LazyGroup


def groups(group: LazyGroup = main, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], LazyGroup]]:
    yield path, group
    for name, lazy in group.table.items():
        found = lazy.load()
        if isinstance(found, LazyGroup):
            yield from groups(found, (*path, name))


@pytest.mark.parametrize(("path", "group"), [pytest.param(*one, id=" ".join(one[0]) or "main") for one in groups()])
def test_every_listed_command_is_there_by_its_name_and_is_described_in_one_whole_line(
    path: tuple[str, ...], group: LazyGroup
) -> None:
    shown = CliRunner().invoke(main, [*path, "--help"], terminal_width=80).output
    for name, lazy in group.table.items():
        found = lazy.load()
        assert isinstance(found, click.Command)
        assert found.name in {name, "command"}
        assert lazy.words in shown


@pytest.mark.parametrize("arguments", [[], ["sync"], ["sync", "quarantine"]])
def test_help_of_a_group_loads_no_command(arguments: list[str]) -> None:
    program = (
        "import sys\nfrom proxy.cli import main\n"
        f"main({[*arguments, '--help']!r}, standalone_mode=False)\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] in {'legacy_adapters', 'pydantic', 'rich'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_command_that_there_is_not_is_answered_with_the_nearest() -> None:
    result = CliRunner().invoke(main, ["sync", "bakfill"])
    assert result.exit_code == 2
    assert "There is no command 'bakfill'. Did you mean backfill?" in result.stderr
    assert "Did you mean" not in CliRunner().invoke(main, ["xyzzy"]).stderr


def test_work_on_a_sync_loads_no_driver_and_no_numbering_plan_before_one_is_needed() -> None:
    code = (
        "import sys; import proxy.cli.sync.plan; slow = {'asyncpg', 'asyncmy', 'aiosqlite', 'pycountry', "
        "'phonenumbers', 'email_validator'}; print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"
