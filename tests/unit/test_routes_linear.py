"""Expressions that are matched in linear time: the same as Python's, or refused; and never slow."""

from __future__ import annotations

import re
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routes.linear import LinearRegexError, compile_linear

SAME = [
    (r"[A-Z]+-[0-9]+", ["INV-22", "INV-22\n", "inv-22", "INV-", "xINV-22"]),
    (r"a|bc", ["a", "bc", "ac", "abc", ""]),
    (r"\d{4}-\d\d", ["2026-11", "٢٠٢٦-11", "2026-1"]),
    (r"a\Z", ["a", "a\n", "aZ"]),
    (r"\<b\>", ["<b>", "b"]),
    (r"[\<+*]\+?", ["<", "++", "*+", "+++"]),
    (r"[]+]+", ["]+", "+", "a"]),
    (r"[^]*+]x\++", ["ax+", "]x+", "ax++"]),
    (r"(?i)straße", ["STRAßE", "straße", "strasse"]),
    (r".*", ["", "x", "a\nb", "é"]),
    (r"(?s).*", ["a\nb"]),
    (r"^a$", ["a", "a\n"]),
    (r"(?P<n>a)b?", ["a", "ab", "abb"]),
    (r"\/\-\@\"\ \#", ['/-@" #']),
    (r"é+", ["éé", "e"]),
]


@pytest.mark.parametrize(("expression", "texts"), SAME, ids=[one[0] for one in SAME])
def test_what_is_taken_says_what_pythons_re_says(expression, texts):
    matches = compile_linear(expression)
    for text in texts:
        assert matches(text) == (re.fullmatch(expression, text) is not None), text


@pytest.mark.parametrize(
    "expression", ["(a+)+$", "(a|a)*$", "(.*)*x", r"(\w+\s?)*:", "(?:(?:a*)*)*b", "a?" * 60 + "a" * 60]
)
def test_no_text_takes_long(expression):
    matches = compile_linear(expression)
    began = process_time()
    for text in ("a" * 999 + "!", "a" * 1000, "a " * 500, "\ud800"):
        matches(text)
    assert process_time() - began < 1


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("(", "is not a regular expression"),
        ("[[a]", "is ambiguous"),
        (r"(?=a)a", "look-around"),
        (r"(a)\1", "backreferences"),
        ("(?>a)", "cannot be matched in a time that is linear"),
        ("a++", "leave the second + out"),
        ("a*+b", "leave the second + out"),
        (r"a{2}+", "leave the second + out"),
        (r"[a-z]?+", "leave the second + out"),
        ("(a{1,1000}){1,1000}", "exceeds size limit"),
    ],
)
def test_what_is_refused_is_said(expression, why):
    with pytest.raises(LinearRegexError, match=re.escape(why)):
        compile_linear(expression)


PIECES = st.sampled_from(
    ["a", "b", ".", r"\d", r"\w", "[ab]", "[^a]", r"\.", "(a|b)", "(?:ab)", "$", "^", r"\b", r"\Z", r"\<", "é"]
)
REPEATED = st.builds(
    lambda piece, times: piece + times, PIECES, st.sampled_from(["", "", "*", "+", "?", "{2}", "{1,2}", "*?"])
)


@settings(max_examples=300, deadline=None)
@given(st.lists(REPEATED, max_size=5), st.text("ab1.<é\n_", max_size=6))
def test_both_engines_agree_on_what_both_take(pieces, text):
    expression = "".join(pieces)
    try:
        expected = re.fullmatch(expression, text) is not None
        matches = compile_linear(expression)
    except (re.error, LinearRegexError):
        return
    assert matches(text) == expected
