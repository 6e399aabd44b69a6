"""Starting: what stands in the way is said in words, with exit status 1."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.authority import Authority
from support.echo_app import EchoOrigin
from support.gateway_config import one_route
from support.nginx_files import free_port
from support.process_tree import ProcessTree


def start(
    folder: Path, config: dict[str, Any] | str, *arguments: str, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Runs `strangler run` that is expected to end by itself."""
    text = config if isinstance(config, str) else yaml.safe_dump(config)
    (folder / "config.yaml").write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "proxy", "run", *(arguments or ("config.yaml",))],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def minimal(**parts: Any) -> dict[str, Any]:
    return one_route(
        "http://127.0.0.1:9",
        **{
            "listen": [{"address": f"127.0.0.1:{free_port()}"}],
            "control": {"address": f"127.0.0.1:{free_port()}"},
            "workers": 1,
            **parts,
        },
    )


def test_port_in_use_is_named_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = start(tmp_path, minimal(listen=[{"address": address}]))
    assert result.returncode == 1
    assert f"cannot listen on {address}: address already in use" in result.stderr
    assert "ss -ltnp" in result.stderr


def test_address_of_another_machine_is_named(tmp_path: Path) -> None:
    result = start(tmp_path, minimal(listen=[{"address": "192.0.2.1:8080"}]))
    assert result.returncode == 1
    assert "this machine has no such address" in result.stderr


def test_broken_configuration_is_printed(tmp_path: Path) -> None:
    result = start(tmp_path, minimal(workers="many"))
    assert result.returncode == 1
    assert "workers" in result.stderr
    assert "Traceback" not in result.stderr


def test_missing_file_is_said(tmp_path: Path) -> None:
    result = start(tmp_path, minimal(), "nowhere.yaml")
    assert result.returncode == 1
    assert "nowhere.yaml" in result.stderr
    assert "no such file" in result.stderr


def test_missing_certificate_is_named(tmp_path: Path) -> None:
    files = {"certificates": [{"certificate": "missing.crt", "key": "missing.key"}]}
    result = start(tmp_path, minimal(listen=[{"address": "127.0.0.1:0", "tls": files}]))
    assert result.returncode == 1
    assert "listen[0].tls" in result.stderr
    assert "missing.crt" in result.stderr


def test_key_of_another_certificate_is_named(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, _ = authority.issue("shop.example")
    _, key = authority.issue("other.example")
    files = {"certificates": [{"certificate": str(certificate), "key": str(key)}]}
    result = start(tmp_path, minimal(listen=[{"address": "127.0.0.1:0", "tls": files}]))
    assert result.returncode == 1
    assert "listen[0].tls" in result.stderr


def test_control_api_without_tokens_is_not_opened_to_the_network(tmp_path: Path) -> None:
    result = start(tmp_path, minimal(control={"address": "0.0.0.0:0"}))
    assert result.returncode == 1
    assert "control.address" in result.stderr
    assert "it has no tokens" in result.stderr


def test_access_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    result = start(tmp_path, minimal(log={"access": "no/such/folder/access.log"}))
    assert result.returncode == 1
    assert "log.access" in result.stderr


def test_foreign_takeover_variable_is_refused(tmp_path: Path) -> None:
    result = start(tmp_path, minimal(), STRANGLER_TAKEOVER="[]")
    assert result.returncode == 1
    assert "STRANGLER_TAKEOVER" in result.stderr


def test_packages_of_another_distribution_are_refused(tmp_path: Path) -> None:
    record = tmp_path / "site" / "proxy.py-2.4.dist-info"
    record.mkdir(parents=True)
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: proxy.py\nVersion: 2.4\n")
    (record / "top_level.txt").write_text("proxy\n")
    result = start(tmp_path, minimal(), PYTHONPATH=str(tmp_path / "site"))
    assert result.returncode == 1
    assert "package 'proxy' is also in proxy.py" in result.stderr


@pytest.mark.parametrize("folder", ["proxy", "routes"])
def test_folder_of_the_same_name_in_the_working_directory_is_not_imported(
    tmp_path: Path, echo: EchoOrigin, folder: str
) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "__init__.py").write_text("raise SystemExit('the wrong package')")
    with ProcessTree(tmp_path, one_route(echo.url)) as tree:
        assert tree.status()["ready"]


def test_limit_of_open_files_is_raised_and_too_low_a_one_is_told(tmp_path: Path, echo: EchoOrigin) -> None:
    with ProcessTree(tmp_path, one_route(echo.url), descriptors_max=512) as tree:
        warning = tree.until_event("limits.open_files.low")
        assert warning["allowed"] == 512
        assert warning["needed"] > 10_000
        assert tree.worker().rlimit(7) == (512, 512)


def test_log_format_of_the_command_line_wins_and_survives_a_reload(tmp_path: Path, echo: EchoOrigin) -> None:
    tree = ProcessTree(tmp_path, one_route(echo.url, log={"access": "off", "format": "console"}))
    command = tree._command()
    tree._command = lambda: [*command, "--log-format", "json"]  # type: ignore[method-assign]
    with tree:
        tree.signal(signal.SIGHUP)
        tree.until_event("config.reload.applied")
        assert json.loads(tree.log.read_text().splitlines()[0])["event"]


def test_ipv6_is_served(tmp_path: Path, echo: EchoOrigin) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as free:
        port = free.getsockname()[1]
    config = one_route(echo.url, listen=[{"address": f"[::1]:{port}"}])
    with ProcessTree(tmp_path, config) as tree:
        connection = http.client.HTTPConnection("::1", port, timeout=10)
        connection.request("GET", "/echo")
        assert connection.getresponse().status == 200
        connection.close()
        assert tree.status()["listen"] == {f"[::1]:{port}": f"[::1]:{port}"}
