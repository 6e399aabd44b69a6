"""Starts the proxy: reads, checks, binds, and becomes the supervisor."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import structlog

from proxy.assignment import Assignment
from proxy.configfile import check_usable, read_config
from proxy.listening import bind_all, open_files_needed, raise_open_files_limit
from proxy.logging import configure_logging
from proxy.supervisor import Supervisor
from proxy.takeover import Inheritance
from routes.config import Config

log = structlog.get_logger()


def launch(path: Path, log_format: str | None) -> int:
    """Run the proxy until it is stopped.

    Args:
        path: the configuration file.
        log_format: `json` or `console`, wins over the file; None leaves it.

    Returns:
        The exit status.

    Raises:
        ConfigError: the configuration cannot be used.
        ListenError: a listening address cannot be bound.
        TakeoverError: what a supervisor before this one left is not usable.
    """
    overrides: dict[str, dict[str, Any]] = {"log": {"format": log_format}} if log_format else {}
    config = read_config(path, os.environ, overrides)
    check_usable(config, str(path))
    configure_logging(config.log.level, config.log.format, sys.stderr)
    warn_of_open_files(config)
    inheritance = Inheritance.from_environment(os.environ)
    assignment = Assignment(
        config=config.model_dump(mode="json", by_alias=True),
        config_path=path.absolute(),
        overrides=overrides,
        workers=count_workers(config),
        drain_timeout_s=config.shutdown.drain_timeout,
        sockets=bind_all(config.listen, inheritance.sockets),
        inheritance=inheritance,
    )
    return asyncio.run(_supervise(assignment))


async def _supervise(assignment: Assignment) -> int:
    return await Supervisor(assignment).run()


def count_workers(config: Config) -> int:
    """How many worker processes there will be: `auto` is one per core that this process may use."""
    if config.workers == "auto":
        return max(1, len(os.sched_getaffinity(0)))
    return int(config.workers)


def warn_of_open_files(config: Config) -> None:
    """Raise the limit of open files, and say so where it is still too low for the configured connections."""
    allowed, needed = raise_open_files_limit(), open_files_needed(config)
    if 0 <= allowed < needed:
        log.warning(
            "limits.open_files.low",
            allowed=allowed,
            needed=needed,
            hint="raise the limit (ulimit -Hn, LimitNOFILE=) or lower limits.connections_max and connections_max",
        )
