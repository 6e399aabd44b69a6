from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from routes.config import Config, PresentMatch, RegexMatch
from routes.errors import ConfigError
from routes.loading import load_config, load_config_bytes
from routes.masking import hide

FOLDER = Path("/etc/strangler")
CORPUS = Path(__file__).parents[1] / "corpus" / "config"
SMALLEST = (CORPUS / "good" / "smallest.yaml").read_text("utf-8")
EVERYTHING = (CORPUS / "good" / "everything.yaml").read_text("utf-8")


def load(text: str, **env: str) -> Config:
    return load_config(text, name="config.yaml", folder=FOLDER, env=env)


def problems(text: str, **env: str):
    with pytest.raises(ConfigError) as caught:
        load(text, **env)
    return caught.value.problems


def test_smallest_file_has_the_documented_defaults():
    config = load(SMALLEST)
    assert config.workers == "auto"
    assert config.limits.header_bytes_max == 32 * 1024
    assert config.limits.body_bytes_max is None
    assert config.services["legacy"].retry_budget.share == 0.2
    assert config.services["legacy"].health is None
    assert config.routes[0].mode == "legacy"
    assert config.routes[0].paths == "strict"
    assert config.shutdown.drain_timeout == 30.0


def test_relative_paths_start_at_the_folder_of_the_file():
    config = load(EVERYTHING, STRANGLER_CI_TOKEN="abc")
    assert config.listen[1].tls.certificates[0].key == FOLDER / "tls/shop.key"
    assert config.log.access == FOLDER / "var/access.log"
    assert config.state.url == "sqlite:////etc/strangler/var/strangler.db"
    assert load(SMALLEST).state.url == "sqlite:////etc/strangler/var/strangler.db"


def test_address_is_split_into_host_and_port():
    listen = load(EVERYTHING, STRANGLER_CI_TOKEN="abc").listen[1]
    assert (listen.host, listen.port) == ("::", 8443)


def test_conditions_are_told_apart_by_their_form():
    match = load(EVERYTHING, STRANGLER_CI_TOKEN="abc").routes[0].match
    assert match.host == "*.shop.example"
    assert match.headers["X-Tenant"] == "acme"
    assert match.headers["X-Beta"] == PresentMatch(present=True)
    assert match.headers["User-Agent"] == RegexMatch(regex="^curl/")


def test_on_and_no_are_words_and_not_booleans():
    config = load(SMALLEST.replace("legacy: legacy}", "legacy: legacy, new: legacy, fallback: {on: [connect, 502]}}"))
    assert config.routes[0].fallback.on == ["connect", "502"]
    config = load(SMALLEST.replace("name: all", "name: no"))
    assert config.routes[0].name == "no"


def test_merge_keys_fill_in_what_is_not_set():
    config = load((CORPUS / "good" / "anchors.yaml").read_text("utf-8"))
    assert config.services["orders"].queue_max == 5
    assert config.services["orders"].urls == ["http://127.0.0.1:9002"]


@pytest.mark.parametrize(
    ("written", "env", "workers"),
    [
        ("${WORKERS}", {"WORKERS": "3"}, 3),
        ('"${WORKERS}"', {"WORKERS": "3"}, 3),
        ("${WORKERS:-4}", {}, 4),
        ("${WORKERS:-4}", {"WORKERS": ""}, 4),
        ("${A}${B:-to}", {"A": "au"}, "auto"),
        ("1${DIGIT}", {"DIGIT": "0"}, 10),
    ],
)
def test_variables_are_filled_in(written, env, workers):
    assert load(f"workers: {written}\n{SMALLEST}", **env).workers == workers


def test_a_token_of_digits_from_the_environment_stays_text():
    tokens = 'control: {tokens: [{name: ci, role: viewer, token: "${T}"}, {name: b, role: admin, token: "$${T}"}]}\n'
    config = load(tokens + SMALLEST, T="12345")
    assert [token.token for token in config.control.tokens] == ["12345", "${T}"]


def test_null_from_the_environment_turns_a_limit_off():
    assert load("limits: {body_rate_min: \"240B\", body_bytes_max: '${MAX}'}\n" + SMALLEST, MAX="1MiB")
    assert load("limits:\n  body_rate_min: ${RATE:-null}\n" + SMALLEST).limits.body_rate_min is None


def test_what_a_variable_holds_is_never_structure():
    [problem] = problems(SMALLEST.replace("name: all", 'name: "${NAME}"'), NAME="all, mode: new")
    assert problem.message == "is not a name"
    assert (problem.line, problem.column) == (3, 17)


def test_what_a_variable_holds_is_not_expanded_again():
    [problem] = problems(SMALLEST.replace("name: all", 'name: "${NAME}"'), NAME="${OTHER}", OTHER="x")
    assert problem.given.startswith("${OTHER}")


def test_a_variable_that_is_missing_says_nothing_about_what_depends_on_it():
    [problem] = problems(SMALLEST.replace("legacy: legacy", 'legacy: "${SERVICE}"'))
    assert problem.message == "the environment variable SERVICE is not set"


def test_models_built_by_hand_are_checked_too():
    with pytest.raises(ValidationError, match="there is no service nobody"):
        Config.model_validate(
            {
                "listen": [{"address": "127.0.0.1:0"}],
                "services": {"legacy": {"urls": ["http://127.0.0.1:1"]}},
                "routes": [{"name": "all", "legacy": "nobody"}],
            }
        )


def test_config_is_frozen():
    config = load(SMALLEST)
    with pytest.raises(ValidationError):
        config.workers = 2


def test_tokens_do_not_show_when_printed():
    config = load('control: {tokens: [{name: ci, role: viewer, token: "hush-hush"}]}\n' + SMALLEST)
    assert "hush-hush" not in repr(config)


def test_json_is_read_as_yaml():
    assert load((CORPUS / "good" / "json.yaml").read_text("utf-8")).listen[0].host == "::1"


def test_duplicate_keys_are_found_inside_of_lists_too():
    [problem] = problems(SMALLEST.replace("name: all", "name: all, name: other"))
    assert (problem.line, problem.column) == (3, 22)


def test_explicit_text_tag_keeps_digits_as_text():
    assert load(SMALLEST.replace("name: all", "name: !!str 42")).routes[0].name == "42"


_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["legacy", "new", "canary", "30s", "1MiB", "5%", "${A}", "${A:-x}", "$${", "/x/{id}", "client_ip"]),
)
_KEYS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            "listen",
            "address",
            "tls",
            "certificates",
            "workers",
            "trusted_proxies",
            "limits",
            "log",
            "access",
            "control",
            "tokens",
            "services",
            "urls",
            "health",
            "breaker",
            "routes",
            "name",
            "match",
            "path",
            "regex",
            "present",
            "headers",
            "legacy",
            "new",
            "mode",
            "canary",
            "percent",
            "key",
            "always_new",
            "rewrite",
            "query",
            "set",
            "remove",
            "fallback",
            "to",
            "on",
            "methods",
            "retry",
            "hold",
            "state",
            "url",
            "shadow",
        ]
    ),
)
_TREES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_KEYS, inner, max_size=6)),
    max_leaves=25,
)


def config_or_error(text: str) -> None:
    try:
        config = load(text, A="b")
    except ConfigError as error:
        refused = error
    else:
        assert isinstance(config, Config)
        return
    assert refused.to_json()["problems"]
    assert str(refused)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=300))
@example("a: *a")
@example("? ")
@example("- - - -")
@example("\ud800")
@example("a: " + "9" * 5000)
@example("[" * 5000)
@example("<<: {<<: {a: 1}}")
def test_any_text_gives_a_config_or_a_config_error(text):
    config_or_error(text)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_TREES)
def test_any_tree_gives_a_config_or_a_config_error(tree):
    config_or_error(yaml.safe_dump(tree))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_change_to_a_good_file_gives_a_config_or_a_config_error(data):
    tree = yaml.safe_load(EVERYTHING)
    node = tree
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        step = data.draw(st.sampled_from(keys))
        inner = node[step]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            break
        node = inner
    node[step] = data.draw(_TREES)
    config_or_error(yaml.safe_dump(tree))


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_config_or_a_config_error(content):
    with pytest.raises(ConfigError):  # none of so few bytes is a whole configuration
        load_config_bytes(content, name="config.yaml", folder=FOLDER, env={})


def test_merges_reach_through_merged_mappings():
    text = """
listen: [{address: 127.0.0.1:8080}]
services:
  a: &a {urls: [http://127.0.0.1:1], queue_max: 7}
  b: &b {<<: *a, connect_timeout: 9s}
  c: {<<: [*b], urls: [http://127.0.0.1:3]}
routes: [{name: all, legacy: c}, {name: more, legacy: b}]
"""
    service = load(text).services["c"]
    assert (service.queue_max, service.connect_timeout, service.urls) == (7, 9.0, ["http://127.0.0.1:3"])


def test_a_thousand_routes_with_comments_are_read_with_the_line_of_the_last_one():
    routes = "".join(
        f"  # comment\n  - {{name: r{n}, legacy: legacy, match: {{path: /r{n}/**}}}}\n" for n in range(1000)
    )
    head = SMALLEST.rsplit("routes:", 1)[0]
    assert len(load(f"{head}routes:\n{routes}").routes) == 1000
    [problem] = problems(f"{head}routes:\n{routes}  - {{name: last, legacy: lgacy}}\n")
    assert problem.line == 2004


@pytest.mark.parametrize(
    "line",
    [
        "token: hush",
        'token: "hush"',
        "{Authorization: Bearer hush, X: y}",
        "http://me:hush@shop.example",
        "postgresql://db/x?password=hush&a=b",
        '{"token": "hush"}',
    ],
)
def test_secrets_are_hidden_behind_as_many_dots(line):
    hidden = hide(line)
    assert "hush" not in hidden
    assert len(hidden) == len(line)


@pytest.mark.parametrize(
    "line", ["headers: {Authorization: {present: true}}", 'token: "${T}"', "key: [header:X-Token]"]
)
def test_what_is_no_secret_stays(line):
    assert hide(line) == line
