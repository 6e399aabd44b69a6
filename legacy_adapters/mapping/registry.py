"""The transforms by name: adding one is a part in `routes.config.sync_transform`, a builder, and a line here."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from legacy_adapters.mapping.step import Shape, Step
from legacy_adapters.mapping.transforms import dates, numbers, python, several, text
from routes.config import Transform

Builder = Callable[[Any, Shape], Step]


def _later(module: str, name: str) -> Builder:
    """A builder of a module whose library is slow to load and mostly not needed."""

    def build(arguments: Any, shape: Shape) -> Step:
        found = importlib.import_module(f"legacy_adapters.mapping.transforms.{module}")
        builder: Builder = getattr(found, name)
        return builder(arguments, shape)

    return build


_BUILDERS: dict[str, Builder] = {
    "trim": text.trim,
    "upper": text.upper,
    "lower": text.lower,
    "title_case": text.title,
    "email": text.email,
    "blank_is_null": text.blank_is_null,
    "null_is_blank": text.null_is_blank,
    "default": text.default,
    "truncate": text.truncate,
    "substring": text.substring,
    "prefix": text.prefix,
    "recode": text.recode,
    "json": text.json_value,
    "date": dates.day,
    "datetime": dates.instant,
    "epoch": dates.epoch,
    "phone": _later("phones", "phone"),
    "phone_national": _later("phones", "phone_national"),
    "country": _later("codes", "country"),
    "currency": _later("codes", "currency"),
    "decimal": numbers.decimal_text,
    "integer": numbers.integer,
    "scale": numbers.scale,
    "round": numbers.rounded,
    "boolean": numbers.boolean,
    "join": several.join,
    "split": several.split,
    "python": python.python,
}


def build(use: Transform, shape: Shape) -> Step:
    """One transform of the configuration, ready to run.

    Raises:
        MappingError: a function of the user's cannot be loaded.
    """
    return _BUILDERS[use.name](use.arguments, shape)
