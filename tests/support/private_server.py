"""A database server of this test process alone: its own folder, port and user, gone with the process."""

from __future__ import annotations

import ctypes
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from support.poll import poll

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
PREPARE_TIMEOUT_S = 120.0
#: Tries to start, where another process takes the free port between looking and listening.
STARTS_MAX = 3
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class PrivateServer:
    """One server process in a temporary folder; what differs between servers is below it.

    Attributes:
        settings: of the server.
        folder: everything that belongs to it.
        port: where it listens on the loopback; 0 while it does not run.
    """

    #: Users to run as where this process is root, the first that the machine has; servers refuse to run as root.
    users: tuple[str, ...] = ("nobody",)
    #: Settings of the server, unless they are given.
    defaults: Mapping[str, str | None] = {}
    #: What stands between the words of a setting's name.
    dash = "_"
    #: The signal that stops it soon and in order.
    stop_signal = signal.SIGTERM
    #: The signal that it gets when this process dies without stopping it.
    orphan_signal = signal.SIGKILL

    def __init__(self, **settings: str | None) -> None:
        self.settings = {**self.defaults, **{name.replace("_", self.dash): value for name, value in settings.items()}}
        self.folder = Path(tempfile.mkdtemp(prefix=f"strangler-{type(self).__name__.lower()}-"))
        self.port = 0
        self._user = self._pick_user()
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        if self._user is not None:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)

    def start(self) -> None:
        """Make the folder's contents and start the server; returns when it answers.

        Raises:
            AssertionError: it does not start; its log is in the message.
        """
        try:
            self.prepare()
            started = any(self._try_to_start() for _ in range(STARTS_MAX))
            assert started, f"{type(self).__name__} does not start:\n{self.log()[-4000:]}"
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the process and remove the folder."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(self.stop_signal)
            try:
                self._process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self.port = 0
        shutil.rmtree(self.folder, ignore_errors=True)

    def fresh(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{next(self._numbers)}"
        self.create(name)
        return self.url(name)

    def log(self) -> str:
        """What the server has said."""
        path = self.folder / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def run(self, command: Sequence[str | Path], *, check: bool = True) -> subprocess.CompletedProcess[bytes]:
        """Run a program of the server's to its end, as the server's user."""
        done = subprocess.run(
            command, cwd=self.folder, capture_output=True, timeout=PREPARE_TIMEOUT_S, check=False, **self._identity()
        )
        if check and done.returncode:
            raise AssertionError(f"{command[0]} failed: {(done.stdout + done.stderr).decode(errors='replace')[-4000:]}")
        return done

    def spawn(self, command: Sequence[str | Path]) -> subprocess.Popen[bytes]:
        """Start a program of the server's in the background; it ends when this process does."""
        with (self.folder / "server.log").open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_end_with_parent(self.orphan_signal),  # noqa: PLW1509  (one call into libc, no locks)
                **self._identity(),
            )

    def prepare(self) -> None:
        """Make what the server needs in its folder."""
        raise NotImplementedError

    def command(self) -> Sequence[str | Path]:
        """The command line of the server on `port`."""
        raise NotImplementedError

    def answers(self) -> bool:
        """Whether it takes statements."""
        raise NotImplementedError

    def create(self, name: str) -> None:
        """Make a database."""
        raise NotImplementedError

    def url(self, name: str) -> str:
        """The URL of a database."""
        raise NotImplementedError

    def _try_to_start(self) -> bool:
        self.port = free_port()
        self._process = self.spawn(self.command())
        return poll(self._answers_or_ended, f"{type(self).__name__} does not answer", START_TIMEOUT_S) == "answers"

    def _answers_or_ended(self) -> str:
        if self._process is not None and self._process.poll() is not None:
            return "ended"
        return "answers" if self.answers() else ""

    def _pick_user(self) -> pwd.struct_passwd | None:
        if os.geteuid() != 0:
            return None
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        return next((known[name] for name in self.users if name in known), None)

    def _identity(self) -> dict[str, object]:
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder), "LC_ALL": "C.UTF-8"}
        if self._user is None:
            return {"env": environment}
        return {"env": environment, "user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}


def free_port() -> int:
    """A port of the loopback on which nothing listens right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_with_parent(number: signal.Signals) -> Callable[[], None]:
    """For the child between fork and exec: the kernel signals it when the thread that started it ends (prctl(2))."""

    def arm() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, number)

    return arm
