"""Another distribution with packages of our names is noticed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from proxy.collision import explain_collisions, find_collisions


def install(folder: Path, name: str, *packages: str) -> None:
    """The record that pip leaves of an installed distribution."""
    record = folder / f"{name}-1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (record / "top_level.txt").write_text("\n".join(packages))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return tmp_path


def test_this_environment_has_none() -> None:
    assert find_collisions() == {}


def test_foreign_owners_are_found(site: Path) -> None:
    install(site, "proxy.py", "proxy")
    install(site, "Routes", "routes")
    install(site, "unrelated", "unrelated")
    assert find_collisions() == {"proxy": ["proxy.py"], "routes": ["Routes"]}


def test_our_own_distribution_is_not_foreign_however_its_name_is_written(site: Path) -> None:
    install(site, "strangler_proxy", "proxy", "routes", "shadow", "legacy_adapters")
    assert find_collisions() == {}


def test_explanation_names_packages_owners_and_ways_out() -> None:
    text = explain_collisions({"proxy": ["proxy.py"], "routes": ["Routes"]})
    assert "package 'proxy' is also in proxy.py" in text
    assert "package 'routes' is also in Routes" in text
    assert "pip uninstall Routes proxy.py" in text
    assert "venv" in text
