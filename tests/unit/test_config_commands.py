from __future__ import annotations

import json
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner

from proxy.cli import main
from proxy.configfile import read_config
from routes.errors import ConfigError

CORPUS = Path(__file__).parents[1] / "corpus" / "config"
SMALLEST = (CORPUS / "good" / "smallest.yaml").read_text("utf-8")


def run(*args: object):
    return CliRunner().invoke(main, [str(arg) for arg in args])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(SMALLEST, "utf-8")
    return path


def test_version_says_release_python_and_platform():
    assert run("version").output.startswith("strangler ")
    assert set(json.loads(run("version", "--json").output)) == {"version", "python", "platform"}


def test_schema_is_json():
    result = run("schema")
    assert result.exit_code == 0
    assert json.loads(result.output)["title"] == "strangler configuration"


def test_good_file_is_checked_with_exit_code_0(file):
    result = run("check", file)
    assert result.exit_code == 0
    assert f"{file} can be used" in result.output


def test_config_yaml_is_checked_where_no_file_is_named(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    assert "config.yaml can be used" in run("check").output


def test_wrong_file_is_checked_with_exit_code_1(file):
    file.write_text(SMALLEST.replace("legacy: legacy}", "legacy: lagacy}"), "utf-8")
    result = run("check", file)
    assert result.exit_code == 1
    assert f"{file}:3:30  routes[0].legacy" in result.stderr
    assert "did you mean legacy?" in result.stderr
    found = json.loads(run("check", file, "--json").stdout)
    assert not found["ok"]
    assert found["problems"][0]["path"] == "routes[0].legacy"
    assert found["problems"][0]["line"] == 3


@pytest.mark.parametrize("path", ["nowhere.yaml", "."])
def test_file_that_cannot_be_read_gives_exit_code_2(tmp_path, path):
    result = run("check", tmp_path / path)
    assert result.exit_code == 2
    assert "cannot be read" in result.stderr


def test_wrong_usage_gives_exit_code_2():
    assert run("check", "--fast").exit_code == 2


def test_missing_file_names_the_ones_that_are_there(file):
    assert str(file) in run("check", file.parent / "confg.yaml").stderr


def test_route_that_is_never_reached_is_a_warning_with_its_line(file):
    file.write_text(SMALLEST.replace("routes: [", "routes: [{name: first, legacy: legacy},\n  "), "utf-8")
    result = run("check", file)
    assert result.exit_code == 0
    assert f"{file}:4  routes[1]" in result.output
    assert run("check", file, "--strict").exit_code == 1


def test_certificate_that_is_missing_is_a_problem_with_its_line(file):
    tls = "listen:\n  - address: 127.0.0.1:8443\n    tls: {certificates: [{certificate: a.crt, key: a.key}]}\n"
    file.write_text(tls + SMALLEST.split("\n", 1)[1], "utf-8")
    result = run("check", file)
    assert result.exit_code == 1
    assert f"{file}:3:" in result.stderr
    assert "a.crt" in result.stderr


def test_certificate_with_the_key_of_another_is_a_problem(file):
    authority = trustme.CA()
    for name in ("a", "b"):
        issued = authority.issue_cert(f"{name}.example")
        issued.private_key_pem.write_to_path(file.parent / f"{name}.key")
        issued.cert_chain_pems[0].write_to_path(file.parent / f"{name}.crt")
    text = "listen: [{address: 127.0.0.1:0, tls: {certificates: [{certificate: a.crt, key: KEY}]}}]\n"
    file.write_text(text.replace("KEY", "b.key") + SMALLEST.split("\n", 1)[1], "utf-8")
    assert run("check", file).exit_code == 1
    file.write_text(text.replace("KEY", "a.key") + SMALLEST.split("\n", 1)[1], "utf-8")
    assert run("check", file).exit_code == 0


def test_access_log_in_a_folder_that_is_missing_is_a_problem(file):
    file.write_text(SMALLEST + "log: {access: nowhere/access.log}\n", "utf-8")
    result = run("check", file)
    assert result.exit_code == 1
    assert f"{file}:4:15  log.access" in result.stderr


def test_reading_takes_variables_from_the_environment(file, monkeypatch):
    file.write_text(SMALLEST + "workers: ${STRANGLER_TEST_WORKERS}\n", "utf-8")
    monkeypatch.setenv("STRANGLER_TEST_WORKERS", "3")
    assert read_config(file).workers == 3
    monkeypatch.delenv("STRANGLER_TEST_WORKERS")
    with pytest.raises(ConfigError, match="STRANGLER_TEST_WORKERS is not set"):
        read_config(file)
