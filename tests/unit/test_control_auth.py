"""Who may ask the control API."""

from __future__ import annotations

from pathlib import Path

import pytest

from proxy.control.auth import Keyring, find_exposure, is_local_authority, is_loopback
from routes.config import Config, Token
from routes.loading import load_config


def config(control: str) -> Config:
    text = (
        "listen: [{address: '127.0.0.1:0'}]\nservices: {old: {urls: ['http://127.0.0.1:9']}}\n"
        f"routes: [{{name: all, legacy: old}}]\ncontrol: {control}"
    )
    return load_config(text, name="test", folder=Path("/"), env={})


KEYRING = Keyring([Token(name="ci", role="viewer", token="one"), Token(name="ops", role="operator", token="two")])


@pytest.mark.parametrize(
    ("authorization", "name"),
    [
        ("Bearer one", "ci"), ("bearer two", "ops"), ("Bearer  two ", "ops"),
        ("Bearer three", None), ("Bearer", None), ("Basic one", None), ("one", None), ("", None), (None, None),
    ],
)  # fmt: skip
def test_token_tells_who_asks(authorization: str | None, name: str | None) -> None:
    caller = KEYRING.identify(authorization)
    assert (caller and caller.name) == name


def test_roles_include_those_below() -> None:
    operator = KEYRING.identify("Bearer two")
    assert operator is not None
    assert [operator.may(role) for role in ("viewer", "operator", "admin")] == [True, True, False]


def test_without_tokens_everybody_on_this_machine_is_trusted() -> None:
    caller = Keyring([]).identify(None)
    assert caller is not None
    assert caller.may("admin")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "shop.example", "localhost.example", ""])
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize("authority", ["localhost", "LocalHost:9090", "127.0.0.1:9090", "[::1]", "[::1]:9090"])
def test_local_authority(authority: str) -> None:
    assert is_local_authority(authority)


@pytest.mark.parametrize(
    "authority", ["", "evil.example", "localhost.evil.example:9090", "127.0.0.1.evil.example", "[::2]", "[", "::1"]
)
def test_authority_of_somebody_else(authority: str) -> None:
    assert not is_local_authority(authority)


@pytest.mark.parametrize("address", ["127.0.0.1:9090", "'[::1]:9090'", "localhost:9090"])
def test_loopback_needs_no_tokens(address: str) -> None:
    assert find_exposure(config(f"{{address: {address}}}")) is None


@pytest.mark.parametrize("address", ["0.0.0.0:9090", "'[::]:9090'", "10.0.0.1:9090", "control.example:9090"])
def test_other_addresses_need_tokens(address: str) -> None:
    problem = find_exposure(config(f"{{address: {address}}}"))
    assert problem is not None
    assert problem.path == ("control", "address")
    tokens = "[{name: ops, role: admin, token: secret}]"
    assert find_exposure(config(f"{{address: {address}, tokens: {tokens}}}")) is None
