"""Two JSON bodies: what is the same, and what is one difference."""

from __future__ import annotations

import json

import pytest

from shadow.comparison import Kind, Verdict
from support.answers import compare, shown


@pytest.mark.parametrize(
    ("legacy", "new"),
    [
        (b'{"a":1,"b":[1,2]}', b'{ "b" : [1, 2],\n "a" : 1 }'),
        (b'{"n":1}', b'{"n":1.0}'),
        (b'{"n":1}', b'{"n":1e0}'),
        (b'{"n":0.1}', b'{"n":0.10}'),
        (b'{"n":100}', b'{"n":1E+2}'),
        (b'{"n":0}', b'{"n":-0.0}'),
        (b'{"n":12345678901234567890123456789}', b'{"n":12345678901234567890123456789.0}'),
        (b'{"n":1234567890123456800}', b'{"n":1.2345678901234568e18}'),
        (b'{"n":1e400}', b'{"n":10e399}'),
        (b'{"s":"\\u00e9"}', '{"s":"é"}'.encode()),
        ('{"s":"é"}'.encode(), '{"s":"e\u0301"}'.encode()),
        ('{"é":1}'.encode(), '{"e\u0301":1}'.encode()),
        (b'{"s":"a\\/b"}', b'{"s":"a/b"}'),
        (b"\xef\xbb\xbf[1]", b"[1]"),
        (b'{"a":1,"a":2}', b'{"a":1, "a":2}'),
        (b'["\\ud83d\\ude00"]', '["\U0001f600"]'.encode()),
    ],
)
def test_same_value_written_otherwise_matches(legacy, new):
    comparison = compare(legacy, new)
    assert (comparison.verdict, comparison.differences) == (Verdict.MATCH, ())


@pytest.mark.parametrize(
    ("legacy", "new", "lines"),
    [
        ({"a": 1}, {"a": 2}, ["value /a 1 2"]),
        ({"a": 1}, {"a": True}, ["type /a 1 true"]),
        ({"a": 0}, {"a": False}, ["type /a 0 false"]),
        ({"a": 1}, {"a": "1"}, ['type /a 1 "1"']),
        ({"a": None}, {"a": 0}, ["type /a null 0"]),
        ({"a": None}, {}, ["missing /a null null"]),
        ({}, {"a": None}, ["extra /a null null"]),
        ({"a": {}}, {"a": []}, ["type /a {} []"]),
        ({"a": {"b": 1}}, {"a": {"c": 1}}, ["missing /a/b 1 null", "extra /a/c null 1"]),
        ({"a/b": {"~": 1}}, {"a/b": {"~": 2}}, ["value /a~1b/~0 1 2"]),
        (1, 2, ["value  1 2"]),
        ([1], {"0": 1}, ['type  [1] {"0": 1}']),
        (b'{"n":9007199254740993}', b'{"n":9007199254740992.0}', ["value /n 9007199254740993 9007199254740992.0"]),
        (b'{"n":12345678901234567890123}', b'{"n":12345678901234567890124}',
         ['value /n "1.2345678901234567890123e22" "1.2345678901234567890124e22"']),
        (b'{"n":0.1}', b'{"n":0.1000000000000000055511151231257827}',
         ['value /n 0.1 "1.000000000000000055511151231257827e-1"']),
        (b'{"n":12345678901234567890123}', b'{"n":"1.2345678901234567890123e22"}',
         ['type /n "1.2345678901234567890123e22" "1.2345678901234567890123e22"']),
        (b'{"a":1,"a":2}', b'{"a":2}', ["duplicate /a [1, 2] null"]),
        (b'[{"a":2}]', b'[{"a":1,"a":2}]', ["duplicate /0/a null [1, 2]"]),
        (b'{"a":1,"a":2}', b'{"a":3,"a":2}', ["duplicate /a [1, 2] [3, 2]"]),
        (b'["\\ud800"]', b'["\\ud801"]', ['value /0 "\\\\ud800" "\\\\ud801"']),
    ],
)  # fmt: skip
def test_difference_is_named_by_its_path_and_kind(legacy, new, lines):
    comparison = compare(legacy, new)
    assert comparison.verdict is Verdict.MISMATCH
    assert shown(comparison.differences) == lines


ITEMS = [{"id": number, "name": f"n{number}", "price": number * 1.5} for number in range(1, 31)]


def changed(**fields):
    return [{**item, **fields} if item["id"] == 4 else item for item in ITEMS]


@pytest.mark.parametrize(
    ("legacy", "new", "lines"),
    [
        (ITEMS, changed(price=0), ["value /3/price 6.0 0"]),
        (ITEMS, ITEMS[:3] + ITEMS[4:], [f"missing /3 {json.dumps(ITEMS[3])} null"]),
        (ITEMS[:3] + ITEMS[4:], ITEMS, [f"extra /3 null {json.dumps(ITEMS[3])}"]),
        (ITEMS, changed(id=99), ["value /3/id 4 99"]),
        ([1, 2, 3, 4], [1, 9, 3, 4], ["value /1 2 9"]),
        ([1, 2, 3], [0, 1, 2, 3], ["extra /0 null 0"]),
        (["b", "x", "b"], ["x", "b"], ['missing /0 "b" null']),
        ([1, 2, 3], [3, 1, 2], ["order  [0, 1, 2] [2, 0, 1]"]),
        ([[1], [2], [3]], [[3], [2], [1]], ["order  [0, 1, 2] [2, 1, 0]"]),
        ([{"a": 1}, 2], ["x", 2], ['type /0 {"a": 1} "x"']),
        ([1, True], [True, 1], ["order  [0, 1] [1, 0]"]),
        ([], [1], ["extra /0 null 1"]),
        ([0, [None, 1]], [0, ["x", None, 1]], ['extra /1/0 null "x"']),
        (
            [[n] for n in range(9)] + [list(range(100))],
            [[n] for n in range(9)] + [[*range(99), "x"]],
            ['type /9/99 99 "x"'],
        ),
    ],
)
def test_one_change_to_an_array_is_one_difference(legacy, new, lines):
    assert shown(compare(legacy, new).differences) == lines


def test_four_edits_are_four_differences():
    new = [dict(item) for item in ITEMS]
    new[2]["price"] = 1
    new[9]["name"] = "x"
    del new[20]
    new.insert(5, {"id": 77, "name": "new", "price": 7})
    lines = shown(compare(ITEMS, new).differences)
    assert len(lines) == 4
    assert [line.split()[0] for line in lines] == ["value", "value", "missing", "extra"]


def test_four_edits_without_any_key_are_four_differences():
    words = [{"word": w, "n": len(w)} for w in ["a", "bb", "a", "ccc", "bb", "dddd", "a", "bb", "e", "ff"]]
    new = [dict(item) for item in words]
    new[3]["n"] = 1
    new[5]["word"] = "zzzz"
    del new[8]
    new.insert(0, {"word": "start", "n": 0, "extra": True})
    lines = shown(compare(words, new).differences)
    assert sorted(line.split()[0] for line in lines) == ["extra", "missing", "value", "value"]


def test_member_that_went_and_one_that_came_are_not_one_that_changed():
    new = [dict(item) for item in ITEMS]
    del new[20]
    new.insert(5, {"id": 77, "name": "another", "price": ITEMS[20]["price"]})
    assert [line.split()[:2] for line in shown(compare(ITEMS, new).differences)] == [
        ["missing", "/20"],
        ["extra", "/5"],
    ]


def test_members_that_moved_and_changed_are_found_by_what_is_alike():
    legacy = [{"a": n, "b": n * 2, "c": n * 3, "d": 0} for n in range(4)]
    new = [dict(member) for member in reversed(legacy)]
    new[0]["d"] = 5
    new[3]["c"] = -1
    lines = shown(compare({"x": legacy}, {"x": new}).differences)
    assert lines == ["value /x/0/c 0 -1", "value /x/3/d 0 5", "order /x [0, 1, 2, 3] [3, 2, 1, 0]"]


def test_list_of_differences_is_bounded_and_the_rest_counted():
    comparison = compare({str(n): n for n in range(500)}, {str(n): n + 1 for n in range(500)}, differences_max=10)
    assert (len(comparison.differences), comparison.more) == (10, 490)


def test_unexplained_differences_take_the_place_of_explained_ones():
    legacy = {"items": [{"id": n, "at": n} for n in range(50)], "z": 1}
    new = {"items": [{"id": n, "at": -n - 1} for n in range(50)], "z": 2}
    comparison = compare(legacy, new, ("/items/*/at", "ignore"), differences_max=10)
    assert comparison.verdict is Verdict.MISMATCH
    assert [one.path for one in comparison.unexplained] == ["/z"]
    assert (len(comparison.differences), comparison.more) == (10, 0)


def test_bound_on_values_is_said_and_what_was_not_seen_is_no_match():
    legacy, new = {"z": 1, "a": [[n] for n in range(1000)]}, {"z": 1, "a": [[n] for n in range(1, 1001)]}
    comparison = compare(legacy, new, nodes_max=100)
    assert (comparison.verdict, comparison.reason, comparison.more) == (Verdict.NOT_COMPARABLE, "nodes", -1)
    comparison = compare(legacy, {**new, "z": 2}, nodes_max=100)
    assert (comparison.verdict, comparison.reason, comparison.more) == (Verdict.MISMATCH, "nodes", -1)
    assert shown(comparison.differences) == ["value /z 1 2"]
    assert compare(legacy, {"a": legacy["a"], "z": 1}, nodes_max=100).verdict is Verdict.MATCH


def test_json_lines_are_an_array():
    comparison = compare(b'{"a":1}\n{"a":2}\n', b'{"a": 1}\n{"a": 3}', content_type="application/x-ndjson")
    assert shown(comparison.differences) == ["value /1/a 2 3"]
    assert comparison.media == "json"


def test_json_is_known_by_its_suffix():
    comparison = compare({"a": 1}, {"a": 2}, content_type="application/vnd.acme.v1+json; profile=x")
    assert (comparison.media, comparison.differences[0].kind) == ("json", Kind.VALUE)


def test_documents_are_kept_for_the_store():
    comparison = compare({"a": 1}, {"a": 2})
    assert (comparison.legacy_document, comparison.new_document) == ({"a": 1}, {"a": 2})
