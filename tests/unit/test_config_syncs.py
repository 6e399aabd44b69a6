"""Syncs in the configuration: what the spellings stand for, and that passwords stay inside."""

from __future__ import annotations

from pathlib import Path

import pytest

from routes.config import Sync
from routes.errors import ConfigError
from routes.loading import load_config

BASE = """
listen: [{address: 127.0.0.1:8080}]
services: {legacy: {urls: [http://127.0.0.1:9001]}}
routes: [{name: all, legacy: legacy}]
"""
SYNC = """
syncs:
  - name: customers
    legacy: {url: "%s", table: CUST, key: [NO]}
    new: {url: "sqlite:///var/shop.db", table: customers, key: [id]}
    fields:
      - {legacy: NO, new: id}
%s
"""


def sync(fields: str = "", url: str = "mysql://erp:hunter2@db/erp") -> Sync:
    config = load_config(BASE + SYNC % (url, fields), name="config.yaml", folder=Path("/etc/strangler"), env={})
    return config.syncs[0]


def transforms(written: str) -> list[tuple[str, dict]]:
    [_, field] = sync(f"      - {{legacy: A, new: a, to_new: {written}}}").fields
    return [(one.name, one.arguments.model_dump(by_alias=True)) for one in field.to_new or []]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("upper", [("upper", {})]),
        ("[trim, upper]", [("trim", {"side": "both"}), ("upper", {})]),
        ("{trim: }", [("trim", {"side": "both"})]),
        ("{trim: {side: left}}", [("trim", {"side": "left"})]),
        ("[{country: {from: name}}]", [("country", {"from": "name", "to": "alpha_2"})]),
        ('"mapping:join"', [("python", {"call": "mapping:join"})]),
        ("[json]", [("json", {})]),
        ("[]", []),
    ],
)
def test_transforms_are_written_as_name_mapping_or_function_and_as_one_or_a_list(written, expected):
    assert transforms(written) == expected


def test_sync_goes_to_new_and_is_captured_by_outbox_unless_said_otherwise():
    plain = sync()
    assert (plain.direction, plain.capture.legacy, plain.capture.new) == ("to_new", "outbox", "outbox")
    assert plain.authority.default == "legacy"


def test_relative_sqlite_file_starts_at_the_folder_of_the_configuration():
    assert sync().new.url == "sqlite:////etc/strangler/var/shop.db"
    assert sync(url="sqlite:////srv/erp.db").legacy.url == "sqlite:////srv/erp.db"
    assert sync(url="sqlite+aiosqlite:///erp.db").legacy.url == "sqlite+aiosqlite:////etc/strangler/erp.db"


def test_postgres_is_another_name_of_postgresql():
    assert sync(url="postgres://db/erp").legacy.url == "postgresql://db/erp"


def test_password_of_a_store_shows_neither_in_repr_nor_in_str():
    assert "hunter2" not in repr(sync())
    assert "hunter2" not in str(sync().legacy)


@pytest.mark.parametrize(
    "url",
    [
        "ftp//erp:hunter2@db/erp",
        "erp:hunter2@db/erp",
        "http://erp:hunter2@db/erp",
        "http://erp:h@unter2/hunter2@db/erp",
        "mysql:///erp?password=hunter2",
        "mysql://erp:hunter2@db:port/erp",
        "mysql://erp:hunter2@[::1]:/erp",
    ],
)
def test_password_of_a_wrong_url_does_not_show_in_its_error(url):
    with pytest.raises(ConfigError) as caught:
        sync(url=url)
    assert "unter2" not in str(caught.value)
    assert "unter2" not in str(caught.value.to_json())


@pytest.mark.parametrize("host", ["db", "db:3306", "[::1]", "[::1]:3306", "u:a:b@db", "u:p/w?d@db:1", "u@db:1"])
def test_hosts_with_and_without_a_port_are_taken(host):
    assert sync(url=f"mysql://{host}/erp?x=a:b@c").legacy.url == f"mysql://{host}/erp?x=a:b@c"


def test_constant_null_is_a_constant_and_a_left_out_one_is_not():
    constant, plain = sync("      - {new: a, constant: null}\n      - {legacy: B, new: b}").fields[1:]
    assert constant.is_constant
    assert not plain.is_constant
