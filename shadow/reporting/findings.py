"""What was found on a route, as plain records: places, kinds of difference with examples, and rules."""

from __future__ import annotations

from dataclasses import dataclass

from shadow.reporting.measured import Share


@dataclass(frozen=True, slots=True)
class Key:
    """One place where answers differ, held against legacy's difference from itself.

    Attributes:
        pattern: the path, `/items/*/price`.
        kind: as in `shadow.comparison.Kind`.
        new_only: requests in which only new differed.
        legacy_only: requests in which only legacy's second answer did.
        e_value_log10: decimal logarithm of the e-value.
        flagged: e-BH rejects "new behaves like legacy" here.
    """

    pattern: str
    kind: str
    new_only: int
    legacy_only: int
    e_value_log10: float
    flagged: bool


@dataclass(frozen=True, slots=True)
class Example:
    """One stored pair of values.

    Attributes:
        exchange: id for `strangler exchange`.
        at: when the request arrived.
        method: of the request.
        target: of the request, as stored.
        path: the concrete place, `/items/3/price`.
        legacy: JSON text of legacy's value; None where it has none.
        new: JSON text of new's value; None where it has none.
    """

    exchange: str
    at: float
    method: str
    target: str
    path: str
    legacy: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """One kind of difference, however often it was seen.

    Attributes:
        id: its fingerprint.
        pattern: where, `/items/*/price`; for a value that moved that of legacy.
        kind: as in `shadow.comparison.Kind`, or `moved`.
        relation: how the values relate, one word; "" where no relation was found.
        words: the same as a clause, such as "new is legacy rounded to 2 digits".
        exchanges: compared exchanges that have it, as a share of all compared ones.
        first: time of the first one.
        last: time of the last one.
        examples: a few.
        rule: the narrowest rule that would explain it, as YAML for the configuration; "" where none is proposed.
        flagged: its place is flagged.
    """

    id: str
    pattern: str
    kind: str
    relation: str
    words: str
    exchanges: Share
    first: float
    last: float
    examples: tuple[Example, ...]
    rule: str
    flagged: bool


@dataclass(frozen=True, slots=True)
class RuleReport:
    """One rule in force, and whether it is needed.

    Attributes:
        id: `file:<position>` or `live:<number>`.
        path: where it applies.
        kind: as in `routes.shadowing.RULE_KINDS`.
        reason: why it is there.
        owner: who answers for it.
        expires: when it ends; None is never.
        uses: exchanges in which it explained or shaped something.
        state: `used`, `unused` or `expired`.
    """

    id: str
    path: str
    kind: str
    reason: str
    owner: str
    expires: float | None
    uses: int
    state: str
