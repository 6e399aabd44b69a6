"""A headless Chromium, driven through the DevTools protocol over one WebSocket; nothing to download."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import aiohttp

from support.programs import find_program
from support.waits import eventually

START_TIMEOUT_S = 30.0
CALL_TIMEOUT_S = 20.0
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--window-size=1200,900",
    "--remote-debugging-port=0",
)


class PageError(Exception):
    """The page threw, or it went away while it was asked."""


class Chromium:
    """One browser with one page. Use as an asynchronous context manager.

    Attributes:
        events: everything that the browser has reported, as (method, params).
    """

    def __init__(self, folder: Path) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._folder = folder
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}

    async def __aenter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "chromium.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                find_program("chromium") or "chromium",
                *FLAGS,
                f"--user-data-dir={self._folder / 'profile'}",
                "about:blank",
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._session = aiohttp.ClientSession()
        port_file = self._folder / "profile" / "DevToolsActivePort"
        await eventually(lambda: port_file.exists() and port_file.read_text().count("\n"), START_TIMEOUT_S)
        port = port_file.read_text().split()[0]
        async with self._session.get(f"http://127.0.0.1:{port}/json/list") as response:
            pages = [target for target in await response.json() if target["type"] == "page"]
        self._socket = await self._session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0)
        self._reader = asyncio.create_task(self._read())
        for domain in ("Page", "Network", "Runtime"):
            await self.call(f"{domain}.enable")
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._socket.close()
        await self._reader
        await self._session.close()
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), 10)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _read(self) -> None:
        async for message in self._socket:
            data = json.loads(message.data)
            if "id" not in data:
                self.events.append((data["method"], data["params"]))
            elif not (answer := self._answers.pop(data["id"])).done():
                answer.set_result(data)

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        data = await asyncio.wait_for(answer, CALL_TIMEOUT_S)
        if "error" in data:
            raise PageError(f"{method}: {data['error']['message']}")
        result: dict[str, Any] = data["result"]
        return result

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        result = await self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise PageError(str(result["exceptionDetails"].get("exception", result["exceptionDetails"])))
        return result["result"].get("value")

    async def until(self, expression: str, deadline_s: float = 15.0) -> None:
        """Wait until a JavaScript expression is true, over navigations too."""

        async def holds() -> bool:
            try:
                return bool(await self.evaluate(expression))
            except PageError:  # the document is being replaced
                return False

        try:
            await eventually(holds, deadline_s)
        except AssertionError:
            where = await self.evaluate("location.href + ' ' + document.body.innerText.slice(0, 400)")
            raise AssertionError(f"not true in the page: {expression}\n{where}") from None

    async def goto(self, url: str) -> None:
        """Open a URL and wait until it has been loaded."""
        await self.call("Page.navigate", url=url)
        await self.until(f"document.readyState === 'complete' && location.href === {json.dumps(url)}")

    async def click(self, selector: str) -> None:
        """Click an element."""
        await self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    async def fill(self, selector: str, text: str) -> None:
        """Put text into a field."""
        await self.evaluate(f"document.querySelector({json.dumps(selector)}).value = {json.dumps(text)}")

    async def arrived(self, path: str) -> str:
        """Wait until the page at this path (a regular expression) is loaded; its whole document."""
        pattern = json.dumps(f"^{path}$")
        await self.until(f"document.readyState === 'complete' && new RegExp({pattern}).test(location.pathname)")
        document: str = await self.evaluate("document.documentElement.outerHTML")
        return document

    def seen(self, *methods: str) -> Iterator[dict[str, Any]]:
        """The params of every event of these kinds."""
        return (params for method, params in self.events if method in methods)
