"""How the children of an element, and the pieces of its text, follow one another on both sides."""

from __future__ import annotations

from collections import Counter
from typing import Any

from shadow.reading.markup import ORDER, TEXT

#: Both orders, as names of children.
Orders = tuple[list[str], list[str]]


def differing_orders(legacy: dict[str, Any], new: dict[str, Any]) -> Orders | None:
    """Both orders where they differ, as far as both elements have the same number of a child; else None.

    What one side has more of is reported itself, and so is text that is another one. The same text may stand in other
    places between the children: that is an order as well.

    Args:
        legacy: an element that has an order.
        new: likewise.
    """
    same_text = legacy.get(TEXT) == new.get(TEXT)
    # Of another text, pieces of other lengths are no news.
    before, after = ([*order] if same_text else order.names for order in (legacy[ORDER], new[ORDER]))
    if before == after:
        return None
    counts, others = Counter(before), Counter(after)
    wanted = {name for name, count in counts.items() if others[name] == count}
    if same_text:
        wanted |= {name for name in counts | others if name.startswith(TEXT)}
    kept = [name for name in before if name in wanted], [name for name in after if name in wanted]
    return kept if kept[0] != kept[1] else None
