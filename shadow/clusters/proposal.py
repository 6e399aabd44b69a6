"""The narrowest rule that would explain a cluster, and how sure one may be that it should be explained at all.

A rule is proposed only where the relation is one that a deliberate change leaves behind. Where only a bug explains a
difference — another object, an hour's shift, a broken encoding — none is.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from routes.shadowing import RuleModel
from shadow.clusters.cluster import Cluster, Example
from shadow.clusters.transforms import BY_RELATION
from shadow.comparison import Kind

LIKELY: Final = "likely"
DOUBTFUL: Final = "doubtful"
#: Examples after which identifiers are believed to be one to one.
_PAIRS_MIN: Final = 3
_IDENTIFIERS: Final = frozenset({"uuid", "ulid", "hex", "HEX", "digits", "integer"})
_EXACTNESS_S: Final = 1.0

#: Relation without its argument -> (kind of rule, its argument, confidence, words).
_SIMPLE: Final[dict[str, tuple[str, Any, str, str]]] = {
    "case": ("case_insensitive", None, LIKELY, "only the case differs; right where no client compares it exactly"),
    "null_absent": ("null_is_absent", None, LIKELY, "most clients take null and absent for the same"),
    "reordered": ("unordered", None, DOUBTFUL, "right only where clients do not rely on the order"),
    "number_equal": ("tolerance", {"absolute": 0.0}, LIKELY, "the same number, written another way"),
    "time_offset": ("time_tolerance", 0.0, LIKELY, "the same instant; right where clients read the offset"),
    "time_format": ("time_tolerance", 0.0, DOUBTFUL, "the same instant, but clients must read another format"),
    "time_precision": ("time_tolerance", _EXACTNESS_S, LIKELY, "the same instant, more or less exact"),
}
_MAPPED: Final[dict[str, tuple[str, str]]] = {
    "scaled": (DOUBTFUL, "a change of unit: right only if it is meant and every client knows"),
    "negated": (DOUBTFUL, "the sign changed: right only if it is meant and every client knows"),
    "trimmed": (LIKELY, "only blanks at the ends differ"),
    "html_escaped": (DOUBTFUL, "new escapes what legacy does not: clients may show entities"),
    "html_unescaped": (DOUBTFUL, "new no longer escapes: check that clients do"),
    "url_encoded": (DOUBTFUL, "new encodes what legacy does not"),
    "url_decoded": (DOUBTFUL, "new no longer encodes"),
    "number_as_text": (DOUBTFUL, "clients see another JSON type"),
    "text_as_number": (DOUBTFUL, "clients see another JSON type"),
    "wrapped": (DOUBTFUL, "clients see a list where a value was"),
    "unwrapped": (DOUBTFUL, "clients see a value where a list was"),
    "null_empty": (DOUBTFUL, "clients that test for null behave differently"),
    "empty_null": (DOUBTFUL, "clients that expect a value meet null"),
}
_TRUTHS: Final = {"Y/N", "y/n", "yes/no", "Yes/No", "YES/NO", "true/false", "True/False", "T/F", "t/f", "on/off"}


class Proposal(NamedTuple):
    """A rule that would explain a cluster.

    Attributes:
        rule: without an id: whoever accepts it gives one.
        confidence: `likely` or `doubtful` that the difference is meant.
        words: why, in one sentence.
    """

    rule: RuleModel
    confidence: str
    words: str


def propose(cluster: Cluster) -> Proposal | None:
    """The narrowest rule that explains a cluster; None where only a bug does."""
    if cluster.path.startswith("@status"):
        return None
    name, _, argument = cluster.relation.partition(":")
    if name in _SIMPLE:
        kind, value, confidence, words = _SIMPLE[name]
        return _proposal(cluster, kind, value, confidence, words)
    if cluster.relation in BY_RELATION and name in _MAPPED:
        confidence, words = _MAPPED[name]
        transform = BY_RELATION[cluster.relation]
        return _proposal(cluster, "map", f"{transform.__module__}:{transform.__name__}", confidence, words)
    if name in {"rounded", "unrounded", "truncated", "untruncated"}:
        # Half a unit of the last place for rounding, a whole one for cutting.
        room = 10.0 ** -int(argument) * (0.5 if name.endswith("rounded") else 1.0)
        places = "1 place" if argument == "1" else f"{argument} places"
        words = f"equal to {places}; right where clients do not need more"
        return _proposal(cluster, "tolerance", {"absolute": room}, LIKELY, words)
    if name in {"bool_as", "as_bool"} and argument in _TRUTHS:
        return _truths(cluster, argument, to_text=name == "bool_as")
    return _identifiers(cluster, argument) if name == "another" and cluster.kind is Kind.VALUE else None


def _truths(cluster: Cluster, style: str, *, to_text: bool) -> Proposal | None:
    """A dictionary for a flag that is written in words; its keys are JSON text, so only words can be looked up."""
    if to_text:
        return None
    yes, no = style.split("/")
    return _proposal(cluster, "map", {yes: True, no: False}, DOUBTFUL, "clients see another JSON type")


def _identifiers(cluster: Cluster, what: str) -> Proposal | None:
    """A bijection where the examples are identifiers, one to one, and there are enough to say so."""
    if what not in _IDENTIFIERS or not _is_one_to_one(cluster.examples):
        return None
    if what == "integer" and not cluster.path.lower().rstrip("*/").endswith(("id", "number", "key", "ref")):
        return None
    words = "identifiers of two systems: each of legacy's must always be the same one of new's"
    return _proposal(cluster, "bijection", None, LIKELY, words)


def _is_one_to_one(examples: tuple[Example, ...]) -> bool:
    pairs = {(repr(example.legacy), repr(example.new)) for example in examples}
    return _PAIRS_MIN <= len(pairs) == len({one for one, _ in pairs}) == len({other for _, other in pairs})


def _proposal(cluster: Cluster, kind: str, argument: Any, confidence: str, words: str) -> Proposal:
    return Proposal(RuleModel("", cluster.path, kind, argument, reason=words), confidence, words)


def covers(rule_path: str, pattern: str) -> bool:
    """Whether a rule's path is that of a pattern: part for part, `*` for any one part."""
    rule, parts = rule_path.split("/"), pattern.split("/")
    return len(rule) == len(parts) and all(one in {"*", other} for one, other in zip(rule, parts, strict=True))
