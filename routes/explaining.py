"""Pydantic's errors as problems that people can mend."""

from __future__ import annotations

import types
import typing
from typing import Annotated, Any, Union

from pydantic import BaseModel

from routes.config import Config
from routes.config.part import settings_of
from routes.document import Document, Place
from routes.errors import ConfigPath, Problem
from routes.faults import FAULT, did_you_mean
from routes.masking import mask

_GIVEN_MAX = 80

#: Parts of the design that this release has not: what to write instead.
NOT_YET = {
    "slices": "slices are not in this release yet; move the routes one by one with mode canary and then mode new",
}

_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping (name: value)",
    "model_type": "a mapping (setting: value)",
    "model_attributes_type": "a mapping (setting: value)",
}


def explain(document: Document, error: Any) -> Problem:
    """One of `ValidationError.errors()` as a Problem."""
    path, in_key = _path_in(document.data, error["loc"])
    kind, context = error["type"], error.get("ctx", {})
    message, allowed, hint = error["msg"], context.get("allowed"), context.get("hint")
    if kind == FAULT:
        pass
    elif kind == "extra_forbidden":
        message, allowed, hint = _unknown(path)
        in_key = True
    elif kind == "missing":
        message, hint = f"needs the setting {path[-1]}", _example(path)
    elif kind == "literal_error":
        message, allowed, hint = _choice(context["expected"], error["input"])
    elif kind in _TYPES:
        message, allowed, hint = _wrong_type(kind, error["input"])
    else:
        message, allowed = _bound(kind, context, message)
    given = None if kind in {"missing", "extra_forbidden"} else _given(error["input"])
    if given is not None and path in document.expanded:
        hint = "a variable cannot hold a list: write [${ONE}, ${ANOTHER}]" if kind == "list_type" else hint
        given += "  (after ${…} was filled in)"
    if kind == "missing":
        path, in_key = path[:-1], True
    return located(document, Problem(message, path, given=given, allowed=allowed, hint=hint), in_key=in_key)


def located(document: Document, problem: Problem, *, in_key: bool = False) -> Problem:
    """The same problem with line, column and source of its path, or of the nearest part around it."""
    path = problem.path
    places = [document.keys, document.values] if in_key else [document.values, document.keys]
    place = next((found[path] for found in places if path in found), None)
    step = path
    while place is None and step:
        step = step[:-1]
        place = document.keys.get(step) or document.values.get(step)
    place = place or Place(1, 1)
    source = document.source(place.line)
    given, source = mask(path, problem.given, source, in_key=in_key)
    width = max(1, min(place.width, len(source or "") - place.column + 1))
    return Problem(problem.message, path, place.line, place.column, given, problem.allowed, problem.hint, source, width)


def _path_in(data: Any, loc: tuple[Any, ...]) -> tuple[ConfigPath, bool]:
    """Pydantic's location without the steps that are not in the data: names of union members, `[key]`."""
    path: list[str | int] = []
    for index, step in enumerate(loc):
        last = index == len(loc) - 1
        if step == "[key]":
            return tuple(path), True
        if _has(data, step):
            data = data[step]
        elif not (last and isinstance(data, dict)):
            continue
        path.append(step)
    return tuple(path), False


def _has(data: Any, step: Any) -> bool:
    if isinstance(data, dict):
        return step in data
    return isinstance(data, list) and isinstance(step, int) and step < len(data)


def _unknown(path: ConfigPath) -> tuple[str, str | None, str | None]:
    name = str(path[-1])
    if name in NOT_YET:
        return NOT_YET[name], None, None
    names = _fields_at(path[:-1])
    hint = did_you_mean(name, names)
    return f"there is no setting {name} here", ", ".join(names) or None, hint


def _choice(expected: str, given: Any) -> tuple[str, str, str | None]:
    allowed = expected.replace("'", "").replace(" or ", ", ")
    names = allowed.split(", ")
    hint = did_you_mean(given, names) if isinstance(given, str) else None
    return "is not one of the words allowed here", allowed, hint


def _wrong_type(kind: str, given: Any) -> tuple[str, str | None, str | None]:
    wanted = _TYPES[kind]
    hint = None
    if kind == "string_type" and isinstance(given, int | float) and not isinstance(given, bool):
        hint = "write it in quotes"
    elif kind == "list_type" and isinstance(given, str):
        hint = f"write [{given}]"
    return f"must be {wanted}", None, hint


def _bound(kind: str, context: Any, message: str) -> tuple[str, str | None]:
    words = {
        "greater_than_equal": ("is too small", "{ge} or more"),
        "less_than_equal": ("is too large", "{le} or less"),
        "too_short": ("must not be empty", None),
        "string_too_short": ("must not be empty", None),
        "string_too_long": ("is too long", "at most {max_length} characters"),
        "string_pattern_mismatch": ("is not written as it must be", "text that matches {pattern}"),
    }
    if kind not in words:
        return message[:1].lower() + message[1:], None
    said, allowed = words[kind]
    return said, allowed and allowed.format(**context)


def _example(path: ConfigPath) -> str | None:
    examples = {
        "listen": "listen: [{address: 127.0.0.1:8080}]",
        "services": "services: {legacy: {urls: [http://127.0.0.1:9001]}}",
        "routes": "routes: [{name: all, legacy: legacy}]",
        "urls": "urls: [http://127.0.0.1:9001]",
        "certificate": "certificate: tls/shop.crt",
        "key": "key: tls/shop.key",
        "name": "name: orders",
        "address": "address: 127.0.0.1:8080",
    }
    example = examples.get(str(path[-1]))
    return f"add {example}" if example else f"add {path[-1]}: …"


def _given(value: Any) -> str:
    if isinstance(value, dict):
        return "a mapping with " + (", ".join(str(key) for key in value) if value else "nothing in it")[:_GIVEN_MAX]
    if isinstance(value, list):
        return "a list of 1" if len(value) == 1 else f"a list of {len(value)}" if value else "an empty list"
    if value is None:
        return "nothing (null)"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text = "".join(
        character if character.isprintable() else repr(character)[1:-1] for character in text[: 2 * _GIVEN_MAX]
    )
    if isinstance(value, str) and (not text or text != text.strip()):
        text = f'"{text}"'
    return text if len(text) <= _GIVEN_MAX else text[:_GIVEN_MAX] + "…"


def _fields_at(path: ConfigPath) -> list[str]:
    """Names of the settings that may stand under a path."""
    kinds: list[Any] = [Config]
    for step in path:
        kinds = [inner for kind in kinds for inner in _inside(kind, step)]
    return [name for kind in kinds for model in _models(kind) for name in settings_of(model)]


def _inside(kind: Any, step: str | int) -> list[Any]:
    found: list[Any] = []
    for member in _members(kind):
        origin = typing.get_origin(member)
        if isinstance(member, type) and issubclass(member, BaseModel) and step in settings_of(member):
            found.append(settings_of(member)[str(step)].annotation)
        elif origin is list and isinstance(step, str):
            found += _inside(typing.get_args(member)[-1], step)  # one item may stand there without its list
        elif origin in {list, dict}:
            found.append(typing.get_args(member)[-1])
    return found


def _models(kind: Any) -> list[type[BaseModel]]:
    return [member for member in _members(kind) if isinstance(member, type) and issubclass(member, BaseModel)]


def _members(kind: Any) -> list[Any]:
    """The kinds a value may be of: unions taken apart, annotations taken off."""
    origin = typing.get_origin(kind)
    if origin is Annotated:
        return _members(typing.get_args(kind)[0])
    if origin in {Union, types.UnionType}:
        return [inner for member in typing.get_args(kind) for inner in _members(member)]
    return [kind]
