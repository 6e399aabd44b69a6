"""Who is served from new: stable, monotone, uniform, and indifferent to hostile input."""

from __future__ import annotations

import base64
import json
from collections import Counter
from hashlib import blake2b

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routes.canary import BUCKETS, CanaryModel, bucket_of, in_networks, parse_key, parse_list, read_claim
from routes.config import Config
from routes.errors import ConfigError
from routes.head import Head
from routes.table import compile_table


def canary_of(percent: float = 50, *, keys=("header:X-Tenant",), sticky=None, new=None, legacy=None, name="orders"):
    return CanaryModel(
        threshold=round(percent * 100),
        salt=name.encode(),
        keys=tuple(parse_key(key) for key in keys),
        sticky_cookie=sticky,
        always_legacy=tuple(parse_list(key, values) for key, values in (legacy or {}).items()),
        always_new=tuple(parse_list(key, values) for key, values in (new or {}).items()),
    )


def head_of(ip: str = "192.0.2.7", scheme: bytes = b"http", **headers: bytes) -> Head:
    fields = [(name.replace("_", "-").encode(), value, name.encode()) for name, value in headers.items()]
    return Head(b"GET", b"/", scheme=scheme, fields=fields, client_ip=ip)


def token(payload: object) -> bytes:
    text = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=")
    return b"Bearer e30." + text + b".c2ln"


def test_bucket_is_the_documented_hash():
    digest = blake2b(b"orders\0acme", digest_size=8).digest()
    assert bucket_of(b"orders", b"acme") == int.from_bytes(digest, "big") % 10000
    assert bucket_of(b"orders", b"acme") == 1290


@given(st.binary(max_size=40), st.floats(0, 100), st.floats(0, 100))
def test_raising_the_share_never_moves_a_client_back(value, one, two):
    low, high = sorted((one, two))
    head = head_of(x_tenant=value or b"-")
    if canary_of(low).choose(head)[0]:
        assert canary_of(high).choose(head)[0]


@given(st.binary(max_size=40))
def test_nobody_at_0_and_everybody_at_100(value):
    head = head_of(x_tenant=value)
    assert not canary_of(0).choose(head)[0]
    assert canary_of(100).choose(head)[0]


def test_buckets_are_uniform():
    count, cells = 20_000, 100
    found = Counter(bucket_of(b"orders", b"customer-%d" % at) * cells // BUCKETS for at in range(count))
    chi2 = sum((found[cell] - count / cells) ** 2 / (count / cells) for cell in range(cells))
    assert chi2 < 148.2  # the 99.9 % quantile at 99 degrees of freedom


def test_routes_draw_their_clients_independently():
    both = sum(bucket_of(b"a", b"%d" % at) < 1000 and bucket_of(b"b", b"%d" % at) < 1000 for at in range(20_000))
    assert 140 < both < 260


def test_first_key_that_is_present_decides():
    canary = canary_of(keys=("header:X-Tenant", "cookie:session", "client_ip"))
    assert canary.choose(head_of(x_tenant=b"a", cookie=b"session=b"))[1:4] == (
        "percent",
        bucket_of(b"orders", b"a"),
        "header:X-Tenant",
    )
    assert canary.choose(head_of(x_tenant=b"", cookie=b"session=b"))[2:4] == (
        bucket_of(b"orders", b"b"),
        "cookie:session",
    )
    assert canary.choose(head_of())[2:4] == (bucket_of(b"orders", b"192.0.2.7"), "client_ip")


def test_client_without_any_key_goes_by_its_address():
    assert canary_of().choose(head_of())[2:] == (bucket_of(b"orders", b"192.0.2.7"), "client_ip", None)


def test_always_legacy_wins_over_always_new_and_both_over_the_bucket():
    lists = {"header:X-Tenant": ["acme"]}
    assert canary_of(0, new=lists).choose(head_of(x_tenant=b"acme"))[:2] == (True, "always_new")
    assert canary_of(100, new=lists, legacy=lists).choose(head_of(x_tenant=b"acme"))[:2] == (False, "always_legacy")
    assert canary_of(0, new=lists).choose(head_of(x_tenant=b"Acme"))[:2] == (False, "percent")


@pytest.mark.parametrize(
    ("address", "listed"),
    [
        ("10.1.2.3", True),
        ("::ffff:10.1.2.3", True),
        ("192.0.2.9", True),
        ("192.0.2.8", False),
        ("fd00::1", True),
        ("", False),
        ("x", False),
    ],
)
def test_addresses_are_listed_as_blocks(address, listed):
    networks = parse_list("client_ip", ["10.0.0.0/8", "192.0.2.9", "fd00::/8"]).networks
    assert in_networks(address, networks) is listed


def test_sticky_cookie_is_given_once_and_keeps_its_bucket():
    canary = canary_of(30, sticky=b"arm")
    new, reason, bucket, key, cookie = canary.choose(head_of(user_agent=b"x"))
    assert (reason, key) == ("sticky", "cookie:arm")
    assert cookie == b"arm=v1.%d; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax" % bucket
    sent = head_of("198.51.100.1", cookie=b"arm=v1.%d" % bucket, user_agent=b"y")
    assert canary.choose(sent) == (new, "sticky", bucket, "cookie:arm", None)


def test_sticky_cookie_is_secure_on_https_only():
    cookie = canary_of(sticky=b"arm").choose(head_of(scheme=b"https"))[4]
    assert cookie is not None
    assert cookie.endswith(b"; Secure")


@given(st.integers(0, 9999), st.integers(0, 100), st.integers(0, 100))
def test_sticky_clients_are_monotone_too(bucket, one, two):
    low, high = sorted((one, two))
    head = head_of(cookie=b"arm=v1.%d" % bucket)
    assert canary_of(low, sticky=b"arm").choose(head)[0] <= canary_of(high, sticky=b"arm").choose(head)[0]


@pytest.mark.parametrize(
    "value", [b"", b"v1.", b"v1.10000", b"v1.007", b"v1.-1", b"v2.5", b"new", b"v1.5 ", b"v1.\xb2", b"v1.5\n"]
)
def test_sticky_cookie_that_is_not_valid_is_replaced(value):
    head = Head(b"GET", b"/", fields=[(b"cookie", b'arm="%b"' % value, b"Cookie")], client_ip="192.0.2.7")
    assert canary_of(sticky=b"arm").choose(head)[4] is not None


def test_parallel_first_requests_of_a_client_go_to_one_arm():
    canary = canary_of(sticky=b"arm")
    assert len({canary.choose(head_of(user_agent=b"x")) for _ in range(10)}) == 1


@pytest.mark.parametrize(
    ("claim", "value"),
    [("sub", b"ann"), ("n", b"7"), ("ok", b"true"), ("list", None), ("none", None), ("no", None), ("empty", None)],
)
def test_claims_are_read_from_a_bearer_token(claim, value):
    payload = {"sub": "ann", "n": 7, "ok": True, "list": [1], "none": None, "empty": ""}
    assert read_claim(token(payload), claim) == value
    assert read_claim(token(payload).replace(b"Bearer", b"bEARER"), claim) == value


@pytest.mark.parametrize(
    "header",
    [None, b"", b"Bearer", b"Bearer ", b"Basic a.b.c", b"Bearer a.b", b"Bearer a.b.c.d", b"Bearer ..", b"Bearer a.!!!.c",
     b"Bearer a.\xff\xfe.c", token([1]), token("x"), token({"sub": "x" * 9000}),
     b"Bearer a." + base64.b64encode(b"[" * 5000) + b".c", b"Bearer a." + base64.b64encode(b'{"sub":' + b"9" * 5000 + b"}") + b".c",
     b"Bearer a." + base64.b64encode(b'{"sub":"\\ud800"}') + b".c"],
)  # fmt: skip
def test_tokens_that_are_none_are_no_key(header):
    claim = read_claim(header, "sub")
    assert claim is None or isinstance(claim, bytes)


@given(st.binary(max_size=200))
def test_no_token_raises(data):
    read_claim(b"Bearer " + data, "sub")
    read_claim(b"Bearer a." + base64.b64encode(data) + b".c", "sub")


@pytest.mark.parametrize("text", ["", "client", "header:", "header", "query:x", ":x"])
def test_keys_that_are_none_are_refused(text):
    with pytest.raises(ValueError, match="is not a key"):
        parse_key(text)


def config_of(**canary):
    route = {"name": "orders", "match": {}, "legacy": "legacy", "new": "new", "mode": "canary", "canary": canary}
    services = {"legacy": {"urls": ["http://127.0.0.1:1"]}, "new": {"urls": ["http://127.0.0.1:2"]}}
    return Config.model_validate({"listen": [{"address": "127.0.0.1:8080"}], "services": services, "routes": [route]})


def test_route_in_mode_canary_says_why():
    table = compile_table(config_of(percent="10%", key=["header:X-Tenant"]))
    decision = table.decide(head_of(x_tenant=b"acme"))
    assert decision is not None
    assert (decision.arm.name, decision.reason, decision.bucket, decision.key) == (
        "legacy",
        "percent",
        1290,
        "header:X-Tenant",
    )


def test_sticky_cookie_without_keys_is_not_overruled_by_the_default_key():
    decision = compile_table(config_of(percent="10%", sticky_cookie="arm")).decide(head_of())
    assert decision is not None
    assert decision.reason == "sticky"


def test_list_of_addresses_that_are_none_is_refused():
    with pytest.raises(ConfigError, match="not-an-address"):
        compile_table(config_of(percent="10%", always_new={"client_ip": ["not-an-address"]}))


@settings(max_examples=50)
@given(
    st.dictionaries(st.sampled_from(["x_tenant", "cookie", "authorization", "user_agent"]), st.binary(max_size=60)),
    st.text(max_size=20),
)
def test_no_request_raises(headers, address):
    canary = canary_of(
        keys=("jwt:sub", "header:X-Tenant", "cookie:s"),
        sticky=b"arm",
        new={"client_ip": ["10.0.0.0/8"]},
        legacy={"jwt:sub": ["x"]},
    )
    fields = [(name.replace("_", "-").encode(), value, name.encode()) for name, value in headers.items()]
    canary.choose(Head(b"GET", b"/", fields=fields, client_ip=address.encode("utf-8", "replace").decode()))
