"""Node's fetch through `strangler run`: what a browser-like client makes of it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.nginx_files import NginxFiles
from support.programs import find_program
from support.strangler_process import StranglerProcess, environment

pytestmark = [pytest.mark.needs("node"), pytest.mark.needs("nginx")]


@pytest.fixture(scope="module")
def results(gateway: StranglerProcess, files: NginxFiles) -> Any:
    """What the script printed."""
    (files.files / "files" / "page.txt").write_text("text " * 1000)
    program = find_program("node")
    assert program is not None
    script = Path(__file__).with_name("fetch_client.mjs")
    done = subprocess.run(
        [program, str(script), gateway.url], capture_output=True, text=True, timeout=30, env=environment(), check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_target_and_headers_arrive(results: Any) -> None:
    assert results["echo"]["target"] == "/echo/a%20b?q=%2F"
    assert "yes" in dict(results["echo"]["headers"]).values()


def test_streamed_upload_is_whole(results: Any) -> None:
    assert results["upload"]["bytes"] == 64 * 65_536
    assert results["upload"]["sha256"] == results["upload"]["expected"]


def test_streamed_download_is_whole(results: Any) -> None:
    assert results["download"] == 5_000_000


def test_redirects_stay_on_the_proxy(results: Any, gateway: StranglerProcess) -> None:
    target = f"{gateway.url}/echo?from=GET"
    assert results["followed"] == {"url": target, "redirected": True, "status": 200}
    assert results["location"] == target


def test_cookies_belong_to_the_host_the_client_sees(results: Any) -> None:
    session, theme = results["cookies"]
    assert session.startswith("session=s-1")
    assert "domain" not in session.lower()
    assert "HttpOnly" in session
    assert theme == "theme=dark; Path=/basket"


def test_compressed_body_is_decoded_by_the_client(results: Any) -> None:
    assert results["compressed"] == {"encoding": "gzip", "length": 5000}


def test_aborted_download_hurts_nobody(results: Any) -> None:
    assert results["aborted"]
    assert results["many"]
