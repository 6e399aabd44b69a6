"""`strangler status` and `strangler routes` on screens of any width: nothing is cut off, and nobody's text is markup."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console, RenderableType

from proxy.cli import routes, status

WORKER = {
    "number": 0, "pid": 12345, "state": "ready", "version": 3, "uptime_s": 4000.0, "restarts": 2, "connections": 1200,
    "tunnels": 7, "resident_bytes": 60 << 20, "cpu_s": 12.5, "open_files": 1234,
}  # fmt: skip
ENDPOINT = {
    "url": "http://service-with-a-long-name.internal.example:18080", "healthy_workers": 1, "workers": 2, "active": 3,
    "breakers": {"closed": 1, "half_open": 1}, "idle": 4, "requests": 123456, "connects": 99, "connect_failures": 1,
}  # fmt: skip
STATUS: dict[str, Any] = {
    "ready": True, "draining": False, "release": "0.1.0", "uptime_s": 4000.0, "listen": {"a": "127.0.0.1:8080"},
    "requests_per_s": 40.0, "requests_active": 1, "requests_total": 1000,
    "config": {
        "path": "/etc/[red]x[/]/config.yaml", "version": 3, "reloads_applied": 2, "reloads_refused": 1,
        "last_reload": {"outcome": "refused", "reason": "file", "text": "config.yaml:3\n  [bold]wrong[/]"},
    },
    "problems": ["orders: [red]http://x[/] is unhealthy."],
    "workers": [WORKER],
    "services": [{"name": "orders", "endpoints": [ENDPOINT, {**ENDPOINT, "breakers": {}}]}],
}  # fmt: skip
ARM = {
    "arm": "legacy", "service": "a-service-of-some-length", "share": 0.75, "per_s": 12.0, "error_share": 0.02,
    "p50_s": 0.004, "p99_s": 0.12, "active": 1, "retries": 2, "fallbacks": 3, "requests": 123456,
}  # fmt: skip
MIRROR = {
    "arm": "new", "sample": 1.0, "per_s": 12.0, "compared_share": 0.9, "sent": 1000, "under_way": 1, "again": 100,
    "asking_more": True, "shed": {"concurrency": 50}, "lost": {"store": 49},
}  # fmt: skip
ROUTES: dict[str, Any] = {
    "version": 3, "window_s": 60.0,
    "routes": [{"name": "orders-of-all-customers", "mode": "shadow", "arms": [ARM, {**ARM, "arm": "new"}], "mirror": MIRROR}],
}  # fmt: skip
SHOWN = {
    status.render: (
        STATUS,
        ("12345", "1h", "1,200", "123,456", "half open", "[red]http://x[/]", "[bold]wrong[/]"),
    ),
    routes.render: (ROUTES, ("shadow", "legacy", "75%", "123,456", "100 ↑", "concurrency")),
}


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200, 1_000_000])
@pytest.mark.parametrize("render", SHOWN)
def test_nothing_is_cut_off(render: Callable[[dict[str, Any]], RenderableType], width: int) -> None:
    answer, words = SHOWN[render]
    console = Console(file=io.StringIO(), width=width, color_system=None, highlight=False)
    with console.capture() as captured:
        console.print(render(answer))
    text = captured.get()
    assert "…" not in text
    flat = "".join(text.split())
    for word in words:
        assert "".join(word.split()) in flat, word
    assert max(len(line.rstrip()) for line in text.splitlines()) <= min(width, 250)
