"""How commands ask the running proxy: where its control API is, and what went wrong when it does not answer."""

from __future__ import annotations

import functools
import http.client
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, ParamSpec
from urllib.parse import SplitResult, urlsplit

import click
import orjson
from rich.console import RenderableType
from rich.live import Live

from proxy.cli.exits import EXIT_OK, EXIT_TOKEN, EXIT_UNREACHABLE, EXIT_USAGE
from proxy.cli.screen import show
from proxy.printable import printable

_CONNECT_S: Final = 10.0
#: A proof over hundreds of kept exchanges takes seconds, and more where the machine is busy.
_ANSWER_S: Final = 60.0
_ANSWER_BYTES_MAX: Final = 64 << 20
_WATCH_S: Final = 2.0
#: A field that tells an answer from somebody else's.
_WANTED: Final = {"status": "workers", "routes": "routes"}
#: Statuses that say that what was asked for cannot be had, in words.
_REFUSED: Final = frozenset({400, 404, 409, 413, 415, 422, 428})
#: A user and password in a URL: nothing of ours asks for them, and they must not stand in a message.
_USER: Final = re.compile(r"(?<=://)[^/?#]*@")
_DEFAULT: Final = "http://127.0.0.1:9090"

Parameters = ParamSpec("Parameters")


class AskingError(Exception):
    """The proxy could not be asked; the message says why and what to do.

    Attributes:
        exit_status: what the command ends with.
    """

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


@dataclass(frozen=True, slots=True)
class Target:
    """A control API: its URL, the token to show, and how both were found."""

    url: str
    token: str | None
    source: str


def asking_options(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """The options of commands that show how things are: `control`, `token`, `config`, `as_json`, `watch`."""
    watch = click.option("--watch", is_flag=True, help="Show it again every two seconds until Ctrl-C.")
    return target_options(watch(command))


def target_options(command: Callable[Parameters, None]) -> Callable[Parameters, None]:
    """The options that all asking commands have; they come as `control`, `token`, `config`, `as_json`."""
    options = [
        click.option("--control", metavar="URL", envvar="STRANGLER_CONTROL", help="Control API [STRANGLER_CONTROL]."),
        click.option("--token", envvar="STRANGLER_TOKEN", help="Token to show [STRANGLER_TOKEN]."),
        click.option(
            "--config", type=click.Path(path_type=Path), help="Where to look both up; config.yaml where it is there."
        ),
        click.option("as_json", "--json", is_flag=True, help="Print the API's JSON."),
    ]
    return functools.reduce(lambda wrapped, option: option(wrapped), reversed(options), command)


def find_target(control: str | None, token: str | None, config: Path | None) -> Target:
    """Where to ask: the options (or their variables) win, then the configuration, then the default address.

    Raises:
        AskingError: the configuration cannot be read.
    """
    if control is not None:
        url = control if "://" in control else f"http://{control}"
        return Target(_USER.sub("", url), token, "--control or STRANGLER_CONTROL")
    path = config or Path("config.yaml")
    if config is None and not path.exists():
        return Target(_DEFAULT, token, "the default")
    return _from_config(path, token)


def _from_config(path: Path, token: str | None) -> Target:
    from proxy.configfile import read_config  # noqa: PLC0415 - pydantic is slow to load, and mostly not needed
    from routes.errors import ConfigError  # noqa: PLC0415

    try:
        control = read_config(path).control
    except ConfigError as error:
        raise AskingError(
            f"{error}\n\nOr name the control API with --control URL, and its token with --token or STRANGLER_TOKEN.",
            EXIT_USAGE,
        ) from error
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(control.host, control.host)  # noqa: S104 - the other way round
    authority = f"[{host}]:{control.port}" if ":" in host else f"{host}:{control.port}"
    known = control.tokens[0].token if control.tokens else None
    return Target(f"http://{authority}", token or known, str(path))


def ask(target: Target, path: str, wanted: str, *, method: str = "GET", body: Any = None) -> Any:
    """The JSON object that the API has at this path; it must have the field `wanted`, or it is somebody else's.

    Args:
        target: where to ask.
        path: path and query.
        wanted: a field of the answer.
        method: `GET`, or what changes something.
        body: JSON value to send; None sends none.

    Raises:
        AskingError: it does not answer, refuses the token or what was asked, or is something else.
    """
    status, received = _send(target, method, path, None if body is None else orjson.dumps(body))
    try:
        answer = orjson.loads(received)
    except orjson.JSONDecodeError:
        answer = None
    detail = answer.get("detail") if isinstance(answer, dict) else None
    if isinstance(detail, str):  # it may repeat what strangers sent
        detail = "\n".join(map(printable, detail.split("\n")))
    if status == http.HTTPStatus.UNAUTHORIZED or (status == http.HTTPStatus.FORBIDDEN and detail is None):
        why = "needs a token" if target.token is None else "refuses the token"
        message = f"The control API at {target.url} {why}: use --token or STRANGLER_TOKEN."
        raise AskingError(message, EXIT_TOKEN)
    if status == http.HTTPStatus.FORBIDDEN:
        raise AskingError(str(detail), EXIT_TOKEN)
    if detail is not None and status in _REFUSED:
        raise AskingError(str(detail), EXIT_USAGE)
    if status != http.HTTPStatus.OK or not isinstance(answer, dict) or wanted not in answer:
        why = detail or "this is not the control API of strangler"
        raise AskingError(f"{target.url}{path} answers {status}: {why}", EXIT_UNREACHABLE)
    return answer


def _send(target: Target, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
    parts = urlsplit(target.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not _has_port(parts):
        raise AskingError(f"{target.url} is no URL of a control API, such as {_DEFAULT}", EXIT_USAGE)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    headers = {} if target.token is None else {"Authorization": f"Bearer {target.token}"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    reached = False
    try:
        connection = kind(parts.hostname, parts.port, timeout=_CONNECT_S)
        try:
            connection.connect()
            connection.sock.settimeout(_ANSWER_S)
            reached = True
            connection.request(method, parts.path.rstrip("/") + path, body=body, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read(_ANSWER_BYTES_MAX)
        finally:
            connection.close()
    except (OSError, ValueError, http.client.HTTPException) as error:
        if reached and isinstance(error, TimeoutError):
            message = f"The control API at {target.url} is there, and has not answered within {_ANSWER_S:.0f} s."
            raise AskingError(message, EXIT_UNREACHABLE) from error
        message = (
            f"The control API at {target.url} (from {target.source}) cannot be reached: {error}.\n"
            "Is strangler running? Name another address with --control URL or STRANGLER_CONTROL."
        )
        raise AskingError(message, EXIT_UNREACHABLE) from error


def _has_port(parts: SplitResult) -> bool:
    """Whether the port is left out or a number."""
    try:
        return parts.port != 0
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Asking:
    """The options of an asking command, as given."""

    control: str | None
    token: str | None
    config: Path | None
    as_json: bool
    watch: bool

    def present(self, what: str, render: Callable[[Any], RenderableType], judge: Callable[[Any], int]) -> int:
        """Ask, and show the answer once or until Ctrl-C.

        Args:
            what: `status` or `routes`.
            render: makes an answer readable.
            judge: the exit status for an answer.

        Returns:
            The exit status.
        """
        try:
            target = find_target(self.control, self.token, self.config)
            fetch = functools.partial(ask, target, f"/api/{what}", _WANTED[what])
            answer = fetch()
            if self.watch:
                self._watch(fetch, render, answer)
            elif self.as_json:
                click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
            else:
                show(render(answer))
        except AskingError as error:
            click.echo(str(error), err=True)
            return error.exit_status
        except KeyboardInterrupt:
            return EXIT_OK
        return judge(answer)

    def _watch(self, fetch: Callable[[], Any], render: Callable[[Any], RenderableType], answer: Any) -> None:
        if self.as_json:
            while True:
                click.echo(orjson.dumps(answer))
                time.sleep(_WATCH_S)
                answer = fetch()
        with Live(render(answer), auto_refresh=False) as live:
            while True:
                time.sleep(_WATCH_S)
                live.update(render(fetch()), refresh=True)
