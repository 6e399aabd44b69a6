"""What a kind of difference is, as a clause that anybody understands."""

from __future__ import annotations

from typing import Final

from shadow.clusters.relations import RELATIONS
from shadow.comparison import Kind

#: Where no relation between the values was found.
_KINDS: Final = {
    Kind.VALUE: "the values differ",
    Kind.TYPE: "the values are of different types",
    Kind.MISSING: "new has no such value",
    Kind.EXTRA: "only new has this value",
    Kind.ORDER: "the same members in another order",
    Kind.DUPLICATE: "a name stands twice in one object",
    Kind.LENGTH: "the bodies differ, which are neither text nor data",
    Kind.UNDECODABLE: "one of the answers cannot be read as what it says it is",
}
_PLACES: Final = {
    "@status": "the status is another one",
    "@latency": "new takes longer",
    "@body": "the bodies differ",
}


def describe(pattern: str, kind: str, relation: str) -> str:
    """A cluster in words: `new is legacy rounded to 2 places`."""
    name, _, argument = relation.partition(":")
    if name == "status" and ">" in argument:
        return _status(*argument.split(">", 1))
    if name in RELATIONS:
        words = RELATIONS[name].format(argument)
        return words.replace("to 0 places", "to whole numbers").replace("to 1 places", "to 1 place")
    if pattern in _PLACES and kind in {Kind.VALUE, Kind.LENGTH}:
        return _PLACES[pattern]
    return relation or (_KINDS[Kind(kind)] if kind in set(Kind) else kind)


def _status(legacy: str, new: str) -> str:
    """A status, or the reason for which there is none, of each arm."""
    if new.isdecimal():
        return f"new answers {new}, " + (
            f"legacy {legacy}" if legacy.isdecimal() else f"legacy fails: {_plain(legacy)}"
        )
    return f"new fails: {_plain(new)}, " + (
        f"legacy answers {legacy}" if legacy.isdecimal() else f"legacy: {_plain(legacy)}"
    )


def _plain(reason: str) -> str:
    return reason.replace("_", " ")
