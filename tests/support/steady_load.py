"""Clients that ask all the time, and what became of every request: to show that something disturbs nobody."""

from __future__ import annotations

import http.client
import threading
from collections import Counter
from types import TracebackType

from support.poll import poll


class SteadyLoad:
    """Threads that send GET requests one after the other until the block ends. Use as a context manager.

    Attributes:
        answered: responses with 200.
        failures: what else there was: `status 503`, or the name of the exception.
    """

    def __init__(self, port: int, *, threads: int = 4, keep_alive: bool = False, path: str = "/load") -> None:
        self.answered = 0
        self.failures: Counter[str] = Counter()
        self._port = port
        self._path = path
        self._keep_alive = keep_alive
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def __enter__(self) -> SteadyLoad:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(20)

    def until_answered(self, more: int) -> None:
        """Waits for so many more answers."""
        wanted = self.answered + more
        poll(lambda: self.answered >= wanted, f"there were not {more} more answers", 20)

    def _run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        while not self._stop.is_set():
            what = self._ask(connection)
            with self._lock:
                if what is None:
                    self.answered += 1
                else:
                    self.failures[what] += 1
            if what is not None or not self._keep_alive:
                connection.close()
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection) -> str | None:
        try:
            connection.request("GET", self._path)
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            return type(error).__name__
        return None if response.status == 200 else f"status {response.status}"
