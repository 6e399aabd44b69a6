"""The frame of a table as each process may see it: nobody is told a secret that is not for its work.

| process | not told |
| --- | --- |
| workers | the control API's tokens, the key of redaction, the syncs with their stores' passwords |
| the comparer | tokens, syncs |
| the syncer | tokens, the key of redaction |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from proxy.channel import Frame


def syncs_anything(config: Mapping[str, Any]) -> bool:
    """Whether this configuration (as JSON) has syncs."""
    return bool(config.get("syncs"))


def for_workers(frame: Frame) -> Frame:
    """The table without what workers need not know: tokens, the key of redaction, the stores' passwords."""
    frame = _without_tokens(frame)
    frame["config"]["syncs"] = []
    frame["config"]["state"] = {**frame["config"].get("state", {}), "redaction_key": None}
    return frame


def for_comparer(redaction_key: str, frame: Frame) -> Frame:
    """The table with a key for redaction, without the control API's tokens.

    Args:
        redaction_key: where the configuration names none.
        frame: the table.
    """
    frame = _without_tokens(frame)
    frame["config"]["syncs"] = []
    state = frame["config"].get("state", {})
    frame["config"]["state"] = {**state, "redaction_key": state.get("redaction_key") or redaction_key}
    return frame


def for_syncer(frame: Frame) -> Frame:
    """The table without tokens and the key of redaction."""
    frame = _without_tokens(frame)
    frame["config"]["state"] = {**frame["config"].get("state", {}), "redaction_key": None}
    return frame


def _without_tokens(frame: Frame) -> Frame:
    config = dict(frame["config"])
    config["control"] = {**config.get("control", {}), "tokens": []}
    return {"type": "table", "version": frame["version"], "config": config}
