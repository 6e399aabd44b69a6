"""From an exchange and what was concluded to what is kept of it: decoded, redacted, packed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from routes.shadowing import CompareModel
from shadow.clusters.cluster import Cluster
from shadow.comparison import Comparison, Difference, Kind
from shadow.errors import UndecodableError
from shadow.exchange import COMPLETE, Answer, AskedRequest, Exchange
from shadow.keeping.batch import Kept
from shadow.keeping.records import KeptAnswer, KeptRequest, Record
from shadow.keeping.redaction import Redaction, Redactor
from shadow.keeping.values import dump
from shadow.noise.patterns import normalised
from shadow.reading import media
from shadow.reading.body import content_of, guess, read
from shadow.reading.media import media_type

#: Methods that may be sent again.
SAFE_METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS"))
#: Longest request body that is decoded for the record.
_REQUEST_BYTES_MAX: Final = 1 << 20
#: What a body that is plain text may have been said to be.
_PLAIN: Final = frozenset((media.TEXT, media.EMPTY))


class Keeper:
    """Makes records of one route's exchanges.

    Args:
        key: secret of the tokens.
        model: of the route: what it redacts.
    """

    __slots__ = ("_redactor",)

    def __init__(self, key: bytes, model: CompareModel) -> None:
        self._redactor = Redactor(key, model.redact)

    def keep(
        self, exchange: Exchange, concluded: Comparison, found: Sequence[tuple[Cluster, int]], why: str
    ) -> tuple[Kept, tuple[Cluster, ...]]:
        """The record of one exchange, and the clusters that it shows as they may be written.

        Args:
            exchange: as it came.
            concluded: what the route's noise made of its comparison.
            found: clusters, each with the position of its first difference in the comparison.
            why: `tables.KEPT_FINDING` or `tables.KEPT_SAMPLE`.
        """
        redaction = self._redactor.begin()
        request = _request(exchange.request, redaction)
        untouched = redaction.count == 0
        legacy_document, new_document = concluded.legacy_document, concluded.new_document
        misread = _is_misread(exchange, concluded)
        if misread:  # a broken document, shown as text: names and paths cannot be found in it
            legacy_document = new_document = None
        kept_legacy = redaction.document(legacy_document)
        kept_new = kept_legacy if new_document is legacy_document else redaction.document(new_document)
        again = exchange.again
        record = Record(
            id=exchange.id,
            at=exchange.at,
            route=exchange.route,
            served=exchange.served,
            sandbox=exchange.sandbox,
            verdict=concluded.verdict.value,
            reason=concluded.reason,
            media=concluded.media,
            request=request,
            legacy=_answer(exchange.legacy, redaction, kept_legacy),
            new=_answer(exchange.new, redaction, kept_new),
            again=None if again is None else _answer(again, redaction, None),
            again_before_new=exchange.again_before_new,
            differences=tuple(self._difference(one, redaction, hidden=misread) for one in concluded.differences),
            more=concluded.more,
            rules_used=tuple(sorted(concluded.rules_used)),
            clusters=tuple(cluster.fingerprint for cluster, _ in found),
            redactions=redaction.count,
        )
        record = _without_echoes(record, redaction)
        safe = exchange.request.method in SAFE_METHODS and not exchange.request.body
        shown = tuple(
            _shown(cluster, concluded.differences[position], record.differences[position], redaction)
            for cluster, position in found
        )
        return Kept(record, record.pack(), why, replayable=safe and untouched), shown

    def _difference(self, difference: Difference, redaction: Redaction, *, hidden: bool) -> Difference:
        if difference.kind is Kind.UNDECODABLE:  # the word, without what could not be read
            return difference._replace(legacy=_word(difference.legacy), new=_word(difference.new))
        if hidden and difference.path.startswith(("/", "@body")):
            return difference._replace(legacy=self._token(difference.legacy), new=self._token(difference.new))
        return redaction.difference(difference)

    def _token(self, value: Any) -> str | None:
        return None if value is None else self._redactor.token(value)


def _shown(cluster: Cluster, difference: Difference, redacted: Difference, redaction: Redaction) -> Cluster:
    """A cluster without keys that are secrets, in its path or as its relation's argument (`renamed:<key>`)."""
    relation = redaction.scrub_text(cluster.relation)
    if redacted.path != difference.path:
        relation = relation.partition(":")[0]
    return replace(cluster, path=normalised(redacted.pattern), relation=relation)


def _request(request: AskedRequest, redaction: Redaction) -> KeptRequest:
    fields = redaction.fields(request.fields)
    kind, document = _body(request)
    return KeptRequest(
        request.method,
        redaction.target(request.target),
        redaction.text(request.host),
        request.scheme,
        fields,
        kind,
        redaction.document(document),
        len(request.body),
    )


def _body(request: AskedRequest) -> tuple[str, Any]:
    """Kind and document of a request's body; no document where there is none that can be redacted."""
    if not request.body:
        return media.EMPTY, None
    message = Answer(COMPLETE, 200, request.fields, request.body, len(request.body))
    try:
        content = content_of(message, _REQUEST_BYTES_MAX)
        said = media_type(message.field("content-type") or "")
        reading = read(content, said if said.name else guess(content))
    except UndecodableError:
        return media.BINARY, None
    return reading.kind, reading.stored


def _answer(answer: Answer, redaction: Redaction, document: Any) -> KeptAnswer:
    return KeptAnswer(
        answer.outcome,
        answer.status,
        redaction.fields(answer.fields),
        answer.body_bytes,
        answer.error,
        answer.first_byte_s,
        answer.total_s,
        document,
    )


def _is_misread(exchange: Exchange, concluded: Comparison) -> bool:
    """Whether the answers were said to be documents and are shown as text, because they could not be read as those."""
    if concluded.media != media.TEXT:
        return False
    said = (media_type(answer.field("content-type") or "").kind for answer in (exchange.legacy, exchange.new))
    return any(kind not in _PLAIN and kind != media.BINARY for kind in said)


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
