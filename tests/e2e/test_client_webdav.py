"""WebDAV (RFC 4918) through `strangler run`: litmus, the conformance suite; cadaver, a client; locks by hand.

`Destination` of COPY and MOVE holds a whole URL with the host that the client sees. The proxy passes it as it came, so
the service must know that host: it does with `host_header: client` (the default), and otherwise only if it heeds
X-Forwarded-Host, as WsgiDAV does. A service that knows neither answers 502 of its own (RFC 4918 section 9.8.5).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from support.programs import find_program
from support.strangler_process import StranglerProcess, environment
from support.webdav_server import WebDavServer

LOCK = b"""<?xml version="1.0"?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope>
<D:locktype><D:write/></D:locktype><D:owner>ada</D:owner></D:lockinfo>"""


@pytest.fixture(scope="module")
def dav(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDavServer]:
    with WebDavServer(tmp_path_factory.mktemp("dav")) as server:
        yield server


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, dav: WebDavServer) -> Iterator[StranglerProcess]:
    config = {
        "services": {
            "dav": {"urls": [dav.url]},
            "renamed": {"urls": [dav.url], "host_header": "service"},
        },
        "routes": [
            {
                "name": "renamed",
                "match": {"path": "/{rest...}", "host": "renamed.example"},
                "legacy": "renamed",
                "mode": "legacy",
            },
            {"name": "dav", "match": {"path": "/{rest...}"}, "legacy": "dav", "mode": "legacy"},
        ],
    }
    with StranglerProcess(tmp_path_factory.mktemp("gateway"), config) as running:
        yield running


@pytest.fixture
def client(gateway: StranglerProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=gateway.url, trust_env=False, timeout=10) as client:
        yield client


@pytest.mark.needs("litmus")
@pytest.mark.parametrize("suite", ["basic", "copymove", "props", "locks", "http"])
def test_conformance_suite_passes(gateway: StranglerProcess, tmp_path: Path, suite: str) -> None:
    program = find_program("litmus")
    assert program is not None
    done = subprocess.run(
        [program, f"{gateway.url}/"],
        cwd=tmp_path,
        env={**environment(), "TESTS": suite},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    summary = re.search(r"of (\d+) tests run: (\d+) passed, (\d+) failed", done.stdout)
    assert summary is not None, done.stdout
    assert summary[1] == summary[2], done.stdout
    assert "WARNING" not in done.stdout, done.stdout


@pytest.mark.needs("cadaver")
def test_session_of_a_client(gateway: StranglerProcess, dav: WebDavServer, tmp_path: Path) -> None:
    (tmp_path / "report.txt").write_text("figures\n" * 5000)
    commands = """
        open {url}/
        mkcol reports
        cd reports
        put report.txt
        copy report.txt copy.txt
        move copy.txt moved.txt
        lock moved.txt
        propset moved.txt state final
        unlock moved.txt
        ls
        get moved.txt
        delete report.txt
        quit
    """.replace("{url}", gateway.url)
    done = subprocess.run(
        ["cadaver", "-r", "/dev/null"],
        cwd=tmp_path,
        env={**environment(), "HOME": str(tmp_path)},
        input="\n".join(line.strip() for line in commands.strip().splitlines()) + "\n",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert "failed" not in done.stdout, done.stdout
    assert (tmp_path / "moved.txt").read_text() == (tmp_path / "report.txt").read_text()
    assert sorted(path.name for path in (dav.folder / "reports").iterdir()) == ["moved.txt"]


def test_lock_is_respected_until_it_is_released(client: httpx.Client) -> None:
    assert client.put("/locked.txt", content=b"one").status_code == 201
    lock = client.request("LOCK", "/locked.txt", content=LOCK, headers={"Timeout": "Second-60"})
    token = lock.headers["Lock-Token"]
    assert lock.status_code == 200
    assert client.put("/locked.txt", content=b"two").status_code == 423
    assert client.put("/locked.txt", content=b"two", headers={"If": f"({token})"}).status_code == 204
    assert client.request("UNLOCK", "/locked.txt", headers={"Lock-Token": token}).status_code == 204
    assert client.delete("/locked.txt").status_code == 204


def test_properties_of_a_folder_name_the_clients_paths(client: httpx.Client) -> None:
    client.request("MKCOL", "/box/")
    client.put("/box/a.txt", content=b"a")
    answer = client.request("PROPFIND", "/box/", headers={"Depth": "1"})
    assert answer.status_code == 207
    assert set(re.findall(r"<(?:\w+:)?href>([^<]+)<", answer.text)) == {"/box/", "/box/a.txt"}


def test_destination_names_the_clients_host(client: httpx.Client, gateway: StranglerProcess) -> None:
    client.put("/from.txt", content=b"it")
    target = f"{gateway.url}/to%20there.txt"
    copied = client.request("COPY", "/from.txt", headers={"Destination": target, "Overwrite": "F"})
    again = client.request("COPY", "/from.txt", headers={"Destination": target, "Overwrite": "F"})
    assert (copied.status_code, again.status_code) == (201, 412)
    assert client.get("/to%20there.txt").content == b"it"


def test_service_that_gets_another_host_learns_the_clients_from_the_forwarded_one(client: httpx.Client) -> None:
    host = {"Host": "renamed.example"}
    client.put("/from.txt", content=b"it", headers=host)
    for name, status in (("renamed.example", 201), ("elsewhere.example", 502)):
        target = f"http://{name}/{name}.txt"
        moved = client.request("COPY", "/from.txt", headers={**host, "Destination": target})
        assert moved.status_code == status
        assert "Proxy-Status" not in moved.headers
