"""YAML as plain data that knows where everything stands.

`read_document` runs: characters allowed? → bounded in depth and number? → PyYAML composes nodes → plain data, with
`${NAME}` filled in and the place of each key and value kept by its path. Scalars are read as YAML 1.2 does: only `true`
and `false` are booleans, so `on:` is a key and `no` a text. Keys are always text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from routes.environment import expand
from routes.errors import ConfigError, ConfigPath, Problem
from routes.masking import hide
from routes.syntax import syntax_problem

#: Files beyond this are refused: 10,000 routes fit into it.
TEXT_MAX_CHARACTERS = 4 * 1024 * 1024
#: Lists and mappings inside of each other.
DEPTH_MAX = 32
#: Keys and values, where aliases count as often as they are used.
NODES_MAX = 200_000

_SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BAD_CHARACTER = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAG = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?[0-9]+\Z|0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_SAYS_STR = re.compile(r"(&\S+\s+)?!(!str)?\s")
_DIGITS_MAX = 400
#: Stands in for what could not be read; its problem is known, and whatever the models say of it is left out.
UNREAD = object()


class _Loader(_SAFE):  # type: ignore[misc]
    """Composes nodes and leaves every plain scalar a text: what it means is told in `_plain`."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own name and kind


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in the text.

    Attributes:
        line: from 1.
        column: from 1.
        width: how many characters on that line.
    """

    line: int
    column: int
    width: int = 1


@dataclass(slots=True)
class Document:
    """A text that was read.

    Attributes:
        name: of the file.
        lines: of the text.
        data: dicts, lists, str, int, float, bool and None.
        keys: path -> where its key stands; for items of a list, where the item stands.
        values: path -> where its value stands.
        problems: what could not be read; the data then has a stand-in there.
        expanded: paths of values that have something from the environment.
    """

    name: str
    lines: list[str]
    data: Any = None
    keys: dict[ConfigPath, Place] = field(default_factory=dict)
    values: dict[ConfigPath, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    expanded: set[ConfigPath] = field(default_factory=set)

    def source(self, line: int) -> str | None:
        """The line of that number, from 1."""
        return self.lines[line - 1] if 0 < line <= len(self.lines) else None

    def add(self, message: str, path: ConfigPath, place: Place, **more: Any) -> None:
        """Notes a problem."""
        source = hide(self.source(place.line) or "")
        self.problems.append(Problem(message, path, place.line, place.column, source=source, width=place.width, **more))


def read_document(text: str, *, name: str, env: Mapping[str, str]) -> Document:
    """Reads a YAML text.

    Raises:
        ConfigError: the text is not YAML, or too large.
    """
    text = text.removeprefix("\ufeff")
    # PyYAML counts these as line ends too, so the lines that are shown must.
    document = Document(name, re.split("\r\n|[\n\r\x85\u2028\u2029]", text))
    _check_characters(document, text)
    try:
        _check_depth(document, text)
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise ConfigError(name, [syntax_problem(error, document.source)]) from error
    if root is None:
        raise ConfigError(
            name, [Problem("the file is empty", hint="see docs/tutorial/your-own-system.md for a first one")]
        )
    document.data = _Reader(document, env).read(root, ())
    return document


def _check_characters(document: Document, text: str) -> None:
    if len(text) > TEXT_MAX_CHARACTERS:
        raise ConfigError(
            document.name, [Problem(f"the file has {len(text)} characters", allowed=f"at most {TEXT_MAX_CHARACTERS}")]
        )
    bad = _BAD_CHARACTER.search(text)
    if bad is not None:
        before = re.split("\r\n|[\n\r\x85\u2028\u2029]", text[: bad.start()])
        code = ord(bad.group())
        what = "a NUL byte: is it a text file?" if code == 0 else f"the control character U+{code:04X}"
        problem = Problem(f"has {what}", line=len(before), column=len(before[-1]) + 1, hint="remove it")
        raise ConfigError(document.name, [problem])


def _check_depth(document: Document, text: str) -> None:
    """Looks at the events first: composing is recursive in C, and a file of brackets would end the process."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEPTH_MAX:
            place = _place(event)
            document.add("is nested too deep", (), place, allowed=f"{DEPTH_MAX} levels")
            raise ConfigError(document.name, document.problems)


def _place(node: Any) -> Place:
    start, end = node.start_mark, node.end_mark
    width = end.column - start.column if end.line == start.line else 1
    return Place(start.line + 1, start.column + 1, max(1, width))


class _Reader:
    """Turns nodes into plain data."""

    def __init__(self, document: Document, env: Mapping[str, str]) -> None:
        self.document = document
        self.env = env
        self.count = 0
        self.open: set[int] = set()

    def read(self, node: yaml.Node, path: ConfigPath) -> Any:
        self.spend(1, node, path)
        place = self.document.values[path] = _place(node)
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node, path)
        if id(node) in self.open or len(path) > DEPTH_MAX:
            self.document.add("contains itself through an alias, or is nested too deep", path, place)
            return UNREAD
        wanted = "map" if isinstance(node, yaml.MappingNode) else "seq"
        if node.tag != _TAG + wanted:
            self.unknown_tag(node, path)
        self.open.add(id(node))
        read = self.mapping(node, path) if isinstance(node, yaml.MappingNode) else self.sequence(node, path)
        self.open.discard(id(node))
        return read

    def spend(self, count: int, node: yaml.Node, path: ConfigPath) -> None:
        """Counts what is read, aliases as often as they are used."""
        self.count += count
        if self.count > NODES_MAX:
            message = "grows too large through its aliases"
            self.document.add(message, path[:1], _place(node), allowed=f"at most {NODES_MAX} values")
            raise ConfigError(self.document.name, self.document.problems)

    def sequence(self, node: Any, path: ConfigPath) -> list[Any]:
        return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]

    def mapping(self, node: Any, path: ConfigPath) -> dict[str, Any]:
        data: dict[str, Any] = {}
        merged: list[Any] = []
        for key, value in node.value:
            place = _place(key)
            if not isinstance(key, yaml.ScalarNode):
                self.document.add("a key must be text", path, place)
            elif key.value == "<<" and not key.style:
                merged += _sources(value)
            elif key.value in data:
                first = self.document.keys[(*path, key.value)].line
                self.document.add(
                    f"the key {key.value} comes twice: it is in line {first} already", (*path, key.value), place
                )
            else:
                self.document.keys[(*path, key.value)] = place
                data[key.value] = self.read(value, (*path, key.value))
        for source in merged:
            self.merge(source, path, data)
        return data

    def merge(self, node: yaml.Node, path: ConfigPath, data: dict[str, Any]) -> None:
        """`<<: *defaults`: what is not set here is taken from there."""
        if not isinstance(node, yaml.MappingNode):
            self.document.add("<< merges mappings only", path, _place(node), hint="write <<: *name")
            return
        if id(node) in self.open:
            self.document.add("contains itself through an alias", path, _place(node))
            return
        self.open.add(id(node))
        self.spend(len(node.value), node, path)
        further: list[Any] = []
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == "<<" and not key.style:
                further += _sources(value)
            elif isinstance(key, yaml.ScalarNode) and key.value not in data:
                self.document.keys[(*path, key.value)] = _place(key)
                data[key.value] = self.read(value, (*path, key.value))
        for source in further:
            self.merge(source, path, data)
        self.open.discard(id(node))

    def scalar(self, node: Any, path: ConfigPath) -> Any:
        place = self.document.values[path]
        expanded = expand(node.value, self.env)
        for mistake in expanded.mistakes:
            self.document.add(
                mistake.message, path, self.within(place, node, mistake.text), given=mistake.text, hint=mistake.hint
            )
        if expanded.mistakes:
            return UNREAD
        if expanded.used:
            self.document.expanded.add(path)
        return self.typed(node, path, expanded.text, from_environment=expanded.used)

    def within(self, place: Place, node: Any, text: str) -> Place:
        """Narrows a place to a part of its scalar, where that stands on the same line."""
        source = self.document.source(place.line) or ""
        at = source.find(text, place.column - 1)
        return Place(place.line, at + 1, len(text)) if at >= 0 and node.start_mark.line + 1 == place.line else place

    def typed(self, node: Any, path: ConfigPath, text: str, *, from_environment: bool) -> Any:
        """What a scalar means: by its tag where it has one, else by its look where it has no quotes."""
        tag = node.tag.removeprefix(_TAG)
        if tag == "str" and not node.style and not self.says_str(path):
            # A number from the environment stays a text: the setting knows whether it wants a number or, as a token
            # may be, a text of digits.
            value = _plain(text)
            return value if value is None or not from_environment else text
        if tag in {"int", "float", "bool", "null"}:
            value = _plain(text)
            if tag != {int: "int", float: "float", bool: "bool", type(None): "null"}.get(type(value)):
                self.document.add(
                    f"is not of the type {tag}, as its tag !!{tag} says", path, self.document.values[path], given=text
                )
                return UNREAD
            return value
        if tag != "str":
            self.unknown_tag(node, path)
        return text

    def says_str(self, path: ConfigPath) -> bool:
        """Whether a scalar without quotes has the tag `!!str`, which its node does not tell."""
        place = self.document.values[path]
        return _SAYS_STR.match(self.document.source(place.line) or "", place.column - 1) is not None

    def unknown_tag(self, node: yaml.Node, path: ConfigPath) -> None:
        written = "!!" + node.tag.removeprefix(_TAG) if node.tag.startswith(_TAG) else node.tag
        self.document.add(f"the YAML tag {written} means nothing here", path, _place(node), hint="remove the tag")


def _sources(value: Any) -> list[Any]:
    """What a `<<` merges: one mapping or a list of them."""
    return list(value.value) if isinstance(value, yaml.SequenceNode) else [value]


def _plain(text: str) -> Any:
    """The YAML 1.2 core schema."""
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if text in {"true", "True", "TRUE"}:
        return True
    if text in {"false", "False", "FALSE"}:
        return False
    if len(text) < _DIGITS_MAX and _INT.match(text):
        return int(text, 0) if text.startswith(("0o", "0x")) else int(text)
    if len(text) < _DIGITS_MAX and _FLOAT.match(text):
        return float(text)
    return text
