"""wget through `strangler run`: mirrors a folder, resumes a download."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest

from support.nginx_files import NginxFiles
from support.strangler_process import StranglerProcess, environment

pytestmark = [pytest.mark.needs("wget"), pytest.mark.needs("nginx")]

CONTENT = random.Random(4).randbytes(5 << 20)


def wget(*arguments: str, folder: Path) -> str:
    command = ["wget", "--no-config", "--no-proxy", "--server-response", "--timeout=10", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module", autouse=True)
def content(files: NginxFiles) -> None:
    (files.files / "files" / "large.bin").write_bytes(CONTENT)
    for name in ("a", "b"):
        (files.files / "files" / f"{name}.html").write_text('<a href="a.html">a</a> <a href="b.html">b</a>')


def test_download_is_whole(gateway: StranglerProcess, tmp_path: Path) -> None:
    wget(f"{gateway.url}/files/large.bin", folder=tmp_path)
    assert (tmp_path / "large.bin").read_bytes() == CONTENT


def test_download_resumes_where_it_stopped(gateway: StranglerProcess, tmp_path: Path) -> None:
    (tmp_path / "large.bin").write_bytes(CONTENT[:2_000_000])
    log = wget("-c", f"{gateway.url}/files/large.bin", folder=tmp_path)
    assert "206 Partial Content" in log
    assert f"Content-Length: {len(CONTENT) - 2_000_000}" in log
    assert (tmp_path / "large.bin").read_bytes() == CONTENT


def test_finished_download_is_not_sent_again(gateway: StranglerProcess, tmp_path: Path) -> None:
    wget(f"{gateway.url}/files/large.bin", folder=tmp_path)
    assert "304 Not Modified" in wget("-N", f"{gateway.url}/files/large.bin", folder=tmp_path)


def test_pages_are_followed_on_one_connection(gateway: StranglerProcess, tmp_path: Path) -> None:
    log = wget("-r", "-l", "2", "-nH", f"{gateway.url}/files/a.html", folder=tmp_path)
    assert (tmp_path / "files" / "b.html").exists()
    assert "Reusing existing connection" in log
