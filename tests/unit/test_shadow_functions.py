"""Rules that are made while running choose no code: neither by the API nor by what stands in the state database."""

from __future__ import annotations

import sys

import pytest

from proxy.control.findings import compare_model, configured_functions
from routes.config import Config
from routes.shadowing import CompareModel, RuleModel
from shadow.clusters import transforms
from shadow.comparing.functions import OWN, check_function, functions_of
from shadow.engine import Engine
from shadow.errors import RuleError
from support.exchanges import AT, exchange

FOREIGN = ["os:system", "antigravity:geohash", "shadow.clusters.transforms:html", "shadow.clusters.transforms:_scaled", "builtins:eval", "shadow.clusters.transforms:unquote"]  # fmt: skip


def live(kind: str, name: str) -> RuleModel:
    return RuleModel("live:1", "/a", kind, name)


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("kind", ["call", "map"])
def test_a_live_rule_that_names_foreign_code_is_refused(kind, name):
    with pytest.raises(RuleError, match="configuration"):
        check_function(live(kind, name), frozenset())


def test_what_the_configuration_names_and_our_own_transformations_may_be_named():
    check_function(live("map", "shadow.clusters.transforms:times_100"), frozenset())
    check_function(live("map", {"a": "b"}), frozenset())
    check_function(live("pattern", "os:system"), frozenset())
    configured = functions_of(
        (RuleModel("file:0", "/b", "call", "shop.rules:alike"), RuleModel("file:1", "/c", "ignore"))
    )
    check_function(live("call", "shop.rules:alike"), configured)
    assert {f"{one.__module__}:{one.__name__}" for one in transforms.BY_RELATION.values()} <= OWN


def test_the_comparer_leaves_out_a_live_rule_that_names_foreign_code_and_does_not_even_import_it():
    engine = Engine(b"a key of the tests", now=lambda: AT)
    sys.modules.pop("antigravity", None)
    rules = [live("map", "antigravity:geohash"), RuleModel("live:2", "/b", "ignore")]
    engine.install({"orders": CompareModel()}, {"orders": rules})
    assert "antigravity" not in sys.modules
    assert engine.take(exchange({"b": 1}, {"b": 2})).tally.verdict == "explained"
    assert engine.take(exchange({"a": 1}, {"a": 2})).tally.verdict == "mismatch"


def test_control_compares_by_the_rules_that_the_comparer_applies():
    rule = {"path": "/x", "call": "shadow.comparing.rules:same"}
    shadow = {"compare": {"rules": [rule]}}
    route = {"name": "orders", "legacy": "old", "new": "new", "mode": "shadow", "shadow": shadow}
    services = {name: {"urls": ["http://127.0.0.1:1"]} for name in ("old", "new")}
    config = Config.model_validate({"listen": [{"address": "127.0.0.1:0"}], "services": services, "routes": [route]})
    assert configured_functions(config) == {"shadow.comparing.rules:same"}
    rules = [live("map", "os:system"), live("call", "shadow.comparing.rules:same"), live("ignore", "")]
    model = compare_model(config, "orders", {"orders": rules})
    assert model is not None
    assert [rule.argument for rule in model.rules[1:]] == ["shadow.comparing.rules:same", ""]
