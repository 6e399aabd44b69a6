"""Reads the configuration file, and finds out before anything is replaced whether it can be served.

`routes.loading` judges the text alone. What else can be wrong is outside of it: the file itself, certificates, the
access log's folder, a control API open to the network. All of it is reported as a `ConfigError`: by `strangler check`,
at the start by `strangler run` and at each reload by control.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from proxy.control.auth import find_exposure
from proxy.hop.tls import TlsError, client_context, server_context
from routes.config import Config
from routes.errors import ConfigError, Problem
from routes.loading import TEXT_MAX_BYTES, load_config_bytes
from routes.table import compile_table

#: The file that commands read where none is named.
DEFAULT = Path("config.yaml")

#: Settings of the command line that win over the file: part -> field -> value.
Overrides = Mapping[str, Mapping[str, Any]]


class UnreadableError(ConfigError):
    """The file is not there, or cannot be read; nothing is known about what stands in it."""


def read_config(path: Path, environ: Mapping[str, str] | None = None, overrides: Overrides | None = None) -> Config:
    """The configuration in a file, with the overrides applied.

    Args:
        path: of the file; relative paths in it start at its folder (of a symbolic link: where the link is, since
            deployment tools swap what it leads to).
        environ: what `${NAME}` reads; None is `os.environ`.
        overrides: settings of the command line.

    Raises:
        UnreadableError: the file cannot be read.
        ConfigError: its text is not valid.
    """
    env = os.environ if environ is None else environ
    config = load_config_bytes(read_content(path), name=str(path), folder=path.absolute().parent, env=env)
    updates = {part: getattr(config, part).model_copy(update=dict(given)) for part, given in (overrides or {}).items()}
    return config.model_copy(update=updates)


def read_content(path: Path) -> bytes:
    """The bytes of a configuration file; never more than can be one.

    Raises:
        UnreadableError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(TEXT_MAX_BYTES + 1)
    except OSError as error:
        message = f"cannot be read: {(error.strerror or str(error)).lower()}"
        raise UnreadableError(str(path), [Problem(message, hint=_readable_hint(path))]) from error


def _readable_hint(path: Path) -> str | None:
    if path.is_dir():
        return f"name the file: {path / DEFAULT}"
    if path.exists() or not path.parent.is_dir():
        return None
    found = ", ".join(str(one) for one in sorted(path.parent.glob("*.y*ml"))[:5])
    return (
        f"the folder has {found}"
        if found
        else "say where it is: `strangler check PATH`, `strangler run PATH`, other commands with --config PATH"
    )


def check_usable(config: Config, name: str) -> None:
    """Try what workers will have to do with it.

    Args:
        config: valid as a text.
        name: the file, for the error.

    Raises:
        ConfigError: with everything that would fail.
    """
    compile_table(config)
    problems = [*_check_listen_tls(config), *_check_service_tls(config), *_check_access_log(config)]
    exposure = find_exposure(config)
    if exposure is not None:
        problems.append(exposure)
    if problems:
        raise ConfigError(name, problems)


def _check_listen_tls(config: Config) -> Iterator[Problem]:
    for index, listen in enumerate(config.listen):
        if listen.tls is not None:
            try:
                server_context(listen.tls)
            except (TlsError, ssl.SSLError, OSError) as error:
                yield Problem(str(error), path=("listen", index, "tls"))


def _check_service_tls(config: Config) -> Iterator[Problem]:
    for name, service in config.services.items():
        if any(url.startswith("https:") for url in service.urls):
            try:
                client_context(service.tls)
            except (TlsError, ssl.SSLError, OSError) as error:
                yield Problem(str(error), path=("services", name, "tls"))


def _check_access_log(config: Config) -> Iterator[Problem]:
    target = config.log.access
    if isinstance(target, Path):
        reason, hint = _not_writable(target)
        if reason:
            message = f"the access log cannot be written: {reason}"
            yield Problem(message, path=("log", "access"), given=str(target), hint=hint)


def _not_writable(file: Path) -> tuple[str | None, str | None]:
    """Why a file cannot be appended to, and what helps. Makes no file: who checks a configuration wants no traces."""
    if file.is_dir():
        return "it is a folder", f"write {file / 'access.log'}"
    if not file.parent.is_dir():
        return f"there is no folder {file.parent}", f"mkdir -p {file.parent}"
    allowed = os.access(file if file.exists() else file.parent, os.W_OK)
    return (None, None) if allowed else ("permission denied", None)
