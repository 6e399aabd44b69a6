"""Record sync beside the tools that move and compare rows: pgloader and reladiff, on private database servers.

`python -m benchmarks.syncing backfill` and `… verify` print rows per second and ratios. The servers are those of the
tests (tests/support): started for the run, in a temporary folder, gone with it.
"""

from __future__ import annotations

import sys
from pathlib import Path

#: The tests' servers and programs are used here as well.
sys.path.append(str(Path(__file__).resolve().parents[2] / "tests"))
