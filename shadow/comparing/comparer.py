"""The comparison of two answers of one route: one verdict, and the differences behind it."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, Final

from routes.shadowing import CompareModel, RuleModel
from shadow.comparing.findings import Findings
from shadow.comparing.heads import HeadComparer, one_sided
from shadow.comparing.rules import Rule, RuleTree, compile_rule
from shadow.comparing.walk import BoundReachedError, Walk
from shadow.comparison import Comparison, Kind, Verdict
from shadow.errors import UndecodableError
from shadow.exchange import COMPLETE, FAILED, NOT_ASKED, Answer
from shadow.reading import media
from shadow.reading.body import EMPTY, Reading, content_of, guess, has_no_body, read, read_binary, read_text
from shadow.reading.media import MediaType, media_type
from shadow.reading.pointer import escape, segments

_SERVER_ERROR: Final = 500
#: Reasons for which a body is not read although it may be sound: where both have one, nothing was compared.
_BOUNDS: Final = ("too_large", "too_deep")
#: Where a body is what another media type says: tried in this order, if either side says so.
_TRIED: Final = (media.JSON, media.JSON_LINES, media.XML, media.HTML)
_UNSAID: Final = (media.TEXT, media.HTML, media.BINARY)
_BODY: Final = "@body"
_STATUS: Final = "@status"


class RouteComparer:
    """Compares the answers of one route.

    Keeps what rules learn over requests (bijections, bounded) and how often each rule was used. Not for threads.

    Attributes:
        uses: by rule id, how many comparisons a rule explained or shaped something in; 0 for one that never did.
        expired: rules that no longer apply, as of the last comparison.
    """

    def __init__(self, model: CompareModel, *, now: Callable[[], float]) -> None:
        """Compiles the rules.

        Args:
            model: what is compared, and the rules.
            now: Unix time in seconds, for rules that expire.

        Raises:
            RuleError: a rule is not usable.
        """
        self._model = model
        self._now = now
        self._head = HeadComparer(model)
        self._rules: tuple[Rule, ...] = tuple(compile_rule(rule) for rule in model.rules)
        self.uses: dict[str, int] = {rule.id: 0 for rule in model.rules}
        self.expired: tuple[RuleModel, ...] = ()
        self._next_expiry = -inf
        self._tree = RuleTree(())
        self._apply_expiry(now())

    def compare(self, legacy: Answer, new: Answer, *, method: str) -> Comparison:
        """Compares two answers to one request.

        Args:
            legacy: the answer to hold against.
            new: the answer that is judged.
            method: of the request, upper case.
        """
        # Of an answer that cannot be compared the other arm was not asked at all: what it was is the reason.
        for answer in sorted((new, legacy), key=lambda one: one.outcome == NOT_ASKED):
            if answer.outcome not in (COMPLETE, FAILED):
                return Comparison(Verdict.NOT_COMPARABLE, answer.outcome)
        if self._next_expiry < inf and (now := self._now()) >= self._next_expiry:
            self._apply_expiry(now)
        pair = _Pair(self._model, self._tree, self._head, legacy, new)
        comparison = pair.failed() or pair.compared(method)
        for rule_id in comparison.rules_used:
            self.uses[rule_id] += 1
        return comparison

    def _apply_expiry(self, now: float) -> None:
        live = [rule for rule in self._rules if rule.model.expires is None or rule.model.expires > now]
        self.expired = tuple(rule.model for rule in self._rules if rule not in live)
        self._next_expiry = min((rule.model.expires for rule in live if rule.model.expires is not None), default=inf)
        self._tree = RuleTree(live)


class _Pair:
    """Two answers that are being compared."""

    __slots__ = ("_findings", "_head", "_legacy", "_model", "_new", "_tree")

    def __init__(self, model: CompareModel, tree: RuleTree, head: HeadComparer, legacy: Answer, new: Answer) -> None:
        self._model = model
        self._tree = tree
        self._head = head
        self._legacy = legacy
        self._new = new
        self._findings = Findings(model.differences_max)

    def failed(self) -> Comparison | None:
        """The comparison where one of them or both failed; None where there is something to compare."""
        legacy, new = _failure(self._legacy), _failure(self._new)
        if not legacy and not new:
            return None
        if legacy == new:
            return Comparison(Verdict.BOTH_FAILED_ALIKE, legacy)
        self._beside(_STATUS, _shown_status(self._legacy), _shown_status(self._new))
        if not self._findings.unexplained and FAILED not in (self._legacy.outcome, self._new.outcome):
            self._findings = Findings(self._model.differences_max)
            return None  # a rule says that this is as it should be
        if legacy and new:
            return self._concluded(Verdict.MISMATCH, reason=new)
        return self._concluded(Verdict.LEGACY_FAILED if legacy else Verdict.NEW_FAILED, reason=legacy or new)

    def compared(self, method: str) -> Comparison:
        """The comparison of two whole answers."""
        self._head.compare(self._legacy, self._new, self._beside)
        if has_no_body(method, self._legacy.status) and has_no_body(method, self._new.status):
            return self._verdict(EMPTY, EMPTY)
        legacy_type, new_type = _content_type(self._legacy), _content_type(self._new)
        if (
            self._legacy.body == self._new.body
            and legacy_type is new_type
            and not self._tree.visits
            and _codings(self._legacy) == _codings(self._new)
        ):
            # The same bytes mean the same, also where nobody could read them.
            return self._verdict(*self._shown(legacy_type, method))
        return self._bodies(legacy_type, new_type)

    def _bodies(self, legacy_type: MediaType, new_type: MediaType) -> Comparison:
        contents: list[bytes | UndecodableError] = []
        for answer in (self._legacy, self._new):
            try:
                contents.append(content_of(answer, self._model.decoded_bytes_max))
            except UndecodableError as error:
                contents.append(error)
        legacy, new = contents
        if isinstance(legacy, UndecodableError) or isinstance(new, UndecodableError):
            return self._unreadable(legacy, new, self._legacy.body, self._new.body)
        if not legacy or not new:
            return self._empty(legacy, new)
        return self._contents(legacy, new, legacy_type, new_type)

    def _contents(self, legacy: bytes, new: bytes, legacy_type: MediaType, new_type: MediaType) -> Comparison:
        left_type, right_type = _agreed(
            legacy_type if legacy_type.name else guess(legacy), new_type if new_type.name else guess(new), legacy, new
        )
        left, right = _attempt(legacy, left_type), _attempt(new, right_type)
        if isinstance(left, UndecodableError) or isinstance(right, UndecodableError):
            return self._unreadable(left, right, legacy, new)
        if left.kind != right.kind:
            self._body(Kind.TYPE, left.kind, right.kind)
            return self._verdict(left, right)
        return self._documents(left, right)

    def _documents(self, legacy: Reading, new: Reading) -> Comparison:
        for path in legacy.duplicates.keys() | new.duplicates.keys():
            before, after = legacy.duplicates.get(path), new.duplicates.get(path)
            if before != after:
                self._add_explained(path, Kind.DUPLICATE, before, after, _pattern(path, legacy.document, new.document))
        if legacy.canonical is not None and legacy.canonical == new.canonical and not self._tree.visits:
            return self._verdict(legacy, new)
        if legacy.kind == media.BINARY:
            self._binary(legacy.document, new.document)
            return self._verdict(legacy, new)
        return self._walked(legacy, new)

    def _walked(self, legacy: Reading, new: Reading) -> Comparison:
        exact = legacy.kind != media.JSON or (legacy.canonical is not None and new.canonical is not None)
        walk = Walk(self._findings, self._model.nodes_max, exact=exact)
        try:
            walk.compare(legacy.document, new.document, "", "", self._tree.root)
        except BoundReachedError:
            verdict = Verdict.MISMATCH if self._findings.unexplained else Verdict.NOT_COMPARABLE
            return self._concluded(verdict, legacy, new, reason="nodes", more=-1)
        return self._verdict(legacy, new)

    def _binary(self, legacy: dict[str, Any], new: dict[str, Any]) -> None:
        if legacy["bytes"] != new["bytes"]:
            self._body(Kind.LENGTH, legacy["bytes"], new["bytes"])
        elif legacy["sha256"] != new["sha256"]:
            self._body(Kind.VALUE, legacy["sha256"], new["sha256"])

    def _empty(self, legacy: bytes, new: bytes) -> Comparison:
        if legacy or new:
            kind = Kind.MISSING if legacy else Kind.EXTRA
            self._body(kind, {"bytes": len(legacy)} if legacy else None, {"bytes": len(new)} if new else None)
        return self._verdict(EMPTY, EMPTY)

    def _unreadable(
        self,
        legacy: bytes | Reading | UndecodableError,
        new: bytes | Reading | UndecodableError,
        legacy_bytes: bytes,
        new_bytes: bytes,
    ) -> Comparison:
        """At least one side cannot be read as what its headers say."""
        if isinstance(legacy, UndecodableError) and isinstance(new, UndecodableError):
            if legacy.reason in _BOUNDS or new.reason in _BOUNDS:
                reason = new.reason if new.reason in _BOUNDS else legacy.reason
                return self._concluded(Verdict.NOT_COMPARABLE, reason=reason)
            return self._documents(*_as_bytes(legacy_bytes, new_bytes))
        before = str(legacy)[:200] if isinstance(legacy, UndecodableError) else None
        after = str(new)[:200] if isinstance(new, UndecodableError) else None
        self._body(Kind.UNDECODABLE, before, after)
        left = legacy if isinstance(legacy, Reading) else EMPTY
        right = new if isinstance(new, Reading) else EMPTY
        return self._verdict(left, right)

    def _shown(self, content_type: MediaType, method: str) -> tuple[Reading, Reading]:
        """The one document of two equal bodies."""
        if not self._legacy.body or method == "HEAD":
            return EMPTY, EMPTY
        try:
            content = content_of(self._legacy, self._model.decoded_bytes_max)
            reading = read(content, content_type if content_type.name else guess(content))
        except UndecodableError:
            reading = read_binary(self._legacy.body)
        return reading, reading

    def _beside(self, path: str, legacy: Any, new: Any) -> None:
        """Compares one value beside the body."""
        kind = one_sided(legacy, new)
        if kind is not None:
            self._add_explained(path, kind, legacy, new, path)
        elif legacy != new or (self._tree.visits and path == _STATUS):
            place, ignore = self._tree.find(path)
            if ignore is not None:
                self._findings.add(path, Kind.VALUE, legacy, new, path, explained_by=ignore.model.id)
            else:
                Walk(self._findings, self._model.nodes_max, exact=True).compare(legacy, new, path, path, place)

    def _body(self, kind: Kind, legacy: Any, new: Any) -> None:
        self._add_explained(_BODY, kind, legacy, new, _BODY)

    def _add_explained(self, path: str, kind: Kind, legacy: Any, new: Any, pattern: str) -> None:
        place, ignore = self._tree.find(path)
        walk = Walk(self._findings, self._model.nodes_max, exact=True)
        explained = ignore.model.id if ignore else walk.explanation(kind, legacy, new, path, place)
        self._findings.add(path, kind, legacy, new, pattern, explained_by=explained)

    def _verdict(self, legacy: Reading, new: Reading) -> Comparison:
        if self._findings.unexplained:
            return self._concluded(Verdict.MISMATCH, legacy, new)
        return self._concluded(Verdict.EXPLAINED if self._findings.listed else Verdict.MATCH, legacy, new)

    def _concluded(
        self, verdict: Verdict, legacy: Reading = EMPTY, new: Reading = EMPTY, *, reason: str = "", more: int = 0
    ) -> Comparison:
        findings = self._findings
        return Comparison(
            verdict,
            reason,
            tuple(findings.listed),
            more or findings.more,
            frozenset(findings.rules_used),
            legacy.kind if legacy is not EMPTY else new.kind,
            legacy.stored,
            new.stored,
        )


def _failure(answer: Answer) -> str:
    """Why an answer failed: the error, or the status; "" where it did not."""
    if answer.outcome == FAILED:
        return answer.error or FAILED
    return str(answer.status) if answer.status >= _SERVER_ERROR else ""


def _shown_status(answer: Answer) -> int | str:
    return (answer.error or FAILED) if answer.outcome == FAILED else answer.status


def _content_type(answer: Answer) -> MediaType:
    return media_type(answer.field("content-type") or "")


def _codings(answer: Answer) -> list[str]:
    return [value for name, value in answer.fields if name == "content-encoding"]


def _agreed(legacy: MediaType, new: MediaType, left: bytes, right: bytes) -> tuple[MediaType, MediaType]:
    """How both bodies are read: one that is declared badly is read as the other one says, if it is that.

    Old systems send JSON as `text/html`. That the types differ is reported at `@header/content-type`; that the bodies
    say the same is worth knowing all the same.
    """
    if legacy.kind == new.kind:
        return legacy, new
    for kind in _TRIED:
        if kind == legacy.kind and new.kind in _UNSAID and not isinstance(_attempt(right, legacy), UndecodableError):
            return legacy, legacy
        if kind == new.kind and legacy.kind in _UNSAID and not isinstance(_attempt(left, new), UndecodableError):
            return new, new
    return legacy, new


def _attempt(content: bytes, content_type: MediaType) -> Reading | UndecodableError:
    try:
        return read(content, content_type)
    except UndecodableError as error:
        return error


def _as_bytes(legacy: bytes, new: bytes) -> tuple[Reading, Reading]:
    """Two bodies that are not what they are said to be, both: as text where they are that, else as bytes."""
    try:
        legacy.decode()
        new.decode()
    except UnicodeDecodeError:
        return read_binary(legacy), read_binary(new)
    plain = media_type("text/plain; charset=utf-8")
    return read_text(legacy, plain), read_text(new, plain)


def _pattern(path: str, *documents: Any) -> str:
    """The path with array indexes as `*`, by what is there in a document."""
    shown, values = [], list(documents)
    for part in segments(path):
        in_array = any(isinstance(value, list) for value in values)
        shown.append("*" if in_array else part)
        values = [_member(value, part) for value in values]
    return "".join(f"/{escape(part)}" for part in shown)


def _member(value: Any, part: str) -> Any:
    if isinstance(value, dict):
        return value.get(part)
    if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
        return value[int(part)]
    return None
