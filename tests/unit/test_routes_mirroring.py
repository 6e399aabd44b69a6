"""Which requests are mirrored, and what the configuration of shadow mode becomes."""

from __future__ import annotations

import random
from typing import Any

import pytest

from routes.analysis import analyse
from routes.config import Config
from routes.explain import explain
from routes.head import Head
from routes.mirroring import plan_mirror
from routes.shadowing import RuleModel, ShadowModel, spread
from routes.table import compile_table

SERVICES = {name: {"urls": [f"http://127.0.0.1:{port}"]} for name, port in (("old", 1), ("fresh", 2), ("sand", 3))}


def config_of(**route: Any) -> Config:
    given = {"name": "r", "legacy": "old", "new": "fresh", **route}
    return Config.model_validate({"listen": [{"address": "127.0.0.1:8080"}], "services": SERVICES, "routes": [given]})


def model_of(**route: Any):
    return compile_table(config_of(**route)).routes[0]


def services(route, served: str) -> tuple[str | None, str | None]:
    plan = plan_mirror(route, served)
    return tuple(None if arm is None else arm.service for arm in (plan.arm, plan.writes))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("route", "served", "expected"),
    [
        ({"mode": "shadow"}, "legacy", ("fresh", None)),
        ({"mode": "shadow", "shadow": {"unsafe_methods": "allow"}}, "legacy", ("fresh", "fresh")),
        (
            {"mode": "shadow", "shadow": {"unsafe_methods": "sandbox", "sandbox_service": "sand"}},
            "legacy",
            ("fresh", "sand"),
        ),
        ({"mode": "shadow", "shadow": {"serve": "new", "unsafe_methods": "allow"}}, "new", ("old", None)),
        ({"mode": "new", "shadow": {"unsafe_methods": "allow"}}, "new", ("old", None)),
        ({"mode": "canary", "canary": {"percent": "5%"}, "shadow": {}}, "new", ("old", None)),
        ({"mode": "canary", "canary": {"percent": "5%"}, "shadow": {}}, "legacy", (None, None)),
        ({"mode": "canary", "canary": {"percent": "5%"}}, "new", (None, None)),
        ({"mode": "new"}, "new", (None, None)),
        ({"mode": "legacy", "shadow": {}}, "legacy", (None, None)),
        ({"mode": "shadow", "shadow": {"sample": "0%"}}, "legacy", (None, None)),
    ],
)
def test_mode_decides_who_gets_copies(route, served, expected):
    assert services(model_of(**route), served) == expected


@pytest.mark.parametrize(("serve", "service"), [("legacy", "old"), ("new", "fresh")])
def test_client_gets_the_answer_of_the_arm_that_serve_names(serve, service):
    table = compile_table(config_of(mode="shadow", shadow={"serve": serve}))
    decision = table.decide(Head(b"GET", b"/", None))
    assert decision is not None
    assert decision.arm.service == service


def test_mode_shadow_alone_mirrors_with_the_defaults():
    assert model_of(mode="shadow").shadow == ShadowModel()
    assert model_of(mode="shadow", shadow={}).shadow == ShadowModel()


def test_rules_are_compiled_with_their_argument_and_the_end_of_their_last_day():
    rules = [
        {"path": "/a", "tolerance": {"absolute": 0.01}, "reason": "rounds", "owner": "shop", "expires": "1970-01-02"},
        {"path": "/b", "ignore": True},
        {"path": "/c", "time_tolerance": "5s"},
        {"path": "/d", "map": {"open": "OPEN"}},
    ]
    shadow = model_of(mode="shadow", shadow={"compare": {"rules": rules, "headers": ["X-Total"]}}).shadow
    assert shadow is not None
    assert shadow.compare.headers == ("x-total",)
    assert shadow.compare.rules == (
        RuleModel("file:0", "/a", "tolerance", {"absolute": 0.01}, "rounds", "shop", 2 * 86400.0),
        RuleModel("file:1", "/b", "ignore"),
        RuleModel("file:2", "/c", "time_tolerance", 5.0),
        RuleModel("file:3", "/d", "map", {"open": "OPEN"}),
    )


@pytest.mark.parametrize("rate", ["50/s", "50/m", "7/m", "1/h", "0.001/s", "1.5/h", "123456.789/s"])
def test_worker_is_given_the_configuration_as_it_was_read(rate):
    rules = [{"path": "/a", "ignore": True, "expires": "2027-01-31"}]
    config = config_of(mode="shadow", shadow={"rate_max": rate, "sample": "12.5%", "compare": {"rules": rules}})
    assert Config.model_validate(config.model_dump(mode="json", by_alias=True)) == config


@pytest.mark.parametrize("ids", ["random", "counted"])
def test_sampling_takes_its_share_and_the_noise_sample_does_not_depend_on_it(ids):
    draw = random.Random(1)
    names = [b"%032x" % draw.getrandbits(128) if ids == "random" else b"req-%06d" % n for n in range(20_000)]
    shadow = ShadowModel(sample=0.25, noise_sample=0.2)
    spreads = [spread(name) for name in names]
    sampled = [one for one in spreads if shadow.samples(one)]
    assert 0.23 < len(sampled) / len(names) < 0.27
    assert 0.18 < sum(map(shadow.samples_noise, sampled)) / len(sampled) < 0.22
    assert [spread(name) for name in names] == spreads


@pytest.mark.parametrize(
    ("route", "kinds"),
    [
        ({"mode": "shadow"}, []),
        ({"mode": "legacy", "shadow": {}}, ["shadow_unused"]),
        ({"mode": "new", "legacy": None, "shadow": {}}, ["shadow_one_arm"]),
        ({"mode": "shadow", "shadow": {"sample": "0%"}}, ["shadow_nothing"]),
        ({"mode": "shadow", "new": "old"}, []),
        ({"mode": "shadow", "new": "old", "shadow": {}}, ["shadow_of_itself"]),
        ({"mode": "new", "shadow": {"serve": "new"}}, ["serve_unused"]),
        ({"mode": "new", "shadow": {"unsafe_methods": "allow"}}, ["writes_unmirrored"]),
        ({"mode": "shadow", "shadow": {"sandbox_service": "sand"}}, ["sandbox_unused"]),
        ({"mode": "shadow", "shadow": {"unsafe_methods": "sandbox", "sandbox_service": "fresh"}}, ["sandbox_is_real"]),
        (
            {"mode": "shadow", "shadow": {"compare": {"rules": [{"path": "/a", "ignore": True}] * 2}}},
            ["rule_unused"],
        ),
    ],
)
def test_check_says_what_is_set_and_has_no_effect(route, kinds):
    found = [finding.kind for finding in analyse(config_of(**route)) if finding.route is not None]
    assert found == kinds


def test_sandbox_is_a_service_that_is_used():
    shadow = {"unsafe_methods": "sandbox", "sandbox_service": "sand"}
    assert [finding.kind for finding in analyse(config_of(mode="shadow", shadow=shadow))] == []


@pytest.mark.parametrize(
    ("route", "method", "fields", "mirrored", "words"),
    [
        ({"mode": "shadow"}, b"GET", [], True, "every request is"),
        ({"mode": "shadow", "shadow": {"sample": "5%"}}, b"GET", [], True, "a share of the requests"),
        ({"mode": "shadow"}, b"POST", [], False, "unsafe_methods is never"),
        ({"mode": "shadow", "shadow": {"unsafe_methods": "allow"}}, b"POST", [], True, "every request is"),
        ({"mode": "new", "shadow": {"unsafe_methods": "allow"}}, b"POST", [], False, "legacy never gets a copy"),
        ({"mode": "canary", "canary": {"percent": "0%"}, "shadow": {}}, b"GET", [], False, "legacy serves this"),
        ({"mode": "legacy"}, b"GET", [], False, "mirrors nothing"),
        ({"mode": "shadow"}, b"GET", [(b"x-strangler-mirror", b"1", b"X-Strangler-Mirror")], False, "a copy itself"),
    ],
)
def test_explain_says_whether_a_request_is_mirrored_and_why(route, method, fields, mirrored, words):
    found = explain(compile_table(config_of(**route)), Head(method, b"/", None, fields=fields)).mirroring
    assert found is not None
    assert found.mirrored is mirrored
    assert words in found.why
