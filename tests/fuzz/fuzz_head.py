"""Feeds the parsers of the data plane with what a coverage-guided fuzzer comes up with.

    pip install atheris
    python tests/fuzz/fuzz_head.py request  -max_total_time=600
    python tests/fuzz/fuzz_head.py response -max_total_time=600
    python tests/fuzz/fuzz_head.py chunks   -max_total_time=600

Arguments after the first are libFuzzer's; a folder named there is the corpus, which is kept and grown. What must hold
is said in tests/support/parser_targets.py: no exception but a refusal, no result that depends on how the bytes were
cut, and nothing accepted that h11, an independent parser, reads otherwise.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
with atheris.instrument_imports(include=["proxy.hop", "h11"]):
    from support.parser_targets import SEEDS, TARGETS


def main() -> None:
    """Fuzz the target that the first argument names."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: {sys.argv[0]} {'|'.join(TARGETS)} [arguments of libFuzzer]")
    name = sys.argv.pop(1)
    check = TARGETS[name]
    seeds = Path(tempfile.mkdtemp(prefix="strangler-fuzz-"))
    for number, seed in enumerate(SEEDS[name]):
        (seeds / str(number)).write_bytes(seed)

    def test_one_input(data: bytes) -> None:
        check(data)

    # libFuzzer writes to the first folder only, so that the seeds come last.
    atheris.Setup([*sys.argv, str(seeds)], test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
