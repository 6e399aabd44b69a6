"""Syncs for tests of the mapping: the fields as YAML, everything else filled in."""

from __future__ import annotations

from collections.abc import Mapping as Kinds
from pathlib import Path
from typing import Any

from legacy_adapters.mapping.compiling import Mapping, compile_mapping
from legacy_adapters.mapping.registry import build
from legacy_adapters.mapping.step import Shape, Step
from legacy_adapters.record import Chunk
from legacy_adapters.values.kinds import ColumnKind
from routes.config import Sync
from routes.config.sync_field import SyncField
from routes.loading import load_config

HEAD = """
listen: [{address: 127.0.0.1:8080}]
services: {legacy: {urls: [http://127.0.0.1:9001]}}
routes: [{name: all, legacy: legacy}]
syncs:
  - name: customers
    legacy: {url: "mysql://erp@db/erp", table: CUST, key: [NO]}
    new: {url: "postgresql://shop@db/shop", table: customers, key: [id]}
"""


def sync_of(fields: str, *, direction: str = "both", more: str = "") -> Sync:
    """A sync with the key `NO` → `id` and these fields, one a line."""
    lines = ["{legacy: NO, new: id}", *[line.strip() for line in fields.strip().splitlines()]]
    text = HEAD + f"    direction: {direction}\n    fields:\n" + "".join(f"      - {line}\n" for line in lines)
    return load_config(text + more, name="config.yaml", folder=Path("/srv"), env={}).syncs[0]


def mapping_of(
    fields: str,
    *,
    direction: str = "both",
    more: str = "",
    folder: Path = Path("/nowhere"),
    legacy: Kinds[str, ColumnKind] | None = None,
    new: Kinds[str, ColumnKind] | None = None,
) -> Mapping:
    sync = sync_of(fields, direction=direction, more=more)
    return compile_mapping(sync, folder=folder, legacy=legacy or {}, new=new or {})


def step_of(written: Any, shape: Shape | None = None) -> Step:
    """A transform as it is written in the configuration."""
    field = SyncField.model_validate({"legacy": ["A", "B"], "new": "c", "to_new": written})
    assert field.to_new is not None
    return build(field.to_new[0], shape or Shape())


def chunk_of(*rows: dict[str, Any]) -> Chunk:
    columns = tuple(rows[0])
    return Chunk.of_rows(columns, (0,), [tuple([row[name] for name in columns]) for row in rows], [0] * len(rows))
