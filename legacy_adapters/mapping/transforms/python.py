"""Functions of the user's own.

`module:function`: the module is a file beside the configuration, or an installed package. The function gets the value
of each column of the side it comes from, NULL as None, and returns the value, or one for each column. It must be pure:
equal arguments, equal result. It must not wait, and what it raises refuses the record without stopping the sync.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from legacy_adapters.errors import MappingError
from legacy_adapters.mapping.step import RefusalError, Shape, Step
from routes.config.sync_transform import PythonArguments


def python(arguments: PythonArguments, shape: Shape) -> Step:
    """A function of the user's own.

    Raises:
        MappingError: there is no such module or function, or it cannot be one.
    """
    function, fingerprint = load(arguments.call, shape.folder)
    several = shape.targets > 1

    def apply(values: Any) -> Any:
        try:
            result = function(*values)
        except (RefusalError, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it raises refuses this record alone: SystemExit too
            raise RefusalError(f"{arguments.call} raised {type(error).__name__}") from None
        if not several:
            return result
        if not isinstance(result, tuple | list) or len(result) != shape.targets:
            raise RefusalError(f"{arguments.call} must return {shape.targets} values")
        return tuple(result)

    return Step("python", apply, nulls=True, many_in=True, many_out=several, steady=False, fingerprint=fingerprint)


def load(call: str, folder: Path) -> tuple[Callable[..., Any], str]:
    """The function, and a fingerprint of its module's source.

    Raises:
        MappingError: there is no such module or function, or it cannot be one.
    """
    name, _, attribute = call.partition(":")
    module, file = _module(name, folder, call)
    function = getattr(module, attribute, None)
    if not callable(function):
        raise MappingError(f"{call}: {name} has no function {attribute}")
    if inspect.iscoroutinefunction(function):
        raise MappingError(f"{call} is async, and a transform must not wait")
    source = file.read_bytes() if file is not None and file.is_file() else b""
    return function, hashlib.sha256(call.encode() + b"\0" + source).hexdigest()


def _module(name: str, folder: Path, call: str) -> tuple[ModuleType, Path | None]:
    file = folder / f"{name.replace('.', '/')}.py"
    try:
        if file.is_file():
            return _from_file(file), file
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        hint = f"there is no {file}, and no installed package {name}" if error.name == name else f"needs {error.name}"
        raise MappingError(f"{call}: {hint}") from error
    except (Exception, SystemExit) as error:  # a user's module may do anything while it is imported
        raise MappingError(f"{call}: importing {name} raised {type(error).__name__}: {error}") from error
    return module, Path(module.__file__) if module.__file__ else None


def _from_file(file: Path) -> ModuleType:
    """The module under a name of its own, so that a file `routes.py` beside the configuration hides nothing of ours."""
    unique = f"strangler_mapping_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(unique, file)
    if spec is None or spec.loader is None:
        raise MappingError(f"{file} cannot be read as a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    spec.loader.exec_module(module)
    return module
