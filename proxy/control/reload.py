"""Turns a changed file into a new table, or into a refusal that says why; the table in force serves on meanwhile."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from proxy.channel import Frame
from proxy.configfile import Overrides, check_usable, read_config
from routes.config import Config
from routes.errors import ConfigError, ConfigPath, Problem

#: How long workers may take to acknowledge a table; then the reload is reported as not applied everywhere.
ACCEPT_TIMEOUT_S: Final = 30.0

#: Fields that are fixed while the processes run, and the reason.
FIXED: Final[tuple[tuple[ConfigPath, str], ...]] = (
    (("workers",), "the number of worker processes"),
    (("control", "address"), "the address of the control API"),
    (("log", "access"), "the target of the access log"),
    (("log", "format"), "the format of the logs"),
    (("state", "url"), "the database"),
)
_RESTART_HINT: Final = "restart strangler, or send it SIGUSR2 to be replaced without a refused connection"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ReloadReport:
    """What became of one reload.

    Attributes:
        at: when, seconds since 1970.
        reason: `signal`, `file` or `start`.
        outcome: `applied`, `unchanged` or `refused`.
        version: of the table that is in force afterwards.
        problems: why it was refused, as `Problem.as_json`.
        text: the same for people.
    """

    at: float
    reason: str
    outcome: str
    version: int
    problems: tuple[dict[str, Any], ...] = ()
    text: str | None = None


def find_fixed(before: Config, after: Config) -> list[Problem]:
    """Changes that a reload cannot make, each as a problem that names the field."""
    changed = [(path, what) for path, what in FIXED if _get(before, path) != _get(after, path)]
    problems = [
        Problem(
            f"{what} cannot change while strangler runs",
            path=path,
            given=str(_get(after, path)),
            allowed=f"{_get(before, path)}, as it is now",
            hint=_RESTART_HINT,
        )
        for path, what in changed
    ]
    if _listen_shape(before) != _listen_shape(after):
        problems.append(
            Problem(
                "the listening addresses, and which of them speak TLS, cannot change while strangler runs",
                path=("listen",),
                given=", ".join(_listen_shape(after)),
                allowed=f"{', '.join(_listen_shape(before))}, as it is now",
                hint=_RESTART_HINT,
            )
        )
    return problems


class Reloader:
    """Reloads the file, one reload at a time.

    Attributes:
        config: in force.
        version: of the table in force.
        applied: reloads that were.
        refused: reloads that were.
        last: the latest report; None before the first.
    """

    def __init__(
        self,
        path: Path,
        overrides: Overrides,
        config: Config,
        *,
        version: int,
        version_last: int,
        send: Callable[[Frame], None],
        on_apply: Callable[[], None],
    ) -> None:
        self.config = config
        self.version = version
        self.applied = 0
        self.refused = 0
        self.last: ReloadReport | None = None
        self._path = path
        self._overrides = overrides
        self._version_last = version_last
        self._send = send
        self._on_apply = on_apply
        self._lock = asyncio.Lock()
        self._answer: asyncio.Future[str | None] | None = None
        self._offered: tuple[int, Config, str] | None = None

    async def reload(self, reason: str) -> ReloadReport:
        """Read the file and put it in force.

        A `signal` distributes it even where nothing in it changed, since certificate files may have.
        """
        async with self._lock:
            try:
                config = await asyncio.to_thread(self._read)
            except ConfigError as error:
                return self._refuse(reason, error)
            if config == self.config and reason != "signal":
                return self._report(ReloadReport(time.time(), reason, "unchanged", self.version))
            return await self._distribute(reason, config)

    def settle(self, version: int, error: str | None) -> None:
        """What the supervisor says became of a version: None for accepted, or what a worker had against it."""
        if self._offered is None or version != self._offered[0]:
            return
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(error)
        elif error is None:  # later than we waited, and in force all the same
            self._apply(*self._offered)

    def _read(self) -> Config:
        config = read_config(self._path, os.environ, self._overrides)
        check_usable(config, str(self._path))
        fixed = find_fixed(self.config, config)
        if fixed:
            raise ConfigError(str(self._path), fixed)
        return config

    async def _distribute(self, reason: str, config: Config) -> ReloadReport:
        self._version_last += 1
        version = self._version_last
        self._offered = (version, config, reason)
        self._answer = asyncio.get_running_loop().create_future()
        drain_timeout_s = config.shutdown.drain_timeout
        frame = {"type": "table", "version": version, "config": config.model_dump(mode="json", by_alias=True)}
        self._send({**frame, "drain_timeout_s": drain_timeout_s})
        try:
            error = await asyncio.wait_for(self._answer, ACCEPT_TIMEOUT_S)
        except TimeoutError:
            error = f"workers did not acknowledge within {ACCEPT_TIMEOUT_S:.0f} s"
        if error is not None:
            return self._refuse(reason, ConfigError(str(self._path), [Problem(f"a worker cannot serve it: {error}")]))
        return self._apply(version, config, reason)

    def _apply(self, version: int, config: Config, reason: str) -> ReloadReport:
        self._offered = None
        self.config, self.version = config, version
        self.applied += 1
        log.info("config.reload.applied", reason=reason, version=version)
        self._on_apply()
        return self._report(ReloadReport(time.time(), reason, "applied", version))

    def _refuse(self, reason: str, error: ConfigError) -> ReloadReport:
        self.refused += 1
        problems = tuple(problem.as_json() for problem in error.problems)
        log.error("config.reload.refused", reason=reason, version=self.version, file=error.name, problems=problems)
        return self._report(ReloadReport(time.time(), reason, "refused", self.version, problems, str(error)))

    def _report(self, report: ReloadReport) -> ReloadReport:
        self.last = report
        return report


def _get(config: Config, path: ConfigPath) -> Any:
    value: Any = config
    for step in path:
        value = getattr(value, str(step))
    return value


def _listen_shape(config: Config) -> list[str]:
    return [f"{listen.address}{' (TLS)' if listen.tls is not None else ''}" for listen in config.listen]
