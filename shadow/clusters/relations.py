"""How two differing values are related: found by trying, the narrowest relation first.

A relation is text, `name` or `name:argument`, and reads from legacy to new: `scaled:2` is new = 100 times legacy,
`wrapped` is new = [legacy]. The names are in `RELATIONS`; "" is none, which is what bugs usually leave behind. An
argument never holds a value of the answers: so there are few, one cause is one cluster, and it may be stored as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final

from shadow.clusters.numbers import number_relation
from shadow.clusters.texts import as_number, text_relation
from shadow.comparison import Difference, Kind
from shadow.noise.patterns import normalised
from shadow.noise.readings import readings
from shadow.times import NANOSECONDS, read_time

#: Relation -> what it says, for reports. `{}` is the argument.
RELATIONS: Final[dict[str, str]] = {
    "number_equal": "the same number, written another way",
    "scaled": "new is legacy times 10^{}",
    "negated": "the sign is the other one",
    "rounded": "new is legacy rounded to {} places",
    "truncated": "new is legacy cut to {} places",
    "unrounded": "legacy is new rounded to {} places",
    "untruncated": "legacy is new cut to {} places",
    "case": "the same text in other case",
    "trimmed": "the same text with other blanks at its ends",
    "blanks": "the same text with other blanks within",
    "unicode": "the same text in another Unicode form",
    "html_escaped": "new is legacy escaped for HTML",
    "html_unescaped": "legacy is new escaped for HTML",
    "url_encoded": "new is legacy encoded for URLs",
    "url_decoded": "legacy is new encoded for URLs",
    "mojibake": "new is legacy's UTF-8 read as {}",
    "mojibake_mended": "legacy is new's UTF-8 read as {}",
    "replaced": "characters of one side are replacement characters on the other",
    "prefix_added": "new is something and then legacy",
    "prefix_gone": "legacy is something and then new",
    "suffix_added": "new is legacy and then something",
    "suffix_gone": "legacy is new and then something",
    "time_offset": "the same instant with another offset from UTC",
    "time_precision": "the same instant, more or less exact",
    "time_format": "the same instant, written another way",
    "time_shifted": "the time is off by {} hours, as in another time zone",
    "date_format": "the same date, written another way",
    "epoch_as_time": "seconds or milliseconds since 1970 became a time",
    "time_as_epoch": "a time became seconds or milliseconds since 1970",
    "number_as_text": "a number became text",
    "text_as_number": "text became a number",
    "bool_as": "true and false became {}",
    "as_bool": "{} became true and false",
    "null_empty": "null became an empty value",
    "empty_null": "an empty value became null",
    "null_absent": "null on one side, absent on the other",
    "empty_absent": "empty on one side, absent on the other",
    "wrapped": "new is legacy in a list of one",
    "unwrapped": "legacy is new in a list of one",
    "renamed": "the same value under the name {}",
    "moved": "the same value at {}",
    "reordered": "the same members in another order",
    "status": "the status is another one: {}",
    "another": "another {}",
}
#: Longest value that relations are looked for in, in characters.
VALUE_CHARACTERS_MAX: Final = 4_096
_EPOCH_SCALES: Final = (1, 1_000)
_TRUTHS: Final[dict[Any, tuple[bool, str]]] = {
    "Y": (True, "Y/N"), "N": (False, "Y/N"), "y": (True, "y/n"), "n": (False, "y/n"),
    "yes": (True, "yes/no"), "no": (False, "yes/no"), "Yes": (True, "Yes/No"), "No": (False, "Yes/No"),
    "YES": (True, "YES/NO"), "NO": (False, "YES/NO"), "true": (True, "true/false"), "false": (False, "true/false"),
    "True": (True, "True/False"), "False": (False, "True/False"), "TRUE": (True, "TRUE/FALSE"),
    "FALSE": (False, "TRUE/FALSE"), "T": (True, "T/F"), "F": (False, "T/F"), "t": (True, "t/f"), "f": (False, "t/f"),
    "on": (True, "on/off"), "off": (False, "on/off"), "1": (True, "'1'/'0'"), "0": (False, "'1'/'0'"),
}  # fmt: skip
#: Differences of one exchange among which renamed and moved values are looked for.
_PAIRED_MAX: Final = 200


def relation(difference: Difference) -> str:
    """The relation between the two values of one difference; "" where there is none."""
    kind, legacy, new = difference.kind, difference.legacy, difference.new
    if kind is Kind.ORDER:
        return "reordered"
    if kind in {Kind.MISSING, Kind.EXTRA}:
        value = legacy if kind is Kind.MISSING else new
        return "null_absent" if value is None else "empty_absent" if _is_empty(value) else ""
    if kind not in {Kind.VALUE, Kind.TYPE}:
        return ""
    return f"status:{legacy}>{new}" if difference.path == "@status" else between(legacy, new)


def relations(differences: Sequence[Difference]) -> list[str]:
    """The relation of each difference of one exchange, renamed and moved values included: those show in pairs."""
    found = [relation(difference) for difference in differences]
    gone: dict[str, list[int]] = {}
    if len(differences) <= _PAIRED_MAX:
        for at, difference in enumerate(differences):
            if difference.kind is Kind.MISSING and not found[at]:
                gone.setdefault(_identity(difference.legacy), []).append(at)
    if not gone:
        return found
    for at, difference in enumerate(differences):
        if difference.kind is Kind.EXTRA and not found[at]:
            partners = gone.get(_identity(difference.new))
            if partners:
                partner = _nearest(differences, difference, partners)
                partners.remove(partner)
                found[partner] = _whereto(differences[partner], difference)
                found[at] = found[partner]
    return found


def between(legacy: Any, new: Any) -> str:
    """The relation between two JSON values that differ; "" where there is none."""
    legacy, new = _plain(legacy), _plain(new)
    if isinstance(legacy, str) and isinstance(new, str):
        if len(legacy) > VALUE_CHARACTERS_MAX or len(new) > VALUE_CHARACTERS_MAX:
            return ""
        return text_relation(legacy, new) or _another(legacy, new)
    if isinstance(legacy, bool) or isinstance(new, bool):
        return _truth(legacy, new) or _list_of_one(legacy, new)
    if _is_number(legacy) and _is_number(new):
        return number_relation(legacy, new) or ("another:number" if _both_fractions(legacy, new) else "another:integer")
    if _is_number(legacy) and isinstance(new, str):
        return _number_and_text(legacy, new, "number_as_text", "epoch_as_time")
    if isinstance(legacy, str) and _is_number(new):
        return _number_and_text(new, legacy, "text_as_number", "time_as_epoch")
    if legacy is None and _is_empty(new):
        return "null_empty"
    if new is None and _is_empty(legacy):
        return "empty_null"
    return _list_of_one(legacy, new)


def _plain(value: Any) -> Any:
    """Numbers beyond int64 and float are text of a class of its own, see `shadow.reading.exact`."""
    return Decimal(value) if isinstance(value, str) and type(value) is not str else value


def _list_of_one(legacy: Any, new: Any) -> str:
    if isinstance(new, list) and len(new) == 1 and _identity(new[0]) == _identity(legacy):
        return "wrapped"
    if isinstance(legacy, list) and len(legacy) == 1 and _identity(legacy[0]) == _identity(new):
        return "unwrapped"
    return ""


def _truth(legacy: Any, new: Any) -> str:
    if isinstance(legacy, bool):
        truth, style = _truth_of(new)
        return f"bool_as:{style}" if truth is legacy else ""
    truth, style = _truth_of(legacy)
    return f"as_bool:{style}" if truth is new else ""


def _truth_of(value: Any) -> tuple[bool | None, str]:
    if isinstance(value, str):
        return _TRUTHS.get(value, (None, ""))
    if _is_number(value) and value in {0, 1}:
        return value == 1, "1/0"
    return None, ""


def _number_and_text(number: float | Decimal, text: str, written: str, timed: str) -> str:
    if len(text) > VALUE_CHARACTERS_MAX:
        return ""
    parsed = as_number(text)
    if parsed is not None:
        return written if parsed == as_number(str(number)) else ""
    moment = read_time(text)
    if moment is not None:
        for scale in _EPOCH_SCALES:
            unit = NANOSECONDS // scale
            if abs(Decimal(str(number)) * unit - moment.nanoseconds) < max(unit, moment.unit):
                return timed
    return ""


def _another(legacy: str, new: str) -> str:
    """`another:<what>` where both are of the same narrow sort: another UUID, another hash."""
    one, other = readings(legacy), readings(new)
    for name in one:
        if name in other and name != "text":
            return f"another:{name}"
    return ""


def _both_fractions(legacy: float | Decimal, new: float | Decimal) -> bool:
    return not (isinstance(legacy, int) and isinstance(new, int))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _is_empty(value: Any) -> bool:
    return isinstance(value, (str, list, dict)) and not value


def _identity(value: Any) -> str:
    """The same text for the same JSON value and no other, as far as relations look; 1 is not true."""
    return repr(value)[:VALUE_CHARACTERS_MAX]


def _nearest(differences: Sequence[Difference], extra: Difference, partners: list[int]) -> int:
    """Of several equal values that are gone, the one whose path has most in common with where it came up."""
    parts = extra.path.split("/")

    def common(at: int) -> int:
        shared = 0
        for one, other in zip(parts, differences[at].path.split("/"), strict=False):
            if one != other:
                break
            shared += 1
        return shared

    return max(partners, key=common)


def _whereto(missing: Difference, extra: Difference) -> str:
    parent, _, _ = missing.path.rpartition("/")
    new_parent, _, _ = extra.path.rpartition("/")
    where = normalised(extra.pattern)
    return f"renamed:{where.rpartition('/')[2]}" if parent == new_parent else f"moved:{where}"
