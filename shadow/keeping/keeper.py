"""From an exchange and what was concluded to what is kept of it: decoded, redacted, packed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from routes.methods import SAFE_METHODS
from routes.shadowing import CompareModel
from shadow.clusters.cluster import Cluster
from shadow.comparison import Comparison, Difference, Kind
from shadow.exchange import Exchange
from shadow.keeping.batch import Kept
from shadow.keeping.differing import redact_difference
from shadow.keeping.records import KeptAnswer, KeptRequest, Record
from shadow.keeping.redacted import Sight
from shadow.keeping.redaction import Redaction, Redactor
from shadow.keeping.tables import KEPT_FINDING
from shadow.keeping.values import dump
from shadow.noise.patterns import normalised


class Keeper:
    """Makes records of one route's exchanges.

    Args:
        key: secret of the tokens.
        model: of the route: what it redacts.
    """

    __slots__ = ("_redactor",)

    def __init__(self, key: bytes, model: CompareModel) -> None:
        self._redactor = Redactor(key, model.redact)

    @property
    def redactor(self) -> Redactor:
        """What is secret."""
        return self._redactor

    def look(self, exchange: Exchange, compared: Comparison, again: Comparison | None = None) -> Sight:
        """What is secret in an exchange, to be looked up as far as it is needed."""
        return Sight(self._redactor, exchange, compared, again)

    def keep(
        self,
        exchange: Exchange,
        concluded: Comparison,
        sight: Sight,
        found: Sequence[tuple[Cluster, int]] = (),
        why: str = KEPT_FINDING,
    ) -> tuple[Kept, tuple[Cluster, ...]]:
        """The record of one exchange, and the clusters that it shows as they may be written.

        Args:
            exchange: as it came.
            concluded: what the route's noise made of its comparison; with patterns that may be told.
            sight: of the exchange.
            found: clusters, each with the position of its first difference in the comparison.
            why: `tables.KEPT_FINDING` or `tables.KEPT_SAMPLE`.
        """
        redacted = sight.redacted
        redaction = redacted.redaction
        differences = tuple(self._difference(one, redaction, hidden=redacted.misread) for one in concluded.differences)
        record = Record(
            id=exchange.id,
            at=exchange.at,
            route=exchange.route,
            served=exchange.served,
            sandbox=exchange.sandbox,
            verdict=concluded.verdict.value,
            reason=concluded.reason,
            media=concluded.media,
            request=redacted.request,
            legacy=redacted.legacy,
            new=redacted.new,
            again=redacted.again,
            again_before_new=exchange.again_before_new,
            differences=differences,
            more=concluded.more,
            rules_used=tuple(sorted(concluded.rules_used)),
            clusters=tuple(cluster.fingerprint for cluster, _ in found),
            redactions=redaction.count,
        )
        record = _without_echoes(record, redaction)
        method = exchange.request.method.encode("latin-1", "replace")
        safe = method in SAFE_METHODS and not exchange.request.body
        shown = tuple(_shown(cluster, record.differences[position], redaction) for cluster, position in found)
        return Kept(record, record.pack(), why, replayable=safe and redacted.untouched), shown

    def _difference(self, difference: Difference, redaction: Redaction, *, hidden: bool) -> Difference:
        if difference.kind is Kind.UNDECODABLE:  # the word, without what could not be read
            return difference._replace(legacy=_word(difference.legacy), new=_word(difference.new))
        if hidden and difference.path.startswith(("/", "@body")):
            return difference._replace(legacy=self._token(difference.legacy), new=self._token(difference.new))
        return redact_difference(redaction, difference)

    def _token(self, value: Any) -> str | None:
        return None if value is None else self._redactor.token(value)


def _shown(cluster: Cluster, redacted: Difference, redaction: Redaction) -> Cluster:
    """A cluster without keys that are secrets, in its path or as its relation's argument (`renamed:<key>`)."""
    return replace(cluster, path=normalised(redacted.pattern), relation=redaction.scrub_text(cluster.relation))


def _word(value: Any) -> Any:
    return value.partition(":")[0] if isinstance(value, str) else None


def _without_echoes(record: Record, redaction: Redaction) -> Record:
    """The record without anything that was hidden in another part of it."""
    parts = [
        record.id, record.reason, record.request.target, record.request.host, record.request.fields,
        record.request.document, record.legacy.fields, record.new.fields,
        None if record.again is None else record.again.fields,
        record.legacy.document, record.new.document, [list(difference) for difference in record.differences],
    ]  # fmt: skip
    if not redaction.echoes(dump(parts)):
        return record
    return scrubbed(record, redaction)


def scrubbed(record: Record, redaction: Redaction) -> Record:
    """Every part of the record that came from outside, scrubbed."""
    values = {name: getattr(record, name) for name in Record.__slots__}
    text, value = redaction.scrub_text, redaction.scrub
    request = record.request
    values["id"], values["reason"] = text(record.id), text(record.reason)
    values["request"] = KeptRequest(
        request.method, text(request.target), text(request.host), request.scheme, _scrub_fields(request, redaction),
        request.media, value(request.document), request.body_bytes,
    )  # fmt: skip
    for arm in ("legacy", "new", "again"):
        one = values[arm]
        if one is not None:
            values[arm] = KeptAnswer(
                one.outcome, one.status, _scrub_fields(one, redaction), one.body_bytes, one.error, one.first_byte_s,
                one.total_s, value(one.document),
            )  # fmt: skip
    values["differences"] = tuple(
        one._replace(path=text(one.path), pattern=text(one.pattern), legacy=value(one.legacy), new=value(one.new))
        for one in record.differences
    )
    return Record(**values)


def _scrub_fields(part: KeptRequest | KeptAnswer, redaction: Redaction) -> tuple[tuple[str, str], ...]:
    return tuple((redaction.scrub_text(name), redaction.scrub_text(value)) for name, value in part.fields)
