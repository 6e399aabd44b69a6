"""What noise learns of secrets: enough to judge by, also after a restart, and nothing that tells them."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable
from typing import Any

import pytest

from routes.shadowing import CompareModel
from shadow.clusters.cluster import findings
from shadow.comparing.comparer import RouteComparer
from shadow.comparison import Comparison, Verdict
from shadow.engine import Engine
from shadow.exchange import Answer
from shadow.keeping.batch import Batch
from shadow.keeping.places import TOKEN_START
from shadow.keeping.redacted import Sight
from shadow.keeping.redaction import Redactor
from shadow.keeping.secrets import is_no_name
from shadow.keeping.veil import Veil, VeiledNoise, merged
from shadow.noise.covered import HiddenFloat, HiddenInt, KeyedText, size_range
from shadow.noise.shapes import NumberShape, TextShape
from support.exchanges import AT, answer, exchange

KEY = b"a key of the tests"


class Route:
    """A route whose noise is learned as the engine does it."""

    def __init__(self, *redact: str, key: bytes = KEY) -> None:
        self.redactor = Redactor(key, redact)
        self.noise = VeiledNoise(Veil(self.redactor))
        self._comparer = RouteComparer(CompareModel(), now=lambda: AT)

    def compared(self, legacy: Any, new: Any) -> Comparison:
        left, right = (one if isinstance(one, Answer) else answer(one) for one in (legacy, new))
        return self._comparer.compare(left, right, method="GET")

    def take(self, legacy: Any, new: Any, again: Any = None) -> Comparison:
        second = None if again is None else answer(again)
        one = exchange(legacy, new, again=second)
        compared = self.compared(legacy, new)
        twin = None if again is None else self.compared(legacy, again)
        return self.noise.conclude(compared, twin, Sight(self.redactor, one, compared, twin))

    def taught(self, make: Callable[[], Any], times: int = 40) -> Route:
        for _ in range(times):
            self.take(make(), make(), make())
        return self

    def restarted(self, *redact: str, key: bytes = KEY) -> Route:
        later = Route(*redact, key=key)
        later.noise = VeiledNoise.from_json(json.loads(self.stored), later.noise.veil)
        return later

    @property
    def stored(self) -> str:
        return json.dumps(self.noise.to_json())

    def verdict(self, legacy: Any, new: Any) -> Verdict:
        return self.noise.judge(self.compared(legacy, new)).verdict


def draws(make: Callable[[random.Random], Any]) -> Callable[[], dict[str, Any]]:
    draw = random.Random(7)
    return lambda: {"account": {"password": make(draw)}}


def uuids(draw: random.Random) -> str:
    return str(uuid.UUID(int=draw.getrandbits(128), version=4))


@pytest.mark.parametrize(
    ("make", "wrong"),
    [
        (uuids, ["", "none", None, 7, "0" * 36]),
        (lambda draw: f"{draw.getrandbits(128):032x}", ["", "0" * 31, None, "Z" * 32]),
        (lambda draw: draw.choice(["alpha77", "beta88", "gamma99"]), ["delta66", "", None]),
        (lambda draw: draw.randint(1_000, 9_999), [10**9, "1234", None, 12.5]),
        (lambda draw: draw.randint(1_772_000_000, 1_772_000_900), [1_772_000_000_000, None]),
    ],
)
def test_values_of_secret_places_are_asserted_by_shape_also_after_a_restart(make, wrong):
    made = draws(make)
    route = Route().taught(made)
    for one in (route, route.restarted(), route.restarted().restarted()):
        assert all(one.verdict(made(), made()) is not Verdict.MISMATCH for _ in range(20))
        found = [value for value in wrong if one.verdict(made(), {"account": {"password": value}}) is Verdict.MISMATCH]
        assert found == wrong
    assert route.restarted().stored == route.stored


def test_numbers_of_secret_places_leave_their_size_and_nothing_else():
    route = Route("/customer/iban").taught(lambda: {"customer": {"iban": 73_914_221, "pin": 4_711}})
    route.take({"customer": {"iban": 73_914_222, "pin": 4_712}}, {}, {"customer": {"iban": 73_914_299, "pin": 4_799}})
    for trace in ("7391", "471", "479", "77", "87"):
        assert trace not in route.stored
    (state,) = [key for key in json.loads(route.stored)["keys"] if key[:2] == ["/customer/iban", "value"]]
    assert state[-1][1] == [2, 0, 10_000_000.0, 100_000_000.0]
    assert state[-1][-1] == 100.0


@pytest.mark.parametrize("name", ["token2024", "password_12345", "apikey0001", "token_4eC39HqLyjWDarjT1zdp7dc"])
def test_a_name_of_a_secret_that_looks_like_an_identifier_still_hides(name):
    numbers = iter(range(73_914_221, 73_999_999))
    route = Route().taught(lambda: {"by": {name: next(numbers)}})
    assert "7391" not in route.stored
    assert {key[0] for key in json.loads(route.stored)["keys"]} == {"/by/*"}


def test_two_secret_numbers_of_one_size_are_not_the_same():
    legacy, new, again = ({"pin": number} for number in (1_111, 2_222, 3_333))
    assert Route().take(legacy, new, again).differences[0].explained_by.startswith("volatile")
    assert Route().take(legacy, again, again).verdict is Verdict.RACE


def test_places_inside_of_a_secret_are_told_apart_without_their_names():
    route = Route().taught(lambda: {"session": {"kept": uuids(random.Random()), "user": "ann"}})
    again = route.restarted()
    assert "kept" not in route.stored
    assert again.verdict({"session": {"kept": str(uuid.uuid4())}}, {"session": {"kept": str(uuid.uuid4())}}) is Verdict.EXPLAINED  # fmt: skip
    assert again.verdict({"session": {"user": "ann"}}, {"session": {"user": "bob"}}) is Verdict.MISMATCH


def test_objects_keyed_by_token_or_address_are_one_place():
    addresses = iter(f"user{number}@mail.example" for number in range(1_000))
    route = Route().taught(lambda: {"by": {next(addresses): 1}}, times=10)
    patterns = {key[0] for key in json.loads(route.stored)["keys"]}
    assert patterns == {"/by/*"}
    assert "mail.example" not in route.stored


def test_what_was_learned_with_another_key_is_used_as_far_as_it_needs_none():
    draw = random.Random(3)
    made = lambda: {"password": draw.choice(["alpha77", "beta88"]), "status": draw.choice(["open", "shut"]), "at": uuids(draw)}  # fmt: skip # noqa: E731
    route = Route().taught(made)
    other = route.restarted(key=b"another key of tests")
    assert {key[0] for key in json.loads(other.stored)["keys"]} == {"/status", "/at"}
    assert other.verdict({"at": uuids(draw)}, {"at": uuids(draw)}) is Verdict.EXPLAINED
    assert other.verdict({"at": uuids(draw)}, {"at": "none"}) is Verdict.MISMATCH
    assert other.verdict({"status": "open"}, {"status": "shut"}) is Verdict.EXPLAINED
    other.taught(made)
    assert other.verdict({"status": "open"}, {"status": "ajar"}) is Verdict.MISMATCH
    noise, errors = merged([json.loads(route.stored), {"version": 1}], Veil(Redactor(b"another key of tests")))
    assert (noise.noise.asked, len(errors)) == (route.noise.noise.asked, 1)


def test_a_place_that_is_redacted_from_now_on_is_forgotten_and_learned_anew():
    draw = random.Random(5)
    made = lambda: {"customer": {"number": draw.randint(10_000, 99_999)}, "n": draw.randint(0, 9)}  # noqa: E731
    route = Route().taught(made)
    before = next(key for key in json.loads(route.stored)["keys"] if key[0] == "/customer/number")
    for later in (route.restarted("/customer/number"), Route("/customer/number")):
        later.noise = route.noise.behind(later.noise.veil)
        assert [key[0] for key in json.loads(later.stored)["keys"]] == ["/n"]
        assert str(before[-1][1][2]) not in later.stored


def test_engine_forgets_what_is_redacted_by_a_new_table():
    engine = Engine(KEY, now=lambda: AT)
    engine.install({"orders": CompareModel()}, {})
    engine.take(exchange({"note": 7_391_001}, {"note": 7_391_002}, again=answer({"note": 7_391_003})))
    for redact, known in (((), True), (("note",), False)):
        engine.install({"orders": CompareModel(redact=redact)}, {})
        batch = Batch()
        engine.gather(batch, noise=True)
        assert ("7391" in json.dumps(batch.noise)) is known


def test_secrets_of_the_request_are_no_names_and_numbers_of_noise():
    engine = Engine(KEY, now=lambda: AT)
    engine.install({"orders": CompareModel()}, {})
    fields = (("authorization", "Bearer hunter2secret"), ("x-api-key", "73914221"))
    for _ in range(3):
        one = exchange({"n": [73_914_221, 1], "hunter2secret": 1}, {"n": [1, 1]}, again=answer({"n": [2, 1]}))
        asked = one.request.__class__("GET", "/orders/1", "h", fields=fields)
        engine.take(one.__class__(**{**{name: getattr(one, name) for name in one.__slots__}, "request": asked}))
    batch = Batch()
    engine.gather(batch, noise=True)
    said = json.dumps(batch.noise)
    assert "hunter2" not in said
    assert "7391" not in said


def test_fingerprints_of_clusters_need_the_key_where_a_place_is_secret():
    made = []
    for key in (KEY, KEY, b"another key of tests"):
        route = Route(key=key)
        judged = route.take(
            {"sessions": {"s3cr3tkey": {"n": 1}}, "a": 1}, {"sessions": {"s3cr3tkey": {"n": 2}}, "a": 2}
        )
        made.append({one.difference.path: one.fingerprint for one in findings("orders", judged)})
    inside, beside = "/sessions/s3cr3tkey/n", "/a"
    assert made[0] == made[1]
    assert made[0][inside] != made[2][inside]
    assert made[0][beside] == made[2][beside]


def test_relations_name_no_secret_place():
    judged = Route().take({"zip": "81667 x"}, {"sessions": {"s3cr3tkey": "81667 x"}})
    told = " ".join(one.relation for one in findings("orders", judged))
    assert "s3cr3tkey" not in told


@pytest.mark.parametrize("value", [0, 1, 9, 10, 999, 1_000, -5, -1_000, 0.001, 12.75, 1e300, 10**400, 5e-324])
def test_size_of_a_secret_number_covers_it(value):
    hidden = HiddenInt(value) if isinstance(value, int) else HiddenFloat(value)
    assert NumberShape.of(hidden).accepts(hidden)
    assert str(value) not in {str(end) for end in size_range(float(min(value, 1e308)))} or value in {0, 1, 10, 1_000, -1_000, 0.001, 1e300}  # fmt: skip


def test_covered_texts_are_texts():
    one = KeyedText.of("abc", lambda text: text[::-1])
    assert (one, one.hidden, hash(one), TextShape.of(one).choices) == ("abc", False, hash("abc"), {"cba"})


@pytest.mark.parametrize(
    "name",
    [
        "joe.doe@mail.example", "sk_live_4eC39HqLyjWDarjT1zdp7dc", "9f86d081884c7d659a2feaa0c55ad015",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "dGhpc0lzQVNlY3JldA9kZ3N", "Bearer abc123DEF456",
        "4111111111111111", "password=hunter22",
    ],
)  # fmt: skip
def test_names_that_are_secrets_are_known(name):
    assert is_no_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "name", "addressLine1AndAddressLine2Text", "line_item_discount_percentage_2", "ipv4_to_ipv6_gateway_name",
        "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "2026-03-01T10:00:00.123Z", "@id", "#text",
        "{http://www.w3.org/2001/XMLSchema-instance}type", "http://schema.org/v1/nameOfThing", "application/vnd.api+json",
        "theVeryLongNameOfAMemberThatSomebodyLiked", "x-strangler-mirror-version-2", TOKEN_START + "0" * 24,
    ],
)  # fmt: skip
def test_names_of_people_and_standards_are_names(name):
    assert not is_no_name(name)
