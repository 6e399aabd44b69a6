"""Bugs that are put into copies: one bug each, at its place, and the document stays as it was."""

from __future__ import annotations

import copy
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routes.shadowing import CompareModel, RuleModel
from shadow.comparison import Comparison, Difference, Kind, Verdict
from shadow.exchange import Answer
from shadow.noise.route import RouteNoise
from shadow.proving.mutations import MUTATIONS, mutate
from shadow.proving.selfproof import SelfProof, is_found, json_answer
from shadow.proving.tally import UNCHANGED, Count, ProofTally
from support.plain_comparer import PlainComparer, differences

ORDER = {
    "id": 20417,
    "request": "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed",
    "placed": "2026-03-01T10:00:00.250+02:00",
    "total": 129.5,
    "paid": True,
    "note": None,
    "items": [{"item_id": 7, "name": "cup", "price": 4.5}, {"item_id": 9, "name": "pot", "price": 125}],
}
EARLIER = {**ORDER, "id": 20311, "total": 99.0, "request": "0c7f8d15-7d0e-4a3c-8a76-40b1e5c1a0de"}

scalars = st.none() | st.booleans() | st.integers(-1000, 1000) | st.floats(-1e6, 1e6) | st.text(max_size=8)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
)


@pytest.mark.parametrize("kind", MUTATIONS)
def test_each_bug_is_one_difference_at_its_place(kind):
    for seed in range(50):
        mutation = mutate(ORDER, kind, random.Random(seed), earlier=EARLIER)
        assert mutation is not None
        found = list(differences(ORDER, mutation.document))
        assert len({item.path for item in found}) >= 1
        judged = Comparison(Verdict.MISMATCH, differences=tuple(found))
        assert is_found(judged, mutation), (mutation, found)


@given(documents, st.sampled_from(MUTATIONS), st.integers(0, 1000))
def test_document_is_never_changed_and_the_same_seed_makes_the_same_bug(document, kind, seed):
    before = copy.deepcopy(document)
    mutation = mutate(document, kind, random.Random(seed), earlier=before)
    assert document == before
    assert mutation == mutate(document, kind, random.Random(seed), earlier=before)
    if mutation is not None:
        assert list(differences(document, mutation.document)), mutation


def test_time_of_another_zone_keeps_its_form():
    mutation = mutate(ORDER, "time_zone", random.Random(3))
    assert mutation is not None
    assert mutation.place.path == "/placed"
    assert len(mutation.value) == len(ORDER["placed"])
    assert mutation.value.endswith(":00:00.250+02:00")


def test_bug_is_put_where_it_is_asked_for():
    for seed in range(20):
        mutation = mutate(ORDER, "value", random.Random(seed), within=lambda place: place.pattern == "/items/*/price")
        assert mutation is not None
        assert mutation.place.pattern == "/items/*/price"
    assert mutate(ORDER, "time_zone", random.Random(1), within=lambda place: place.pattern == "/id") is None


def test_bug_that_there_is_none_of_is_refused():
    with pytest.raises(ValueError, match="gremlin"):
        mutate(ORDER, "gremlin", random.Random(1))


def complete(document) -> Answer:
    return json_answer(Answer("complete", 200), document)


def proved(proof: SelfProof, exchanges: int) -> None:
    for number in range(exchanges):
        document = {**ORDER, "id": number, "total": number * 1.5}
        compared = PlainComparer().documents(document, document)
        proof.after(compared, complete(document), method="GET")


def test_comparer_that_sees_everything_finds_all_bugs_and_one_that_ignores_a_place_does_not():
    sharp = SelfProof(PlainComparer(), RouteNoise(), every=1)
    proved(sharp, 270)
    assert set(sharp.tally.counts) == set(MUTATIONS)
    assert all(count.injected == count.found for count in sharp.tally.counts.values())
    assert sharp.tally.detection[0] > 0.98
    blind = SelfProof(
        PlainComparer(CompareModel(rules=(RuleModel("file:0", "/total", "ignore"),))), RouteNoise(), every=1
    )
    proved(blind, 270)
    assert blind.tally.counts["value"].found < blind.tally.counts["value"].injected


def test_proof_happens_every_so_many_exchanges_and_teaches_nothing():
    noise = RouteNoise()
    proof = SelfProof(PlainComparer(), noise, every=10)
    before = noise.to_json()
    proved(proof, 100)
    assert sum(count.injected for count in proof.tally.counts.values()) == 10
    assert noise.to_json() == before


def test_mismatch_and_what_is_no_json_is_not_proved_on():
    proof = SelfProof(PlainComparer(), RouteNoise(), every=1)
    assert (
        proof.after(Comparison(Verdict.MISMATCH, media="json", new_document=ORDER), complete(ORDER), method="GET")
        is None
    )
    assert proof.after(Comparison(Verdict.MATCH, media="text", new_document="x"), complete(ORDER), method="GET") is None
    assert proof.after(Comparison(Verdict.MATCH, media="json", new_document=[]), complete([]), method="GET") is None
    assert proof.tally.counts == {}


def test_legacy_that_differs_from_itself_counts_as_a_false_alarm_until_it_is_learned():
    noise = RouteNoise()
    proof = SelfProof(PlainComparer(), noise)
    again = Comparison(Verdict.MISMATCH, differences=(Difference("/a", Kind.VALUE, 5, 6, "/a"),))
    for _ in range(10):
        proof.before(again)
        noise.conclude(Comparison(Verdict.MATCH), again)
    proof.before(None)
    assert proof.tally.counts == {UNCHANGED: Count(10, 3)}


def test_tallies_add_up_and_are_taken_once():
    one, other = ProofTally(), ProofTally()
    one.count("value", found=True)
    one.count(UNCHANGED, found=False)
    other.count("value", found=False)
    one.add(other.counts)
    assert one.take() == {"value": Count(2, 1), UNCHANGED: Count(1, 0)}
    assert one.counts == {}
    assert one.detection == (0.0, 1.0)
