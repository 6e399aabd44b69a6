"""The JSON Schema of the configuration file, for editors and other tools."""

from __future__ import annotations

import typing
from typing import Any

from pydantic import BaseModel

from routes.config.root import Config

#: Where any other than free text stands, a text that reads the environment may stand too.
_VARIABLE = "environmentVariable"
_MAPS = ("properties", "$defs", "patternProperties")


def json_schema() -> dict[str, Any]:
    """JSON Schema, draft 2020-12, with descriptions, defaults and the patterns of the units."""
    schema = Config.model_json_schema(mode="validation")
    definitions = {name: _open(part) for name, part in schema.pop("$defs").items()}
    for model in models():
        properties = (schema if model is Config else definitions[model.__name__])["properties"]
        for name, default in defaults(model).items():
            properties[name]["default"] = default
    definitions[_VARIABLE] = {
        "type": "string",
        "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}",
        "description": "Read from the environment: ${NAME}, or ${NAME:-default}.",
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_open(schema),
        "title": "strangler configuration",
        "$defs": dict(sorted(definitions.items())),
    }


def models() -> list[type[BaseModel]]:
    """Every part of the configuration, in the order of the file."""
    found: list[type[BaseModel]] = []

    def visit(kind: Any) -> None:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            if kind not in found:
                found.append(kind)
                for field in kind.model_fields.values():
                    visit(field.annotation)
        else:
            for inner in typing.get_args(kind):
                visit(inner)

    visit(Config)
    return found


def defaults(model: type[BaseModel]) -> dict[str, Any]:
    """Settings that may be left out and have a value then, as it would be written in the file: `32KiB`, not 32768."""
    optional = {
        name: field.get_default(call_default_factory=True, validated_data={})
        for name, field in model.model_fields.items()
        if not field.is_required()
    }
    plain = {name: value for name, value in optional.items() if not isinstance(value, BaseModel | dict)}
    written = model.model_construct(**plain).model_dump(mode="json", include=set(plain), warnings=False)
    return {field.alias or name: written[name] for name, field in model.model_fields.items() if name in plain}


def _open(schema: Any) -> Any:
    """The same schema, where variables may stand for numbers and words. Titles go: they repeat the names."""
    if isinstance(schema, list):
        return [_open(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    opened: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _MAPS:
            opened[key] = {name: _open(inner) for name, inner in value.items()}
        elif key not in {"title", "propertyNames"} and key in {"default", "examples", "enum", "const", "required"}:
            opened[key] = value
        elif key == "description":
            opened[key] = " ".join(value.split())
        elif key not in {"title", "propertyNames"}:
            opened[key] = _open(value)
    return _or_variable(opened) if _is_strict_scalar(opened) else opened


def _is_strict_scalar(schema: dict[str, Any]) -> bool:
    if schema.get("type") in {"integer", "number", "boolean"} or "const" in schema or "enum" in schema:
        return True
    return schema.get("type") == "string" and "pattern" in schema


def _or_variable(schema: dict[str, Any]) -> dict[str, Any]:
    about: dict[str, Any] = {key: schema.pop(key) for key in ("description", "default") if key in schema}
    return {"anyOf": [schema, {"$ref": f"#/$defs/{_VARIABLE}"}], **about}
