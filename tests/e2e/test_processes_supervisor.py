"""The supervisor in the test's own process, with real workers: what a configuration file cannot bring about."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from proxy import supervisor as module
from proxy.assignment import Assignment
from proxy.listening import bind_all
from proxy.supervisor import Supervisor
from routes.config import Config
from routes.loading import load_config
from support.echo_app import EchoOrigin
from support.nginx_files import free_port
from support.waits import eventually


class Running:
    """A supervisor that runs on this loop."""

    def __init__(self, config: Config, folder: Path) -> None:
        self.sockets = bind_all(config.listen)
        self.port = next(iter(self.sockets.values())).getsockname()[1]
        self.json = config.model_dump(mode="json")
        self.supervisor = Supervisor(
            Assignment(
                config=self.json,
                config_path=folder / "config.yaml",
                overrides={},
                workers=2,
                drain_timeout_s=1.0,
                sockets=self.sockets,
            )
        )
        self.task = asyncio.create_task(self.supervisor.run())

    @property
    def workers(self) -> list[Any]:
        return self.supervisor._workers

    async def until(self, condition: Callable[[], object]) -> None:
        await eventually(condition, 20.0)

    async def until_ready(self) -> None:
        await self.until(lambda: all(worker.state == "ready" for worker in self.workers))

    def status(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/echo")
        status = connection.getresponse().status
        connection.close()
        return status

    async def stop(self) -> int:
        if not self.task.done():
            os.kill(os.getpid(), signal.SIGTERM)
        status = await asyncio.wait_for(self.task, 20)
        with contextlib.suppress(ValueError):
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
                asyncio.get_running_loop().remove_signal_handler(number)
        return status


def make_config(url: str, folder: Path) -> Config:
    text = f"""
        listen: [{{address: "127.0.0.1:0"}}]
        control: {{address: "127.0.0.1:{free_port()}"}}
        log: {{access: access.log}}
        services: {{legacy: {{urls: ["{url}"]}}}}
        routes: [{{name: all, match: {{path: "/**"}}, legacy: legacy}}]
    """
    (folder / "config.yaml").write_text(text)
    return load_config(text, name="config.yaml", folder=folder, env={})


@pytest_asyncio.fixture
async def running(tmp_path: Path, echo: EchoOrigin) -> AsyncIterator[Running]:
    running = Running(make_config(echo.url, tmp_path), tmp_path)
    yield running
    await running.stop()


async def test_table_that_one_worker_refuses_is_taken_back_from_all(running: Running) -> None:
    await running.until_ready()
    tls = {"ca": "/nowhere/authority.pem"}
    broken = {**running.json, "services": {"legacy": {"urls": ["https://127.0.0.1:9"], "tls": tls}}}
    control = running.supervisor._control
    running.supervisor._hub.on_frame(control, {"type": "table", "version": 2, "config": broken})
    assert running.supervisor._hub.ledger.pending is not None
    await running.until(lambda: running.supervisor._hub.ledger.pending is None)
    assert running.supervisor._hub.ledger.accepted["version"] == 1
    await running.until(lambda: all(worker.version == 1 for worker in running.workers))
    assert await asyncio.to_thread(running.status) == 200


async def test_worker_that_hangs_is_ended_and_replaced(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TICK_S", 0.05)
    monkeypatch.setattr(module, "SILENT_TICKS_MAX", 60)
    await running.until_ready()
    await running.until(lambda: running.supervisor._control.state == "ready")
    victim = running.workers[0]
    os.kill(victim.pid, signal.SIGSTOP)
    await running.until(lambda: victim.incarnation == 2 and victim.state == "ready")
    assert running.workers[1].incarnation == 1
    assert await asyncio.to_thread(running.status) == 200


async def test_workers_that_never_come_up_end_the_start(tmp_path: Path, echo: EchoOrigin) -> None:
    config = make_config(echo.url, tmp_path)
    broken = config.model_copy(update={"log": config.log.model_copy(update={"access": tmp_path / "no" / "folder"})})
    running = Running(broken, tmp_path)
    await running.until(running.task.done)
    assert await running.stop() == 1


async def test_stop_while_workers_are_still_starting(tmp_path: Path, echo: EchoOrigin) -> None:
    running = Running(make_config(echo.url, tmp_path), tmp_path)
    await running.until(lambda: any(worker.pid for worker in running.workers))
    assert await running.stop() == 0
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", running.port), 5):
        pass
