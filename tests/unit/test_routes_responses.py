"""Response headers that name a service are mapped back, and nothing else is touched."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from routes.config import Config
from routes.head import Head
from routes.responses import MAPPED
from routes.table import compile_table

SERVICES = {
    "legacy": {"urls": ["http://127.0.0.1:9001", "http://legacy.internal"]},
    "orders": {"urls": ["http://10.0.0.7:8000/base", "https://orders.internal"]},
    "six": {"urls": ["http://[fd00::7]:8000"]},
    "same": {"urls": ["http://shop.example:8080"]},
    "apps": {"urls": ["http://10.0.0.9:8000"]},
    "literal": {"urls": ["http://127.0.0.1:9002"], "host_header": "shop.legacy:81"},
}
ROUTES = [
    {
        "name": "create",
        "match": {"path": "/api/orders", "methods": ["POST"]},
        "rewrite": {"new": {"path": "/v2/orders"}},
    },
    {"name": "one", "match": {"path": "/api/orders/{id}"}, "rewrite": {"new": {"path": "/v2/orders/{id}"}}},
    {"name": "all", "match": {"path": "/shop/**"}, "new": "apps", "rewrite": {"new": {"path": "/**"}}},
    {"name": "rest", "match": {}},
]
TABLE = compile_table(
    Config.model_validate(
        {
            "listen": [{"address": "127.0.0.1:8080"}],
            "services": SERVICES,
            "routes": [{"legacy": "legacy", "new": "orders", "mode": "new", **route} for route in ROUTES],
        }
    )
)
ROUTE = {route.name: route for route in TABLE.routes}
CLIENT = Head(b"GET", b"/", scheme=b"https", authority=b"shop.example:8443", host=b"shop.example")
BARE = Head(b"GET", b"/")


def mapped(value: bytes, name: bytes = b"location", route: str = "one", arm: str = "new", head: Head = CLIENT) -> bytes:
    return getattr(ROUTE[route], arm).map_response(name, value, head)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"http://10.0.0.7:8000/base/v2/orders/7?a=b#c", b"https://shop.example:8443/api/orders/7?a=b#c"),
        (b"http://10.0.0.7:8000/base", b"https://shop.example:8443/"),
        (b"http://10.0.0.7:8000", b"https://shop.example:8443"),
        (b"http://10.0.0.7:8000?x", b"https://shop.example:8443?x"),
        (b"http://10.0.0.7:8000/other", b"https://shop.example:8443/other"),
        (b"HTTP://Legacy.Internal/x", b"https://shop.example:8443/x"),
        (b"http://legacy.internal./x", b"https://shop.example:8443/x"),
        (b"http://legacy.internal:80/x", b"https://shop.example:8443/x"),
        (b"http://legacy.internal:/x", b"https://shop.example:8443/x"),
        (b"https://legacy.internal/x", b"https://shop.example:8443/x"),
        (b"//legacy.internal/x", b"//shop.example:8443/x"),
        (b"http://me:secret@legacy.internal/x", b"https://me:secret@shop.example:8443/x"),
        (b"http://[FD00:0::7]:8000/x", b"https://shop.example:8443/x"),
        (b"http://shop.example:8080/x", b"https://shop.example:8443/x"),
        (b"http://shop.legacy:81/x", b"https://shop.example:8443/x"),
        (b" http://legacy.internal/x", b" https://shop.example:8443/x"),
        (b"/base/v2/orders/7", b"/api/orders/7"),
        (b"/v2/orders/7?x", b"/api/orders/7?x"),
        (b"http://10.0.0.7:8000//evil.example/x", b"https://shop.example:8443//evil.example/x"),
    ],
)
def test_urls_of_services_become_the_clients(value, expected):
    assert mapped(value) == expected
    assert mapped(value, b"content-location") == expected


@pytest.mark.parametrize(
    "value",
    [b"", b"/", b"/x", b"x", b"../x", b"?a=b", b"#c", b"https://elsewhere.example/x", b"//elsewhere.example/x",
     b"http://legacy.internal:81/x", b"http://legacy.internal.evil.example/", b"http://elsewhere.example@evil/",
     b"http://elsewhere.example/?u=http://legacy.internal/", b"http://legacy.internal@elsewhere.example/",
     b"mailto:a@legacy.internal", b"ftp://legacy.internal/", b"http:/legacy.internal/", b"http://", b"http://[::1", b"http://[fd00:::7]:8000/",
     b"http://legacy.internal:99999999/", b"http://legacy.internal:x/", b"http://leg\x00acy/", b"/base/..\x01"],
)  # fmt: skip
@pytest.mark.parametrize("head", [CLIENT, BARE])
def test_values_that_name_no_service_are_the_same_object(value, head):
    assert mapped(value, head=head) is value


def test_location_of_a_created_resource_is_led_back_by_the_route_that_serves_it():
    assert mapped(b"http://10.0.0.7:8000/base/v2/orders/7", route="create") == b"https://shop.example:8443/api/orders/7"


def test_arm_without_rewrite_keeps_its_paths():
    value = b"/v2/orders/7"
    assert mapped(value, route="one", arm="legacy") is value
    assert mapped(b"http://legacy.internal/v2/orders/7", arm="legacy") == b"https://shop.example:8443/v2/orders/7"


def test_url_of_the_other_service_is_mapped_by_its_own_routes():
    assert mapped(b"http://10.0.0.7:8000/base/v2/orders/7", arm="legacy") == b"https://shop.example:8443/api/orders/7"


@pytest.mark.parametrize("value", [b"//evil.example/x", b"/base//evil.example/x", b"/base/\\evil.example"])
def test_no_path_becomes_a_reference_to_another_host(value):
    for route in ROUTE:
        result = mapped(value, route=route)
        assert result is value or result[:2] not in {b"//", b"/\\"}
    result = mapped(b"http://10.0.0.7:8000/base//evil.example/x", route="rest", head=BARE)
    assert result == b"/.//evil.example/x"


def test_service_that_is_reached_under_one_prefix_is_led_back_from_every_route():
    assert mapped(b"http://10.0.0.9:8000/login") == b"https://shop.example:8443/shop/login"
    assert mapped(b"/login", route="all") == b"/shop/login"


def test_client_without_host_gets_a_path():
    assert mapped(b"http://legacy.internal/x?y", head=BARE) == b"/x?y"
    assert mapped(b"http://legacy.internal", head=BARE) == b"/"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"0; url=http://legacy.internal/x", b"0; url=https://shop.example:8443/x"),
        (b"0;URL='http://legacy.internal/x'", b"0;URL='https://shop.example:8443/x'"),
        (b'5 ; Url = "/base/v2/orders/7" ', b'5 ; Url = "/api/orders/7" '),
        (b"5, http://legacy.internal/x", b"5, https://shop.example:8443/x"),
        (b"5 http://legacy.internal/x", b"5 https://shop.example:8443/x"),
        (b"5;url='http://legacy.internal/x", b"5;url='https://shop.example:8443/x"),
        (b"5;url=http://legacy.internal/it's", b"5;url=https://shop.example:8443/it's"),
        (b"5;url='http://legacy.internal/x' y", b"5;url='https://shop.example:8443/x' y"),
        (b"5;http://legacy.internal/x  ", b"5;https://shop.example:8443/x  "),
        (b"5", b"5"),
        (b"5; url=", b"5; url="),
        (b"5; url=x y", b"5; url=x y"),
        (b"url=http://legacy.internal/x", b"url=http://legacy.internal/x"),
    ],
)
def test_refresh_is_mapped_in_every_spelling(value, expected):
    assert mapped(value, b"refresh") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            b'<http://legacy.internal/a,b>; rel="next", </base/v2/orders/7>;rel=self, <x>',
            b'<https://shop.example:8443/a,b>; rel="next", </api/orders/7>;rel=self, <x>',
        ),
        (b'</x>; title="<http://legacy.internal/>, \\"<"', b'</x>; title="<http://legacy.internal/>, \\"<"'),
        (b"<http://legacy.internal/", b"<http://legacy.internal/"),
    ],
)
def test_every_link_is_mapped_and_quoted_text_is_not(value, expected):
    assert mapped(value, b"link") == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"a=b; Path=/base; HttpOnly", b"a=b; Path=/; HttpOnly"),
        (b"a=b; path = /base/v2/orders/7", b"a=b; path =/api/orders/7"),
        (b"a=b; Path=/v2/orders", b"a=b; Path=/api/orders"),
        (b"a=b; Path=/v2", b"a=b; Path=/api"),
        (b"a=b; Domain=legacy.internal; Secure", b"a=b; Secure"),
        (b"a=b;domain=.LEGACY.internal", b"a=b"),
        (b"a=b; Domain=internal", b"a=b"),
        (b"a=b; Domain=10.0.0.7", b"a=b"),
    ],
)
def test_cookie_domain_and_path_are_mapped(value, expected):
    assert mapped(value, b"set-cookie") == expected


@pytest.mark.parametrize(
    "value",
    [b"a=b", b"a=http://legacy.internal/; Path=/", b"a=b; Domain=shop.example", b"a=b; Domain=example", b"a=b; Domain",
     b"a=b; Domain=", b"Domain=legacy.internal", b"a=b; Path", b"a=b; Path=x", b"a=b; Domain=elsewhere.example", b"", b";;"],
)  # fmt: skip
def test_cookies_that_are_right_already_are_the_same_object(value):
    assert mapped(value, b"set-cookie") is value


def test_other_fields_are_not_mapped():
    value = b"http://legacy.internal/"
    assert mapped(value, b"x-next") is value


def test_cookie_path_of_a_route_that_takes_the_rest():
    assert mapped(b"a=b; Path=/account", b"set-cookie", route="all") == b"a=b; Path=/shop/account"
    assert mapped(b"a=b; Path=/", b"set-cookie", route="all") == b"a=b; Path=/shop/"


ANY = st.one_of(
    st.binary(max_size=60),
    st.lists(
        st.sampled_from([b"http", b"https", b":", b"//", b"/", b"legacy.internal", b"10.0.0.7", b":8000", b"/base", b"<", b">", b'"',
                         b"; url=", b"0", b"Domain=", b"Path=", b";", b"=", b"@", b"[", b"]", b"?", b"#", b"\\", b",", b" ", b"/v2/orders/7"]),
        max_size=12,
    ).map(b"".join),
)  # fmt: skip


@settings(max_examples=400)
@given(ANY, st.sampled_from(sorted(MAPPED)), st.sampled_from(sorted(ROUTE)), st.sampled_from([CLIENT, BARE]))
@example(b"http://" + b"a" * 20_000 + b"@", b"location", "one", CLIENT)
@example(b"<" * 20_000, b"link", "one", CLIENT)
@example(b'"' * 20_001, b"link", "one", CLIENT)
@example(b"0" * 20_000 + b"x", b"refresh", "one", CLIENT)
@example(b" " * 20_000 + b"x", b"refresh", "one", CLIENT)
@example(b"0" + b" " * 20_000 + b'"', b"refresh", "one", CLIENT)
@example(b"0;url" + b" " * 20_000 + b"'x", b"refresh", "one", CLIENT)
@example(b'"' + b'\\"' * 10_000 + b"\\", b"link", "one", CLIENT)
@example(b"/" * 20_000, b"location", "one", CLIENT)
@example(b"http://legacy.internal" + b"/" * 20_000, b"location", "one", CLIENT)
@example(b"a=b" + b";Domain=internal" * 1000, b"set-cookie", "one", CLIENT)
def test_no_value_raises_and_mapping_ends(value, name, route, head):
    assert isinstance(mapped(value, name, route, head=head), bytes)


@settings(max_examples=300)
@given(
    st.sampled_from([b"http://", b"https://", b"//", b"HTTP://"]),
    st.sampled_from([b"", b"u@", b"u:p@"]),
    st.sampled_from(
        [
            b"legacy.internal",
            b"10.0.0.7:8000",
            b"127.0.0.1:9001",
            b"orders.internal",
            b"ORDERS.internal:443",
            b"[fd00::7]:8000",
        ]
    ),
    st.lists(st.sampled_from([b"/", b"a", b"/base", b"/v2/orders", b"%2f", b"..", b"?q=1", b"#f"]), max_size=6),
    st.sampled_from([CLIENT, BARE]),
)
def test_authority_of_a_service_never_gets_through(scheme, user, authority, rest, head):
    tail = b"".join(rest)
    if tail[:1] not in {b"", b"/", b"?", b"#"}:
        tail = b"/" + tail
    for value, name in (
        (scheme + user + authority + tail, b"location"),
        (b"<" + scheme + user + authority + tail + b">", b"link"),
    ):
        assert authority.lower() not in mapped(value, name, head=head).lower()


@settings(max_examples=300)
@given(ANY, st.sampled_from(sorted(MAPPED - {b"set-cookie"})))
def test_values_without_a_service_and_without_a_mapped_path_are_identical(value, name):
    if not any(word in value.lower() for word in (b"legacy.internal", b"10.0.0.7", b"/base", b"/v2", b"127.0.0.1")):
        assert mapped(value, name) is value
