"""A WebDAV server (RFC 4918, class 1 and 2): WsgiDAV on Cheroot, in threads of its own."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from cheroot import wsgi
from wsgidav.wsgidav_app import WsgiDAVApp  # type: ignore[import-untyped]


class WebDavServer:
    """Serves a folder at `/`, to anybody, with locks. Use as a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        settings: dict[str, Any] = {
            "provider_mapping": {"/": str(folder)},
            "simple_dc": {"user_mapping": {"*": True}},
            "property_manager": True,
            "lock_storage": True,
            "logging": {"enable": False},
            "verbose": 0,
        }
        self._server = wsgi.Server(("127.0.0.1", 0), WsgiDAVApp(settings), numthreads=4, timeout=5)
        self._thread = threading.Thread(target=self._server.serve, name="webdav", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.bind_addr[1]}"

    def __enter__(self) -> WebDavServer:
        self._server.prepare()
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.stop()
        self._thread.join()
