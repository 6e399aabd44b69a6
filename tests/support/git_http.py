"""Git's own smart HTTP server: a bridge from aiohttp to the CGI program `git http-backend` (gitprotocol-http(5))."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

from aiohttp import web


def git(*arguments: str, folder: Path, stdin: bytes | None = None) -> str:
    """Runs Git apart from the configuration of the machine; returns what it prints."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "Ada",
        "GIT_AUTHOR_EMAIL": "ada@shop.example",
        "GIT_COMMITTER_NAME": "Ada",
        "GIT_COMMITTER_EMAIL": "ada@shop.example",
        "GIT_TRACE_CURL_NO_DATA": "1",
    }
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, input=stdin, capture_output=True, timeout=60, check=False
    )
    if done.returncode:
        raise AssertionError(f"git {' '.join(arguments)} failed:\n{done.stderr.decode(errors='replace')}")
    return (done.stdout + done.stderr).decode(errors="replace")


class GitServer:
    """Serves the bare repositories below a folder.

    Attributes:
        seen: (method, path, the request's headers) of each request.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = 0
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> GitServer:
        """Listens on a free port of the loopback."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, auto_decompress=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        """Stops at once."""
        if self._runner is not None:
            await self._runner.cleanup()

    def _environment(self, request: web.Request) -> dict[str, str]:
        """The meta-variables of RFC 3875 section 4.1 that Git reads."""
        variables = {
            "PATH": os.environ["PATH"],
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REMOTE_USER": "ada",
            "REMOTE_ADDR": "127.0.0.1",
            "REQUEST_METHOD": request.method,
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query_string,
            "CONTENT_TYPE": request.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        }
        if request.content_length is not None:
            variables["CONTENT_LENGTH"] = str(request.content_length)
        return variables

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.path, dict(request.headers)))
        program = await asyncio.create_subprocess_exec(
            "git",
            "http-backend",
            env=self._environment(request),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        feeding = asyncio.ensure_future(self._feed(request, program))
        try:
            return await self._answer(request, program)
        finally:
            await feeding
            await program.wait()

    @staticmethod
    async def _feed(request: web.Request, program: asyncio.subprocess.Process) -> None:
        assert program.stdin is not None
        try:
            async for piece in request.content.iter_any():
                program.stdin.write(piece)
                await program.stdin.drain()
        except ConnectionError:
            pass
        program.stdin.close()

    @staticmethod
    async def _answer(request: web.Request, program: asyncio.subprocess.Process) -> web.StreamResponse:
        assert program.stdout is not None
        response = web.StreamResponse()
        while line := (await program.stdout.readline()).decode("latin-1").rstrip("\r\n"):
            name, _, value = line.partition(":")
            if name.lower() == "status":
                response.set_status(int(value.split()[0]))
            else:
                response.headers.add(name, value.strip())
        await response.prepare(request)
        while piece := await program.stdout.read(1 << 16):
            await response.write(piece)
        await response.write_eof()
        return response
