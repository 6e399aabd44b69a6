"""An index over path templates whose cost does not grow with their number.

All templates are walked at once, segment by segment: a node stands for a set of (template, position), so every segment
of a path costs one dictionary look-up, with one template or with thousands, and wherever literals and captures compete.
That is the subset construction of finite automata. Its automaton can be exponential in theory, so nodes are made when a
path first needs them and all are thrown away when they become too many (as RE2 does).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from routes.template import PathTemplate

T = TypeVar("T")
L = TypeVar("L")

#: How many (template, position) pairs the nodes of one index may hold together before they are made anew; about 16 MB.
ITEMS_MAX = 1_000_000

#: (index of the entry, how many segments of its template are behind).
Item = tuple[int, int]


class Node(Generic[L]):
    """A place in the walk. Plain slots: it is read several times per request.

    Attributes:
        parts: the items, as lists that are merged when the node is expanded.
        expanded: whether the other attributes are filled in.
        stop: whether the walk has to look: the node is not expanded yet, or nothing further can change the outcome.
        next: the nodes after those segments that a template spells out, and after the empty one.
        other: the node after any other segment.
        leaf: what is found where a path ends here.
    """

    __slots__ = ("expanded", "leaf", "next", "other", "parts", "stop")

    leaf: L

    def __init__(self, *parts: Sequence[Item]) -> None:
        self.parts = parts
        self.expanded = False
        self.stop = True
        self.next: dict[bytes, Node[L]] = {}
        self.other: Node[L] = self


class SegmentIndex(Generic[T, L]):
    """Finds the entries whose template matches a path, in the order they were given.

    Args:
        entries: (template, payload); None instead of a template matches every path.
        make_leaf: what is kept for a set of payloads; called once per node, so that the walk ends with finished work.
    """

    __slots__ = ("_entries", "_items", "_make_leaf", "depth", "root")

    def __init__(
        self, entries: Sequence[tuple[PathTemplate | None, T]], make_leaf: Callable[[tuple[T, ...]], L]
    ) -> None:
        self._entries = [(*_steps(template), payload) for template, payload in entries]
        self._make_leaf = make_leaf
        #: A path is split into this many segments and a remainder; no template is deeper.
        self.depth = max((len(steps) for steps, _, _ in self._entries), default=0)
        self._items = 0
        self.root: Node[L] = self._new_root()

    def find(self, path: bytes) -> L:
        """The leaf for a raw path. The matcher has this loop inline."""
        node = self.root
        for segment in path.split(b"/", self.depth):
            node = node.next.get(segment, node.other)
            if node.stop and self.is_final(node):
                break
        return node.leaf

    def is_final(self, node: Node[L]) -> bool:
        """Expand the node if need be, and say whether the walk may end at it."""
        if not node.expanded:
            self._expand(node)
            if self._items > ITEMS_MAX:
                self.root = self._new_root()
        return node.stop

    def _new_root(self) -> Node[L]:
        self._items = 0
        root: Node[L] = Node([(index, 0) for index in range(len(self._entries))])
        self._expand(root)
        return root

    def _expand(self, node: Node[L]) -> None:
        """Fill in the node's leaf and what comes after it."""
        items = sorted([item for part in node.parts for item in part])
        self._items += len(items) + 1
        entries = self._entries
        node.leaf = self._make_leaf(
            tuple([entries[index][2] for index, position in items if position == len(entries[index][0])])
        )
        literals: dict[bytes, list[Item]] = {b"": []}
        captures: list[Item] = []
        rests: list[Item] = []
        ends = False
        for item in items:
            index, position = item
            steps, rest, _ = entries[index]
            if position < len(steps):
                step = steps[position]
                (captures if step is None else literals.setdefault(step, [])).append((index, position + 1))
            elif rest:
                rests.append(item)
            else:
                ends = True  # matches here, and no longer one segment further
        if ends or captures or len(literals) > 1 or literals[b""]:
            node.next = {step: Node(found, captures, rests) for step, found in literals.items() if step}
            node.next[b""] = Node(literals[b""], rests)
            node.other = Node(captures, rests)
            node.stop = False
        node.parts = ()
        node.expanded = True


def _steps(template: PathTemplate | None) -> tuple[tuple[bytes | None, ...], bool]:
    """The segments of a template behind the empty one before the first slash, and whether it takes the rest."""
    if template is None or (template.rest and not template.segments):
        return (), True
    return (b"", *template.segments), template.rest
