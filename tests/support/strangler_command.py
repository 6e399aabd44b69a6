"""A command of `strangler` as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def strangler(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run it in the folder to its end, without the variables of whoever runs the tests."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("STRANGLER_")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "proxy", *arguments],
        cwd=folder,
        env={**variables, "COLUMNS": "160", **environ},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
