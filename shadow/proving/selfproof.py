"""Live proof that the comparer finds bugs: on copies of real pairs, every so many exchanges, polluting nothing.

A bug counts as found where the copy is a mismatch with an open difference at the bug's place, above or below it; what
is gone from an array may show anywhere in that array. What is asked for is what the comparer says about this one
exchange, at once; regressions that only show over many exchanges are the business of the paired test.

Where new's answer is not a good one, a copy of legacy's second answer is taken, if there is one: on a route of which
every answer differs, too, it should be known what the comparer finds.

False alarms are estimated without any assumption about new: where legacy was asked twice, its second answer is judged
as if it were new's, by what was known before the exchange.
"""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, Protocol

import orjson

from shadow.comparison import Comparison, Verdict
from shadow.exchange import Answer
from shadow.proving.mutations import MUTATIONS, Mutation, mutate
from shadow.proving.tally import UNCHANGED, ProofTally

#: Exchanges of a route between two proofs.
EVERY: Final = 100
#: Longest body that is proved on: a proof costs about as much as a comparison.
BODY_BYTES_MAX: Final = 256 << 10
_FINDINGS: Final = frozenset({Verdict.MISMATCH, Verdict.NEW_FAILED})
_GOOD: Final = frozenset({Verdict.MATCH, Verdict.EXPLAINED})
_REFRAMED: Final = frozenset({"content-encoding", "content-length", "content-type", "etag", "content-md5", "digest"})


class PairComparer(Protocol):
    """Compares two answers: `shadow.comparing.comparer.RouteComparer`."""

    def compare(self, legacy: Answer, new: Answer, *, method: str) -> Comparison:
        """The differences by the rules of one route."""


class Judge(Protocol):
    """Judges comparisons by what is known of noise: `VeiledNoise`, `RouteNoise`."""

    def judge(self, new: Comparison) -> Comparison:
        """What noise makes of it."""


class SelfProof:
    """The proof of one route.

    Attributes:
        tally: what came of it.
    """

    __slots__ = ("_again", "_comparer", "_earlier", "_every", "_itself", "_noise", "_rng", "_seen", "_turn", "tally")

    def __init__(
        self,
        comparer: PairComparer,
        noise: Judge,
        *,
        itself: PairComparer | None = None,
        every: int = EVERY,
        seed: int = 0,
    ) -> None:
        """Prove a comparer.

        Args:
            comparer: of the same model as the one that is proved, but another one: it keeps state of its own, and bugs
                must not teach the one that real answers are compared with.
            noise: the route's own; it is asked and not taught.
            itself: the same for legacy against itself; None where bugs are only put into copies of new's answers.
            every: exchanges between two proofs.
            seed: of the bugs.
        """
        self.tally = ProofTally()
        self._comparer = comparer
        self._itself = itself
        self._again: Comparison | None = None
        self._noise = noise
        self._every = every
        self._rng = random.Random(seed)  # noqa: S311 bugs need no secrets
        self._seen = 0
        self._turn = 0
        self._earlier: Any = None

    def before(self, again: Comparison | None) -> None:
        """Judge legacy's second answer as if it were new's: before the exchange is concluded, since that teaches."""
        self._again = None
        if again is not None and again.verdict in {*_GOOD, Verdict.MISMATCH}:
            self._again = self._noise.judge(again)
            self.tally.count(UNCHANGED, found=self._again.verdict is Verdict.MISMATCH)

    def after(self, concluded: Comparison, legacy: Answer, *, method: str) -> Mutation | None:
        """Put a bug into a copy of a good exchange if it is time for one.

        Returns:
            The bug that was tried, or None.
        """
        self._seen += 1
        if self._seen < self._every or legacy.body_bytes > BODY_BYTES_MAX:
            return None
        if _is_good(concluded):
            self._seen = 0
            return self._prove(self._comparer, concluded, legacy, method)
        if self._itself is not None and self._again is not None and _is_good(self._again):
            self._seen = 0
            return self._prove(self._itself, self._again, legacy, method)
        return None

    def _prove(self, comparer: PairComparer, good: Comparison, legacy: Answer, method: str) -> Mutation | None:
        document = good.new_document
        kind = MUTATIONS[self._turn % len(MUTATIONS)]
        self._turn += 1
        earlier, self._earlier = self._earlier, document
        mutation = mutate(document, kind, self._rng, earlier=earlier)
        if mutation is None:
            return None
        twin = json_answer(legacy, good.legacy_document)
        # What rules learn from pairs, they learn from this one before it has a bug.
        comparer.compare(twin, json_answer(legacy, document), method=method)
        compared = comparer.compare(twin, json_answer(legacy, mutation.document), method=method)
        self.tally.count(kind, found=is_found(self._noise.judge(compared), mutation))
        return mutation


def _is_good(concluded: Comparison) -> bool:
    """Whether nothing is open in it, and it has a document to put a bug into."""
    return concluded.verdict in _GOOD and concluded.media == "json" and isinstance(concluded.new_document, (dict, list))


def is_found(judged: Comparison, mutation: Mutation) -> bool:
    """Whether what was judged shows the bug."""
    if judged.verdict not in _FINDINGS:
        return False
    if judged.more:
        return True
    place = mutation.place.path
    if isinstance(mutation.place.steps[-1], int):
        place = place.rpartition("/")[0]
    return any(_is_near(difference.path, place) for difference in judged.unexplained)


def _is_near(path: str, place: str) -> bool:
    return path in {place, "@body"} or path.startswith(f"{place}/") or place.startswith(f"{path}/")


def json_answer(like: Answer, document: Any) -> Answer:
    """A complete answer with a document as its JSON body and otherwise the fields of another answer."""
    body = orjson.dumps(document, default=_number, option=orjson.OPT_PASSTHROUGH_SUBCLASS)
    kept = tuple(field for field in like.fields if field[0] not in _REFRAMED)
    return replace(like, fields=(*kept, ("content-type", "application/json")), body=body, body_bytes=len(body))


def _number(value: Any) -> Any:
    """Numbers beyond int64 and float, which the comparer keeps as text of a class of its own."""
    if isinstance(value, (Decimal, int, str)):
        return orjson.Fragment(str(value))
    raise TypeError(f"no JSON value: {type(value).__name__}")
