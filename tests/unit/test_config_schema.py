"""The JSON Schema and the reference page say the same as the models.

`STRANGLER_UPDATE_GOLDEN=1 pytest tests/unit/test_config_schema.py` writes the tables of the page anew.
"""

from __future__ import annotations

import os
import re
import typing
from pathlib import Path

import pytest
from pydantic import BaseModel

from routes.config import Config
from routes.config.part import settings_of
from routes.config.schema import defaults, json_schema, models
from routes.config.sync_transform import Transform
from routes.explaining import NOT_YET
from routes.loading import load_config_bytes

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "configuration.md"
BEGIN, END = "<!-- settings: written by tests/unit/test_config_schema.py -->", "<!-- end of settings -->"
MODELS = models()


def settings(kind: type[BaseModel], path: str = "") -> list[tuple[str, type[BaseModel], str]]:
    """(path, model, field) of every setting, lists as `listen[]`, mappings as `services.NAME`."""
    found = []
    if kind is Transform:
        return []  # on a page of its own, mapping.md
    for name, field in settings_of(kind).items():
        here = f"{path}.{name}" if path else name
        found.append((here, kind, name))
        for suffix, inner in parts(field.annotation):
            found += settings(inner, here + suffix)
    return found


def parts(kind, suffix: str = "") -> list[tuple[str, type[BaseModel]]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [(suffix, kind)]
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is list:
        return parts(inner[0], suffix + "[]")
    if origin is dict:
        return parts(inner[1], suffix + ".NAME")
    if origin is typing.Annotated:
        return parts(inner[0], suffix)
    return [part for one in inner for part in parts(one, suffix)]


def written(value) -> str:
    if value is None:
        return "`null`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`[{', '.join(map(str, value))}]`" if isinstance(value, list) else f"`{value}`"


def table() -> str:
    lines: list[str] = []
    section = ""
    for path, model, name in settings(Config):
        top = re.split(r"[.\[]", path)[0]
        if top != section:
            section = top
            lines += ["", f"### {top}", "", "| setting | default | what it does |", "| --- | --- | --- |"]
        field = settings_of(model)[name]
        default = defaults(model).get(name, "")
        shown = "required" if field.is_required() else "" if default == "" else written(default)
        about = " ".join(field.description.split()).replace("|", "\\|")
        lines.append(f"| `{path}` | {shown} | {about} |")
    return "\n".join(lines) + "\n"


def test_every_setting_says_what_it_does():
    silent = [
        f"{model.__name__}.{name}" for model in MODELS for name, f in model.model_fields.items() if not f.description
    ]
    assert silent == []


def test_every_setting_is_on_the_reference_page():
    page = PAGE.read_text("utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    if "STRANGLER_UPDATE_GOLDEN" in os.environ:
        PAGE.write_text(f"{before}{BEGIN}\n{table()}\n{END}{after}", "utf-8")
        page = PAGE.read_text("utf-8")
    assert f"{BEGIN}\n{table()}\n{END}" in page


def test_settings_that_are_not_there_yet_are_on_the_reference_page():
    page = PAGE.read_text("utf-8")
    assert all(f"`{name}`" in page for name in NOT_YET)


def test_schema_names_every_setting_of_every_part():
    schema = json_schema()
    assert schema["$schema"].endswith("2020-12/schema")
    for model in MODELS:
        part = schema if model is Config else schema["$defs"][model.__name__]
        assert list(part["properties"]) == list(settings_of(model))
        assert part["additionalProperties"] is False
        assert part["description"]


def test_schema_shows_defaults_as_they_are_written():
    definitions = json_schema()["$defs"]
    assert definitions["Limits"]["properties"]["header_bytes_max"]["default"] == "32KiB"
    assert definitions["Breaker"]["properties"]["errors"]["default"] == "50%"
    assert definitions["State"]["properties"]["keep_exchanges"]["default"] == "14d"


@pytest.mark.parametrize("path", ["Limits.headers_max", "Listen.address", "Route.mode", "Service.connect_timeout"])
def test_schema_takes_variables_for_numbers_words_and_quantities(path):
    model, name = path.split(".")
    schema = json_schema()["$defs"][model]["properties"][name]
    variable = {"$ref": "#/$defs/environmentVariable"}
    assert variable in schema.get("anyOf", []) or schema.get("type") == "string"


def test_every_default_is_what_a_file_may_say():
    """The defaults of all parts, written into a file, are read back as the same configuration."""
    smallest = (ROOT / "tests/corpus/config/good/smallest.yaml").read_bytes()
    plain = load_config_bytes(smallest, name="a", folder=ROOT, env={})
    lines = [
        f"{name}: {{{', '.join(f'{key}: {written(value)[1:-1]}' for key, value in defaults(model).items() if value != [])}}}"
        for name in ("limits", "log", "control", "shutdown", "state")
        for model in [type(getattr(plain, name))]
    ]
    spelled = smallest + "\n".join(lines).encode()
    assert load_config_bytes(spelled, name="b", folder=ROOT, env={}) == plain
