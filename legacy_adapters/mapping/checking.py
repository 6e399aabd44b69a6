"""What `strangler check` says of syncs: without asking a store, from the configuration and the user's own functions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from legacy_adapters.errors import MappingError
from legacy_adapters.mapping.compiling import compile_mapping
from legacy_adapters.mapping.losses import Level, Loss, analyse
from routes.config import Config, Sync
from routes.errors import ConfigPath, Problem
from routes.finding import Finding

_LEVELS = {Level.WARNING: "warning", Level.NOTE: "hint"}


def check_syncs(config: Config, folder: Path) -> tuple[list[Problem], list[Finding]]:
    """What is wrong with the syncs of a configuration, and what is worth a look.

    Args:
        config: valid as a text.
        folder: of its file; Python functions that fields name are imported from there.
    """
    problems: list[Problem] = []
    findings: list[Finding] = []
    for at, sync in enumerate(config.syncs):
        losses = analyse(sync, folder=folder)
        wrong = [*_problems(at, losses)]
        problems += wrong or [*_compiled(at, sync, folder)]
        findings += [*_findings(at, losses)]
    return problems, findings


def _path(at: int, loss: Loss) -> ConfigPath:
    return ("syncs", at) if loss.index is None else ("syncs", at, "fields", loss.index)


def _problems(at: int, losses: list[Loss]) -> Iterator[Problem]:
    for loss in losses:
        if loss.level is Level.ERROR:
            yield Problem(loss.sentence, _path(at, loss), hint=loss.advice or None)


def _findings(at: int, losses: list[Loss]) -> Iterator[Finding]:
    for loss in losses:
        if loss.level in _LEVELS:
            advice = f"; {loss.advice}" if loss.advice else ""
            message = f"{loss.field}: {loss.sentence}{advice}"
            yield Finding(_LEVELS[loss.level], "lossy", message, _path(at, loss))


def _compiled(at: int, sync: Sync, folder: Path) -> Iterator[Problem]:
    """Whatever compiling alone finds."""
    try:
        compile_mapping(sync, folder=folder)
    except MappingError as error:
        yield Problem(str(error), ("syncs", at))
