"""One kept exchange: everything of it that may be kept, redacted, as one compressed value."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, Self

import zstandard

from shadow.comparison import Difference, Kind
from shadow.errors import StoreError
from shadow.exchange import Fields
from shadow.keeping.values import dump, load

#: Longest record before it is compressed. Of one that would be longer no document is kept, and its differences are.
RECORD_BYTES_MAX: Final = 1 << 20
_LEVEL: Final = 1
_READ_BYTES_MAX: Final = 8 * RECORD_BYTES_MAX


@dataclass(frozen=True, slots=True)
class KeptRequest:
    """What was asked.

    Attributes:
        method: as sent.
        target: `path?query`, redacted.
        host: authority the client used.
        scheme: `http` or `https`.
        fields: headers, redacted.
        media: of the body, as `Comparison.media`.
        document: the decoded body, redacted; None where it was binary, could not be decoded, or is too long.
        body_bytes: of the body as it was sent.
    """

    method: str
    target: str
    host: str
    scheme: str
    fields: Fields
    media: str = "empty"
    document: Any = None
    body_bytes: int = 0


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """What an arm answered, as `shadow.exchange.Answer`, with the decoded body instead of its bytes."""

    outcome: str
    status: int
    fields: Fields
    body_bytes: int
    error: str
    first_byte_s: float
    total_s: float
    document: Any = None


@dataclass(frozen=True, slots=True)
class Record:
    """One kept exchange.

    Attributes:
        id: request id.
        at: Unix time in seconds.
        route: name.
        served: `legacy` or `new`.
        sandbox: new's answer is the sandbox service's.
        verdict: what was concluded.
        reason: narrows the verdict.
        media: of the answers.
        request: what was asked.
        legacy: legacy's answer.
        new: new's answer.
        again: legacy's second answer, without its document; None where it was not asked for.
        again_before_new: it was asked for before new was.
        differences: redacted, explained ones included.
        more: differences beyond those that are listed; -1 where the number is unknown.
        rules_used: ids.
        clusters: fingerprints.
        redactions: values that became tokens.
        cut: the documents were too long to be kept.
    """

    id: str
    at: float
    route: str
    served: str
    sandbox: bool
    verdict: str
    reason: str
    media: str
    request: KeptRequest
    legacy: KeptAnswer
    new: KeptAnswer
    again: KeptAnswer | None = None
    again_before_new: bool = False
    differences: tuple[Difference, ...] = ()
    more: int = 0
    rules_used: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    redactions: int = 0
    cut: bool = False

    def pack(self) -> bytes:
        """As bytes for the store."""
        text = dump(_plain(self))
        if len(text) > RECORD_BYTES_MAX:
            text = dump(_plain(self._shortened()))
        return zstandard.ZstdCompressor(level=_LEVEL).compress(text)

    @classmethod
    def unpack(cls, content: bytes) -> Self:
        """What `pack` wrote.

        Raises:
            StoreError: the content is damaged.
        """
        try:
            text = zstandard.ZstdDecompressor().decompress(content, max_output_size=_READ_BYTES_MAX)
            given = load(text)
            given["request"] = KeptRequest(**{**given["request"], "fields": _fields(given["request"]["fields"])})
            for arm in ("legacy", "new", "again"):
                given[arm] = _answer(given[arm])
            given["differences"] = tuple(
                Difference(path, Kind(kind), *rest) for path, kind, *rest in given["differences"]
            )
            given["rules_used"], given["clusters"] = tuple(given["rules_used"]), tuple(given["clusters"])
            return cls(**given)
        except (zstandard.ZstdError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise StoreError(f"a kept exchange cannot be read: {error}", reason="damaged") from error

    def _shortened(self) -> Self:
        """Without documents; values of differences that are long themselves go too."""
        return replace(
            self,
            request=replace(self.request, document=None),
            legacy=replace(self.legacy, document=None),
            new=replace(self.new, document=None),
            differences=tuple(_short(difference) for difference in self.differences),
            cut=True,
        )


def _plain(record: Record) -> dict[str, Any]:
    given: dict[str, Any] = {name: getattr(record, name) for name in Record.__slots__}
    given["differences"] = [list(difference) for difference in record.differences]
    for part in ("request", "legacy", "new", "again"):
        if given[part] is not None:
            given[part] = {name: getattr(given[part], name) for name in given[part].__slots__}
    return given


def _fields(pairs: list[list[str]]) -> Fields:
    return tuple((name, value) for name, value in pairs)


def _answer(given: dict[str, Any] | None) -> KeptAnswer | None:
    return None if given is None else KeptAnswer(**{**given, "fields": _fields(given["fields"])})


def _short(difference: Difference) -> Difference:
    """A difference whose values are short enough to keep a hundred of them."""
    legacy, new = difference.legacy, difference.new
    return difference._replace(
        path=difference.path[:_SHORT], pattern=difference.pattern[:_SHORT], legacy=_cut(legacy), new=_cut(new)
    )


_SHORT: Final = 2_000


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _SHORT else value[:_SHORT] + "…"
    if isinstance(value, (dict, list)) and len(dump(value)) > _SHORT:
        return f"… {type(value).__name__} of {len(value)}"
    return value
