"""What comparing one exchange gave: a verdict and the differences behind it. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple


class Verdict(StrEnum):
    """What a comparison concluded. Only `MATCH` and `EXPLAINED` say that new behaves like legacy."""

    MATCH = "match"
    EXPLAINED = "explained"  # only differences that rules or noise account for
    MISMATCH = "mismatch"
    RACE = "race"  # the state changed between the two answers
    LEGACY_FAILED = "legacy_failed"
    NEW_FAILED = "new_failed"
    BOTH_FAILED_ALIKE = "both_failed_alike"
    NOT_COMPARABLE = "not_comparable"  # shed, too large, timed out, streamed, upgraded: `reason` says which


class Kind(StrEnum):
    """How two values differ."""

    VALUE = "value"
    TYPE = "type"
    MISSING = "missing"  # in legacy only
    EXTRA = "extra"  # in new only
    ORDER = "order"  # same members of an array, other order
    DUPLICATE = "duplicate"  # a key stands twice in one object
    LENGTH = "length"  # binary bodies
    UNDECODABLE = "undecodable"  # one side cannot be read as what its headers say


class Difference(NamedTuple):
    """One place where two responses differ.

    Attributes:
        path: concrete, `/items/3/price`; `@status`, `@header/<name>`, `@cookie/<name>/<attribute>`, `@latency`,
            `@body` for a body as a whole. Keys are escaped as in RFC 6901 (`~0`, `~1`).
        kind: how they differ.
        legacy: JSON value of legacy, None where missing.
        new: JSON value of new, None where missing.
        pattern: the path with array indexes as `*`: `/items/*/price`.
        explained_by: id of the rule, `noise` or `volatile:<what>` that accounts for it; "" where nothing does.
    """

    path: str
    kind: Kind
    legacy: Any
    new: Any
    pattern: str
    explained_by: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The outcome of comparing the answers of one exchange.

    Attributes:
        verdict: what was concluded.
        reason: one word that narrows the verdict: the outcome that prevented a comparison, the error; "" otherwise.
        differences: explained ones included, at most `CompareModel.differences_max`.
        more: unexplained differences beyond that bound; -1 where a bound stopped the comparison and the number is
            unknown. Explained ones make room for unexplained ones, and are not counted here.
        rules_used: ids of the rules that explained or shaped something.
        media: `json`, `xml`, `html`, `form`, `text`, `multipart`, `binary` or `empty`.
        legacy_document: the decoded body of legacy as a JSON value (text as str, binary as None), for the store.
        new_document: the same of new.
    """

    verdict: Verdict
    reason: str = ""
    differences: tuple[Difference, ...] = ()
    more: int = 0
    rules_used: frozenset[str] = frozenset()
    media: str = "empty"
    legacy_document: Any = None
    new_document: Any = None

    @property
    def unexplained(self) -> tuple[Difference, ...]:
        """The differences that nothing accounts for."""
        return tuple(difference for difference in self.differences if not difference.explained_by)
