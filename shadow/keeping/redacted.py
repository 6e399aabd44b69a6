"""One exchange with its secrets taken out, once: made when first somebody needs it, and whoever needs it shares it."""

from __future__ import annotations

from typing import Any, Final

from shadow.comparison import Comparison
from shadow.errors import UndecodableError
from shadow.exchange import COMPLETE, Answer, AskedRequest, Exchange
from shadow.keeping.records import KeptAnswer, KeptRequest
from shadow.keeping.redaction import Redaction, Redactor
from shadow.keeping.secrets import ECHO_CHARACTERS_MIN
from shadow.keeping.values import dump
from shadow.reading import media
from shadow.reading.body import content_of, guess, read
from shadow.reading.media import media_type

#: Longest request body that is decoded.
_REQUEST_BYTES_MAX: Final = 1 << 20
#: What a body that is plain text may have been said to be.
_PLAIN: Final = frozenset((media.TEXT, media.EMPTY))


class RedactedExchange:
    """An exchange, redacted.

    Attributes:
        misread: the answers were said to be documents and are shown as text, because they could not be read as those:
            names and paths cannot be found in them, so that no document is kept.
        redaction: of all of it.
        request: what was asked.
        untouched: there was nothing to hide in the request.
        legacy: legacy's answer.
        new: new's answer.
        again: legacy's second answer, without its document; None where it was not asked for.
    """

    __slots__ = ("again", "legacy", "misread", "new", "redaction", "request", "untouched")

    def __init__(
        self, redactor: Redactor, exchange: Exchange, compared: Comparison, again: Comparison | None = None
    ) -> None:
        redaction = self.redaction = redactor.begin()
        self.request = _request(exchange.request, redaction)
        self.untouched = redaction.count == 0
        self.misread = is_misread(exchange, compared)
        legacy, new = (None, None) if self.misread else (compared.legacy_document, compared.new_document)
        kept = redaction.document(legacy)
        self.legacy = _answer(exchange.legacy, redaction, kept)
        self.new = _answer(exchange.new, redaction, kept if new is legacy else redaction.document(new))
        self.again: KeptAnswer | None = None
        if exchange.again is not None:
            if again is not None and not self.misread:
                redaction.document(again.new_document)  # for what is secret in it
            self.again = _answer(exchange.again, redaction, None)


class Sight:
    """What is secret in one exchange: looked up where something new might be remembered of it.

    Args:
        redactor: of the route.
        exchange: as it came.
        compared: legacy's answer against new's.
        again: legacy's answer against its second one.
    """

    __slots__ = ("_again", "_compared", "_exchange", "_redacted", "_redactor", "_texts")

    def __init__(self, redactor: Redactor, exchange: Exchange, compared: Comparison, again: Comparison | None) -> None:
        self._redactor = redactor
        self._exchange = exchange
        self._compared = compared
        self._again = again
        self._redacted: RedactedExchange | None = None
        self._texts: tuple[bytes, ...] | None = None

    @property
    def redacted(self) -> RedactedExchange:
        """The exchange, redacted."""
        if self._redacted is None:
            self._redacted = RedactedExchange(self._redactor, self._exchange, self._compared, self._again)
        return self._redacted

    def is_echo(self, name: str) -> bool:
        """Whether a name holds something that is a secret elsewhere in the exchange."""
        return self.redacted.redaction.scrub_text(name) != name

    def is_echoed_number(self, number: float) -> bool:
        """The same of a number; quick where it stands in one place only, as most numbers do."""
        said = dump(number)
        if len(said) < ECHO_CHARACTERS_MIN or not self._stands_twice(said):
            return False
        return bool(self.redacted.redaction.scrub(number) != number)

    def _stands_twice(self, said: bytes) -> bool:
        if self._texts is None:
            exchange, again = self._exchange, self._again
            answers = [one for one in (exchange.legacy, exchange.new, exchange.again) if one is not None]
            around = dump([exchange.request.target, exchange.request.fields, [one.fields for one in answers]])
            bodies = [one.body for one in answers]
            if b"content-encoding" in around:
                documents = (self._compared.legacy_document, self._compared.new_document, again and again.new_document)
                bodies = list(map(dump, documents))
            self._texts = (around, *bodies)
        if self._exchange.request.body:
            return True  # may be encoded in any way
        around_text, *documents_texts = self._texts
        return said in around_text or any(text.count(said) > 1 for text in documents_texts)


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


def is_misread(exchange: Exchange, concluded: Comparison) -> bool:
    """Whether the answers were said to be documents and are shown as text, because they could not be read as those."""
    if concluded.media != media.TEXT:
        return False
    said = (media_type(answer.field("content-type") or "").kind for answer in (exchange.legacy, exchange.new))
    return any(kind not in _PLAIN and kind != media.BINARY for kind in said)
