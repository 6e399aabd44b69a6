"""Which routes can match the same requests, and which take everything that a later one could get.

Claims are sound, not complete: "covers" and "meets" are said only where they are certain; regexes are mostly unknown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from routes.match import HostPattern, MatchModel
from routes.template import PathRegex, PathTemplate

Path = PathTemplate | PathRegex | None
Segments = tuple[bytes | None, ...]

_ANY = PathTemplate("/**", (), rest=True, names=("**",))


def covers(earlier: MatchModel, later: MatchModel) -> bool:
    """Whether every request that `later` matches is surely matched by `earlier`."""
    return (
        place_covers(earlier, later)
        and (earlier.methods is None or (later.methods is not None and later.methods <= earlier.methods))
        and all(any(mine.implies(wanted) for mine in later.conditions) for wanted in earlier.conditions)
    )


def place_covers(one: MatchModel, other: MatchModel) -> bool:
    """The same by host and path alone."""
    return host_covers(one.host, other.host) and path_covers(one.path, other.path)


def host_covers(one: HostPattern | None, other: HostPattern | None) -> bool:
    """Whether every host of `other` is one of `one`."""
    return one is None or (other is not None and one.covers(other))


def path_covers(one: Path, other: Path) -> bool:
    """Whether every path that `other` matches is surely matched by `one`."""
    if one is None:
        return True
    if isinstance(one, PathRegex):
        if isinstance(other, PathTemplate):
            fixed = not other.rest and None not in other.segments
            return fixed and one.matches(other.fill({}))
        return isinstance(other, PathRegex) and one.text == other.text
    if isinstance(other, PathRegex):
        # What the regex matches starts with its prefix; up to the last slash of that its segments are known.
        first, *known = other.prefix.rpartition(b"/")[0].split(b"/")
        return one.rest and not first and (not one.segments or _covers_segments(one, tuple(known), other_rest=True))
    other = other or _ANY
    return _covers_segments(one, other.segments, other_rest=other.rest)


def _covers_segments(one: PathTemplate, other: Segments, *, other_rest: bool) -> bool:
    size = len(one.segments)
    if len(other) < size or (not one.rest and (other_rest or len(other) > size)):
        return False
    return all(
        mine == theirs if mine is not None else theirs != b"" for mine, theirs in zip(one.segments, other, strict=False)
    )


def meets(one: MatchModel, other: MatchModel) -> bool:
    """Whether some request surely matches both, given that their paths meet."""
    if not (host_covers(one.host, other.host) or host_covers(other.host, one.host)):
        return False
    if one.methods is not None and other.methods is not None and not one.methods & other.methods:
        return False
    for mine in one.conditions:
        for theirs in other.conditions:
            same = (mine.source, mine.name) == (theirs.source, theirs.name)
            if same and not (mine.implies(theirs) or theirs.implies(mine)):
                return False
    return True


@dataclass(slots=True)
class _Node:
    literals: dict[bytes, _Node] = field(default_factory=dict)
    capture: _Node | None = None
    ends: list[int] = field(default_factory=list)
    rests: list[int] = field(default_factory=list)

    def all(self) -> Iterator[int]:
        yield from self.ends
        yield from self.rests
        for child in self.literals.values():
            yield from child.all()
        if self.capture is not None:
            yield from self.capture.all()


class Meeting:
    """The templates seen so far, and which of them have paths in common with another one."""

    def __init__(self) -> None:
        self._root = _Node()

    def add(self, index: int, path: Path) -> None:
        """Remember the path of route `index`."""
        segments, rest = outline(path)
        node = self._root
        for segment in segments:
            if segment is None:
                node.capture = node.capture or _Node()
                node = node.capture
            else:
                node = node.literals.setdefault(segment, _Node())
        (node.rests if rest else node.ends).append(index)

    def find(self, path: Path) -> Iterator[int]:
        """The routes seen so far whose paths meet this one; of regexes those that may."""
        segments, rest = outline(path)
        return self._find(self._root, segments, 0, rest=rest)

    def _find(self, node: _Node, segments: Segments, at: int, *, rest: bool) -> Iterator[int]:
        if at == len(segments):
            if rest:
                yield from node.all()
            else:
                yield from node.ends
                yield from node.rests
            return
        yield from node.rests
        segment = segments[at]
        if segment is None:
            for literal, child in node.literals.items():
                if literal:
                    yield from self._find(child, segments, at + 1, rest=rest)
        elif segment in node.literals:
            yield from self._find(node.literals[segment], segments, at + 1, rest=rest)
        if node.capture is not None and segment != b"":
            yield from self._find(node.capture, segments, at + 1, rest=rest)


def outline(path: Path) -> tuple[Segments, bool]:
    """Segments and rest of a path; of a regex the whole segments of its literal prefix and everything below."""
    if path is None:
        return (), True
    if isinstance(path, PathTemplate):
        return path.segments, path.rest
    first, *segments = path.prefix.split(b"/")
    return ((), True) if first or not segments else (tuple(segments[:-1]), True)
