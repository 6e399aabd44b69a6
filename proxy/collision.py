"""Refuses to run where another distribution owns one of our packages.

`proxy`, `routes`, `shadow` and `legacy_adapters` are top-level packages. Two well-known distributions have packages of
the same names (proxy.py has `proxy`, Routes has `routes`); pip lets both install into one environment, and whichever
comes later silently overwrites files of the other. A proxy that runs on a mixture is worse than one that does not.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Mapping, Sequence
from typing import Final

#: Ours.
DISTRIBUTION: Final = "strangler-proxy"
PACKAGES: Final = ("proxy", "routes", "shadow", "legacy_adapters")


def find_collisions(owners: Mapping[str, Sequence[str]] | None = None) -> dict[str, list[str]]:
    """The packages of ours that other distributions in this environment also own.

    Args:
        owners: package name -> distributions; asked of `importlib.metadata` where left out.

    Returns:
        Package -> foreign distributions, in order; empty where all is well.
    """
    found = importlib.metadata.packages_distributions() if owners is None else owners
    collisions = {}
    for package in PACKAGES:
        foreign = sorted({name for name in found.get(package, ()) if _normalized(name) != DISTRIBUTION})
        if foreign:
            collisions[package] = foreign
    return collisions


def explain_collisions(collisions: Mapping[str, Sequence[str]]) -> str:
    """What is wrong and how to get out of it, for people."""
    foreign = sorted({name for names in collisions.values() for name in names})
    lines = ["Another installed distribution owns packages of strangler-proxy:"]
    lines += [f"  package {package!r} is also in {' and '.join(names)}" for package, names in collisions.items()]
    lines += [
        "Installing both into one environment overwrites files of one with files of the other, so strangler does not",
        "run here. Give it an environment of its own:",
        "  python -m venv strangler-env && strangler-env/bin/pip install strangler-proxy",
        "or remove the other and repair this one:",
        f"  pip uninstall {' '.join(foreign)} && pip install --force-reinstall strangler-proxy",
    ]
    return "\n".join(lines)


def _normalized(name: str) -> str:
    """The comparable form of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
