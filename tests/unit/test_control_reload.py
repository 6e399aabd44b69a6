"""What a reload may change, and what becomes of one that workers answer late or never."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from proxy.channel import Frame
from proxy.configfile import read_config
from proxy.control import reload as module
from proxy.control.reload import Reloader, find_fixed
from routes.config import Config
from support.waits import eventually

TEXT = """
listen: [{{address: "127.0.0.1:8080"}}]
workers: {workers}
control: {{address: "127.0.0.1:9090", tokens: [{{name: a, role: viewer, token: {token}}}]}}
log: {{access: "off", level: {level}}}
services: {{old: {{urls: ["{url}"]}}}}
routes: [{{name: all, legacy: old}}]
"""
GIVEN = {"workers": 2, "token": "one", "level": "info", "url": "http://127.0.0.1:9"}


class File:
    """A configuration file, a reloader for it, and what the reloader sent."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "config.yaml"
        self.sent: list[Frame] = []
        self.applied: list[int] = []
        self.write()
        self.config = self.read()
        self.reloader = Reloader(
            self.path, {}, self.config, version=4, version_last=6, send=self.sent.append, on_apply=self._on_apply
        )

    def write(self, **changes: object) -> None:
        self.path.write_text(TEXT.format(**{**GIVEN, **changes}))

    def read(self) -> Config:
        return read_config(self.path)

    def _on_apply(self) -> None:
        self.applied.append(self.reloader.version)

    async def until_sent(self, count: int = 1) -> Frame:
        await eventually(lambda: len(self.sent) == count)
        return self.sent[-1]


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


async def test_changed_file_is_sent_with_the_next_version_and_in_force_once_accepted(file: File) -> None:
    file.write(url="http://127.0.0.1:10")
    task = asyncio.create_task(file.reloader.reload("file"))
    frame = await file.until_sent()
    assert (frame["version"], file.reloader.version) == (7, 4)
    assert Config.model_validate(frame["config"]) == file.read()
    file.reloader.settle(7, None)
    report = await task
    assert (report.outcome, report.version, file.reloader.applied, file.applied) == ("applied", 7, 1, [7])
    assert file.reloader.config == file.read()


async def test_table_that_a_worker_refuses_is_not_in_force_and_its_version_not_used_again(file: File) -> None:
    file.write(url="http://127.0.0.1:10")
    task = asyncio.create_task(file.reloader.reload("file"))
    await file.until_sent()
    file.reloader.settle(7, "worker 1: no memory")
    report = await task
    assert (report.outcome, report.version, file.reloader.refused) == ("refused", 4, 1)
    assert "worker 1: no memory" in (report.text or "")
    again = asyncio.create_task(file.reloader.reload("file"))
    assert (await file.until_sent(2))["version"] == 8
    file.reloader.settle(8, None)
    await again


async def test_answer_that_comes_late_counts_all_the_same(file: File, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ACCEPT_TIMEOUT_S", 0.01)
    file.write(url="http://127.0.0.1:10")
    report = await file.reloader.reload("file")
    assert (report.outcome, file.reloader.version) == ("refused", 4)
    file.reloader.settle(7, None)
    assert (file.reloader.version, file.applied) == (7, [7])
    assert file.reloader.last is not None
    assert file.reloader.last.outcome == "applied"


async def test_same_file_is_sent_again_only_on_a_signal(file: File) -> None:
    assert (await file.reloader.reload("file")).outcome == "unchanged"
    assert (await file.reloader.reload("start")).outcome == "unchanged"
    task = asyncio.create_task(file.reloader.reload("signal"))
    await file.until_sent()
    file.reloader.settle(7, None)
    assert (await task).outcome == "applied"


async def test_file_that_is_put_back_clears_the_refusal(file: File) -> None:
    file.path.write_text("routes: [")
    assert (await file.reloader.reload("file")).outcome == "refused"
    file.write()
    assert (await file.reloader.reload("file")).outcome == "unchanged"
    assert file.sent == []


async def test_missing_file_is_a_refusal(file: File) -> None:
    file.path.unlink()
    report = await file.reloader.reload("signal")
    assert report.outcome == "refused"
    assert "cannot be read" in (report.text or "")


def test_tokens_level_and_services_may_change(file: File) -> None:
    file.write(token="two", level="debug", url="http://127.0.0.1:10")
    assert find_fixed(file.config, file.read()) == []


def test_what_may_not_change_is_named_with_both_values(file: File) -> None:
    file.write(workers=3)
    [problem] = find_fixed(file.config, file.read())
    assert (problem.path, problem.given) == (("workers",), "3")
    assert problem.allowed == "2, as it is now"


def test_plain_address_may_not_become_tls(file: File) -> None:
    tls = {"certificates": [{"certificate": "a.crt", "key": "a.key"}]}
    changed = file.config.model_dump(mode="json")
    changed["listen"][0]["tls"] = tls
    [problem] = find_fixed(file.config, Config.model_validate(changed))
    assert problem.path == ("listen",)
    assert problem.given == "127.0.0.1:8080 (TLS)"
