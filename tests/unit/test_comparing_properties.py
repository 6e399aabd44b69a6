"""Properties of comparing: a thing is like itself, one edit is one difference, nothing raises; and oracles."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from itertools import pairwise, permutations
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from routes.shadowing import RULE_KINDS, CompareModel, RuleModel
from shadow.comparing.arrays import Members, _longest_in_order, match_members
from shadow.comparing.assignment import assign
from shadow.comparing.comparer import RouteComparer
from shadow.comparison import Kind, Verdict
from shadow.errors import UndecodableError
from shadow.reading.body import read
from shadow.reading.codings import decode_content
from shadow.reading.jsontext import read_json
from shadow.reading.media import media_type
from shadow.reading.pointer import segments
from support.answers import answer, compare, shown

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
#: No boolean beside numbers: to an array that is re-ordered, Python takes true for 1.
scalars = st.none() | st.integers(-(10**25), 10**25) | st.floats(allow_nan=False, allow_infinity=False) | texts
documents = st.recursive(
    scalars | st.booleans(),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(texts, inner, max_size=6),
    max_leaves=30,
)
containers = st.dictionaries(texts, documents, min_size=1, max_size=6) | st.lists(documents, min_size=1, max_size=6)
quick = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])

SWAPPED = {Kind.MISSING: Kind.EXTRA, Kind.EXTRA: Kind.MISSING}


def oracle(text: str) -> Any:
    """A document in a form in which Python's own equality is JSON's: exact numbers, and types that never mix."""

    def typed(value: Any) -> Any:
        if isinstance(value, dict):
            return "object", {key: typed(member) for key, member in value.items()}
        if isinstance(value, list):
            return "array", [typed(member) for member in value]
        return ("number" if isinstance(value, Decimal) else type(value).__name__), value

    return typed(json.loads(text, parse_float=Decimal, parse_int=Decimal))


@quick
@given(documents, st.integers(0, 4), st.booleans(), st.booleans())
def test_document_matches_itself_however_it_is_written(document, indent, ascii_only, sort):
    other = json.dumps(document, indent=indent, ensure_ascii=ascii_only, sort_keys=sort).encode()
    comparison = compare(json.dumps(document).encode(), other)
    assert comparison.verdict is Verdict.MATCH, shown(comparison.differences)


@quick
@given(st.from_regex(r"-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True), st.data())
def test_numbers_are_equal_exactly_where_their_decimals_are(left, data):
    right = data.draw(
        st.sampled_from([left, left + "0" if "." in left and "e" not in left.lower() else left, str(Decimal(left))])
        | st.just(repr(float(left)) if abs(float(left)) < 1e300 else left)
    )
    comparison = compare(f"[{left}]".encode(), f"[{right}]".encode())
    assert (comparison.verdict is Verdict.MATCH) == (Decimal(left) == Decimal(right))


@quick
@given(documents, documents)
def test_the_other_way_round_the_kinds_are_mirrored(legacy, new):
    there, back = compare({"d": legacy}, {"d": new}), compare({"d": new}, {"d": legacy})
    assert there.verdict is back.verdict
    if "[" not in json.dumps([legacy, new])[1:-1]:  # which of several alike members is which may differ
        kinds = sorted(SWAPPED.get(one.kind, one.kind) for one in there.differences)
        assert kinds == sorted(one.kind for one in back.differences)


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The place of every value inside a document."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, member in members for place in [(*at, key), *paths(member, (*at, key))]]


def parent_of(document: Any, place: tuple[Any, ...]) -> Any:
    for key in place[:-1]:
        document = document[key]
    return document


def edit(document: Any, data: st.DataObject) -> Any:
    """A copy with one value changed, taken away, put in or moved."""
    new = copy.deepcopy(document)
    place = data.draw(st.sampled_from(paths(new)))
    parent, key = parent_of(new, place), place[-1]
    kind = data.draw(st.sampled_from(["change", "remove", "insert", "swap"]))
    if kind == "change":
        fresh = data.draw(st.sampled_from(["fresh", 987654321, None, {"fresh": 1}, ["fresh"]]))
        # Another container in a container's place would be many edits.
        assume(
            (not isinstance(parent[key], dict | list) and type(parent[key]) is not type(fresh))
            or isinstance(fresh, str)
        )
        assume(not isinstance(parent[key], dict | list))
        parent[key] = fresh
    elif kind == "remove":
        del parent[key]
    elif kind == "insert" and isinstance(parent, list):
        parent.insert(key, "fresh")
    elif kind == "insert":
        parent["fresh key"] = "fresh"
    else:
        assume(isinstance(parent, list) and key + 1 < len(parent))
        assume(oracle(json.dumps(parent[key])) != oracle(json.dumps(parent[key + 1])))
        assume(not isinstance(parent[key], bool) and not isinstance(parent[key + 1], bool))
        parent[key], parent[key + 1] = parent[key + 1], parent[key]
    return new


@quick
@given(containers, st.data())
def test_verdict_is_that_of_an_independent_oracle(legacy, data):
    new = data.draw(documents) if data.draw(st.booleans()) else edit(legacy, data)
    left, right = json.dumps(legacy), json.dumps(new, indent=1)
    same = oracle(left) == oracle(right)
    assert (compare(left.encode(), right.encode()).verdict is Verdict.MATCH) == same


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(containers, st.data())
def test_one_edit_is_one_difference(document, data):
    new = edit(document, data)
    assume(oracle(json.dumps(new)) != oracle(json.dumps(document)))
    comparison = compare(json.dumps(document).encode(), json.dumps(new).encode())
    assert len(comparison.differences) == 1, shown(comparison.differences)


@quick
@given(documents, documents)
def test_paths_lead_to_the_values_that_they_show(legacy, new):
    documents_read = [read_json(json.dumps(one).encode()).value for one in (legacy, new)]
    for one in compare(legacy, new).differences:
        side, value = (1, one.new) if one.kind is Kind.EXTRA else (0, one.legacy)
        if one.kind is Kind.ORDER:
            continue
        at = documents_read[side]
        for key in [""] * (one.path.startswith("//")) + list(segments(one.path)):
            at = at[int(key)] if isinstance(at, list) else at[key]
        assert at == value
        assert len(one.pattern.split("/")) == len(one.path.split("/"))


CONTENT_TYPES = [
    "application/json", "application/x-ndjson", "application/xml", "text/html", "text/plain; charset=utf-16",
    "application/x-www-form-urlencoded", "multipart/mixed; boundary=x", "image/png", "", "text/x; charset=nonsense",
]  # fmt: skip
soup = st.binary(max_size=200) | st.lists(
    st.sampled_from([
        b"<", b">", b"<a>", b"</a>", b"<!", b"<!--", b"&", b"&x;", b"{", b"}", b"[", b"]", b'"', b"\\u", b"d800", b":",
        b",", b"1", b"e", b"-", b".", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"--x", b"--", b"\r\n", b"=", b"%", b"%C3",
        b"true", b"null", b"<script>", b"<p", b' class="b a"', b"<?xml", b"\x1f\x8b", b"(\xb5/\xfd",
    ]),
    max_size=40,
).map(b"".join)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(
    soup,
    soup,
    st.sampled_from(CONTENT_TYPES),
    st.sampled_from(CONTENT_TYPES),
    st.sampled_from(["", "gzip", "br", "zstd", "deflate"]),
)
def test_any_bytes_are_a_verdict(left, right, left_type, right_type, coding):
    route = RouteComparer(CompareModel(), now=lambda: 0.0)
    fields = (("content-encoding", coding),) if coding else ()
    legacy, new = answer(left, left_type, *fields), answer(right, right_type)
    assert route.compare(legacy, new, method="GET").verdict in Verdict
    assert route.compare(legacy, legacy, method="GET").verdict is Verdict.MATCH


@settings(deadline=None, max_examples=200)
@given(soup, st.sampled_from(CONTENT_TYPES))
def test_any_bytes_are_read_or_refused(raw, content_type):
    try:
        reading = read(raw, media_type(content_type))
    except UndecodableError:
        return
    json.dumps(reading.stored).encode()


@quick
@given(soup, st.sampled_from(["gzip", "deflate", "br", "zstd", "zstd, gzip"]))
def test_any_bytes_are_decoded_or_refused(raw, coding):
    try:
        assert len(decode_content(raw, coding, 1000)) <= 1000
    except UndecodableError:
        return


ARGUMENTS = {
    "tolerance": {"absolute": 0.5, "relative": 0.1}, "time_tolerance": 1.0, "key": "a", "pattern": ".{1,3}",
    "map": {"1": 2}, "call": "support.comparison_rules:first_letter",
}  # fmt: skip
small = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a", "b"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=15,
)
some_rules = st.lists(
    st.tuples(
        st.lists(st.sampled_from(["a", "b", "*", "0", "1"]), max_size=3).map(
            lambda parts: "".join(f"/{p}" for p in parts)
        ),
        st.sampled_from(RULE_KINDS),
    ),
    max_size=4,
).map(
    lambda chosen: tuple(
        RuleModel(f"file:{n}", path, kind, ARGUMENTS.get(kind)) for n, (path, kind) in enumerate(chosen)
    )
)


@settings(deadline=None, max_examples=200)
@given(small, small, some_rules)
def test_rules_never_make_more_than_there_is(legacy, new, rules):
    plain = compare(legacy, new)
    ruled = RouteComparer(CompareModel(rules=rules), now=lambda: 0.0).compare(answer(legacy), answer(new), method="GET")
    if not any(rule.kind in ("map", "bijection", "call") for rule in rules):
        assert (plain.verdict is Verdict.MATCH) == (ruled.verdict is Verdict.MATCH)
        assert not ruled.unexplained or plain.unexplained
    assert {one.explained_by for one in ruled.differences} - {""} <= ruled.rules_used
    assert ruled.rules_used <= {rule.id for rule in rules}


@quick
@given(st.integers(1, 5), st.integers(1, 5), st.data())
def test_assignment_is_the_cheapest_of_all(rows, columns, data):
    costs = [[data.draw(st.integers(0, 9)) for _ in range(columns)] for _ in range(rows)]
    found = assign(costs)
    assert len({row for row, _ in found}) == len({column for _, column in found}) == min(rows, columns)
    if rows <= columns:
        best = min(sum(costs[i][j] for i, j in enumerate(chosen)) for chosen in permutations(range(columns), rows))
    else:
        best = min(sum(costs[i][j] for j, i in enumerate(chosen)) for chosen in permutations(range(rows), columns))
    assert sum(costs[row][column] for row, column in found) == best


def longest_common(left: str, right: str) -> int:
    """The textbook's table."""
    table = [[0] * (len(right) + 1) for _ in range(len(left) + 1)]
    for i, a in enumerate(left):
        for j, b in enumerate(right):
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


@quick
@given(st.text("abc", max_size=12), st.text("abc", max_size=12))
def test_longest_common_subsequence_is_the_longest(left, right):
    found = _longest_in_order((i, [j for j, b in enumerate(right) if a == b]) for i, a in enumerate(left))
    assert len(found) == longest_common(left, right)
    assert all(a < c and b < d for (a, b), (c, d) in pairwise(found))
    assert all(left[i] == right[j] for i, j in found)


@quick
@given(st.lists(small, max_size=8), st.lists(small, max_size=8))
def test_matching_uses_every_member_once(legacy, new):
    matching = match_members(Members(legacy), Members(new))
    assert sorted([i for i, _ in matching.pairs] + matching.missing) == list(range(len(legacy)))
    assert sorted([j for _, j in matching.pairs] + matching.extra) == list(range(len(new)))


@pytest.mark.parametrize("bound", [0, 1, 5, 50])
@given(legacy=documents, new=documents)
@quick
def test_bound_on_values_never_makes_a_match(bound, legacy, new):
    model = CompareModel(nodes_max=bound)
    comparison = RouteComparer(model, now=lambda: 0.0).compare(answer(legacy), answer(new), method="GET")
    if comparison.verdict is Verdict.MATCH:
        assert oracle(json.dumps(legacy)) == oracle(json.dumps(new))
