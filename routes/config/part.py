"""What every part of the configuration is: a frozen pydantic model that refuses what it does not know."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    WithJsonSchema,
    model_serializer,
)
from pydantic.fields import FieldInfo

from routes.faults import fault


class Part(BaseModel):
    """Base of all parts of the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)


def settings_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The settings of a part by the names that a file has; `in` and `from` are no names of Python's."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


class GivenPart(Part):
    """A part that is dumped as it was given: where leaving a setting out is not the same as its default."""

    @model_serializer(mode="wrap")
    def _as_given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        given = self.model_fields_set | {fields[name].alias or name for name in self.model_fields_set}
        return {name: value for name, value in handler(self).items() if name in given}


def folder_of(info: ValidationInfo) -> Path | None:
    """The folder that relative paths start at; None where a part is built by hand, without `load_config`."""
    folder = (info.context or {}).get("folder")
    return None if folder is None else Path(folder)


def _absolute(value: Path, info: ValidationInfo) -> Path:
    folder = folder_of(info)
    return value if folder is None else folder / value


def _text_of_a_path(value: Any) -> Any:
    if isinstance(value, str) and not value.strip():
        raise fault("must name a file")
    if isinstance(value, str) and "\0" in value:
        raise fault("a file name has no NUL byte")
    return value


#: A path; relative ones start at the configuration file's folder.
FilePath = Annotated[
    Path, BeforeValidator(_text_of_a_path), AfterValidator(_absolute), WithJsonSchema({"type": "string"})
]
