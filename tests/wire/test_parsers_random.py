"""The parsers of the data plane under random bytes; tests/fuzz does the same for hours, guided by coverage."""

from __future__ import annotations

import os
import random

import pytest

from support.parser_targets import SEEDS, TARGETS

ROUNDS = int(os.environ.get("STRANGLER_PARSER_ROUNDS", "15000"))


def mutated(pick: random.Random, seed: bytes) -> bytes:
    """The seed with a few letters and words put in, taken out or replaced."""
    data = bytearray(seed)
    for _ in range(pick.randint(1, 6)):
        at = pick.randint(0, len(data))
        taken = pick.choice([0, 0, 0, 1])
        new = pick.choice([pick.randrange(128, 256), pick.randrange(128, 256), pick.randrange(0, 128), -1])
        data[at : at + taken] = bytes([new]) if new >= 0 else b""
    return bytes(data)


@pytest.mark.parametrize("target", TARGETS)
def test_parser_holds_for_random_bytes(target: str):
    pick = random.Random(9112)
    check = TARGETS[target]
    accepted = sum(check(mutated(pick, pick.choice(SEEDS[target]))) for _ in range(ROUNDS))
    assert ROUNDS / 100 < accepted < ROUNDS, "the inputs are too wild, or too tame, to show anything"
