"""How many bugs are found beside noise, and how many clean routes are shown, after 3,000 requests.

    python -m benchmarks.detection [--routes N] [--only bugs|clean|hard] [--json FILE] [--svg FILE]

Two measurements, both through `RouteNoise` as the comparer runs it:

- **whole documents**: orders with fields that always move and fields that move at the noise rate; one bug of each sort
  is put into every answer of new, or into every hundredth. Found is a bug of which the report still shows a cluster at
  its place, after everything that was stored has been judged again by what was learned since. Another identifier or an
  older value in a field that is another in every answer is not tried: it is no bug that anybody could tell.
- **the hard case**: one field that noise moves to the same value that the bug gives, so that nothing but how often it
  happens tells them apart; beside the rule that Diffy publishes, on the same requests.

How often legacy is asked twice: as workers do it by default, that is `noise_sample`, and `noise_sample_max` while the
comparer calls the route unsettled, which they hear batch by batch; each time; and `noise_sample` alone, as with
`noise_sample_max: 0%`. The bound on second asks per second is not felt up to 250 requests a second and worker.

The bars: at least 99 % of the bugs found, at most 1 % of the clean routes shown, for noise from 0 to 50 %.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.console import Console
from rich.table import Table

from benchmarks.detection_plot import Curve, plot
from routes.shadowing import CompareModel, ShadowModel
from shadow.beta import exact_interval
from shadow.comparing.comparer import RouteComparer
from shadow.comparison import Comparison, Difference, Kind, Verdict
from shadow.exchange import Answer
from shadow.noise.patterns import normalised
from shadow.noise.route import RouteNoise
from shadow.proving.leaves import Place
from shadow.proving.mutations import MUTATIONS, mutate
from shadow.proving.selfproof import json_answer

REQUESTS = 3_000
#: Requests after which it is looked; a bug that is found is not waited for any longer.
EVERY_TIME = frozenset({"/request", "/generated"})
LOOKS = (300, 1_000, REQUESTS)
NOISES = (0.0, 0.01, 0.1, 0.3, 0.5)
REGRESSIONS = (0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.5)
#: Differences that are kept to be judged again, per route.
STORED_MAX = 500
#: Share of the requests about which legacy is asked twice, and while that would settle something.
SAMPLE, ASKED_MORE = ShadowModel().noise_sample, ShadowModel().noise_sample_max
#: Requests of a batch: what is unsettled is known to a worker after each. 50 ms of 100 requests a second.
BATCH = 5
FOUND_BAR, ALARM_BAR = 0.99, 0.01
STATES = ("open", "checked", "paid", "late")
TAGS = ("new", "gift", "fragile", "bulky", "cold", "return")
BLANK = Answer("complete", 200)
MATCH = Comparison(Verdict.MATCH)


class Share(NamedTuple):
    """So many of so many."""

    count: int
    total: int

    def __str__(self) -> str:
        low, high = exact_interval(self.count, self.total)
        return f"{self.count}/{self.total} ({low:.1%} to {high:.1%})"


def order(number: int, draw: random.Random) -> dict[str, Any]:
    """What legacy and new both know of an order: no noise in it yet."""
    return {
        "id": number,
        "customer_id": str(uuid.UUID(int=draw.getrandbits(128), version=4)),
        "placed": f"2026-03-{draw.randint(10, 28)}T{draw.randint(10, 23)}:00:00Z",
        "total": round(draw.uniform(5, 900), 2),
        "paid": draw.random() < 0.5,
        "note": draw.choice([None, "ring twice", "leave at the door"]),
        "items": [
            {"item_id": draw.randint(1, 999), "name": f"item {draw.randint(1, 999)}", "price": draw.randint(100, 9_000)}
            for _ in range(3)
        ],
        "stock": draw.randint(20, 80),
        "state": draw.choice(STATES),
        "tags": draw.sample(TAGS, 3),
        "score": round(draw.uniform(10, 90), 3),
        "seen": f"2026-03-29T{draw.randint(10, 20)}:00:00.{draw.randint(0, 999):03}Z",
    }


def answered(base: dict[str, Any], noise: float, draw: random.Random) -> dict[str, Any]:
    """One answer: two fields that are another each time, and five that move at the noise rate, each by itself."""
    answer = {
        **base,
        "request": str(uuid.UUID(int=draw.getrandbits(128), version=4)),
        "generated": f"2026-03-29T10:{draw.randint(10, 11)}:{draw.randint(10, 59)}.{draw.randint(0, 999):03}Z",
    }
    if draw.random() < noise:
        answer["stock"] += draw.randint(1, 3)
    if draw.random() < noise:
        answer["state"] = draw.choice(("packed", "sent"))
    if draw.random() < noise:
        answer["tags"] = draw.sample(base["tags"], 3)
    if draw.random() < noise:
        answer["score"] = round(base["score"] + draw.uniform(-1, 1), 3)
    if draw.random() < noise:
        answer["seen"] = f"{base['seen'][:17]}{draw.randint(10, 30)}.{draw.randint(0, 999):03}Z"
    return answer


class Route:
    """A route that is mirrored: what is learned of it, and what was stored."""

    def __init__(self, twice: float, *, more: bool = False) -> None:
        self.noise = RouteNoise()
        self.twice = twice
        self.more = more
        self.unsettled = False
        self.taken = self.second_asks = 0
        self.comparer = RouteComparer(CompareModel(), now=time.time)
        self.stored: list[Difference] = []

    def take(self, legacy: Any, new: Any, again: Any, draw: random.Random) -> None:
        """One request."""
        twice = ASKED_MORE if self.unsettled else self.twice
        second = self._compare(legacy, again) if draw.random() < twice else None
        self.second_asks += second is not None
        concluded = self.noise.conclude(self._compare(legacy, new), second)
        if concluded.verdict is Verdict.MISMATCH and len(self.stored) < STORED_MAX:
            self.stored.extend(concluded.unexplained)
        self.taken += 1
        if self.more and self.taken % BATCH == 0:
            self.unsettled = self.noise.wants_second_asks()

    def _compare(self, legacy: Any, new: Any) -> Comparison:
        return self.comparer.compare(json_answer(BLANK, legacy), json_answer(BLANK, new), method="GET")

    def shown(self) -> set[str]:
        """Patterns of what the report shows: what is flagged, and what was stored and is still not explained."""
        shown = {report.key.pattern for report in self.noise.flagged()}
        for difference in self.stored:
            judged = self.noise.judge(Comparison(Verdict.MISMATCH, differences=(difference,)))
            if judged.verdict is Verdict.MISMATCH:
                shown.add(normalised(difference.pattern))
        return shown


def with_bug(kind: str, seed: str) -> Callable[[Any, Any, random.Random], tuple[Any, str]]:
    """A bug of one sort at one place of the document, the same one in every answer that has it."""
    place: list[str] = []

    def bug(document: Any, earlier: Any, draw: random.Random) -> tuple[Any, str]:
        if not place:
            told = EVERY_TIME if kind in {"other_id", "stale"} else frozenset()
            first = mutate(
                document, kind, random.Random(seed), earlier=earlier, within=lambda one: one.path not in told
            )  # fmt: skip
            if first is None:
                return document, ""
            place.append(first.place.pattern)

        def within(candidate: Place) -> bool:
            # A member more is put into an object, whose place is the parent of the new member's.
            pattern = candidate.pattern
            return pattern == place[0] or (kind == "extra" and place[0].rpartition("/")[0] in {pattern, ""})

        mutation = mutate(document, kind, draw, earlier=earlier, within=within)
        return (document, "") if mutation is None else (mutation.document, place[0])

    return bug


class End(NamedTuple):
    """What was seen of one route.

    Attributes:
        shown: the bug; where there is none, anything.
        second_asks: of legacy, until then.
    """

    shown: bool
    second_asks: int


def documents(kind: str | None, noise: float, rate: float, twice: float, seed: int, *, more: bool = False) -> bool:
    """Whether the report shows the bug; without a kind, whether it shows anything."""
    return follow(kind, noise, rate, twice, seed, more=more).shown


def follow(kind: str | None, noise: float, rate: float, twice: float, seed: int, *, more: bool = False) -> End:
    """One route, until its bug is shown or for `REQUESTS`."""
    name = f"{kind} {noise} {rate} {twice} {seed}"
    draw = random.Random(name)
    route, earlier, where = Route(twice, more=more), None, ""
    bug = with_bug(kind, name) if kind else None
    for number in range(1, REQUESTS + 1):
        base = order(number, draw)
        legacy, new, again = (answered(base, noise, draw) for _ in range(3))
        if bug is not None and earlier is not None and draw.random() < rate:
            new, place = bug(new, earlier, draw)
            where = place or where
        earlier = legacy
        route.take(legacy, new, again, draw)
        if number in LOOKS and bug is not None and _is_at(route.shown(), where):
            return End(shown=True, second_asks=route.second_asks)
    return End(shown=bool(route.shown()) if bug is None else False, second_asks=route.second_asks)


def _is_at(shown: set[str], where: str) -> bool:
    place = normalised(where).removesuffix("/*")
    return bool(where) and any(
        one == place or one.startswith(f"{place}/") or place.startswith(f"{one}/") for one in shown
    )  # fmt: skip


def hard_case(noise: float, regression: float, routes: int) -> tuple[Share, Share]:
    """Routes that we and Diffy's rule show, where noise and bug give the same value."""
    draw = random.Random(f"{noise} {regression}")
    difference = Comparison(Verdict.MISMATCH, differences=(Difference("/stock", Kind.VALUE, 5, 4, "/stock"),))
    ours = diffys = 0
    for _ in range(routes):
        route, raw, itself, stored = RouteNoise(), 0, 0, False
        for _ in range(REQUESTS):
            new = draw.random() < noise or draw.random() < regression
            again = draw.random() < noise
            raw, itself = raw + new, itself + again
            if new or again:
                concluded = route.conclude(difference if new else MATCH, difference if again else MATCH)
                stored |= concluded.verdict is Verdict.MISMATCH
            else:
                route.conclude(MATCH, MATCH)
        ours += bool(route.flagged()) or (stored and route.judge(difference).verdict is Verdict.MISMATCH)
        diffys += diffy_shows(raw, itself)
    return Share(ours, routes), Share(diffys, routes)


def diffy_shows(raw: int, noise: int) -> bool:
    """Diffy's published rule: more differences than noise, by 20 % of both and by 0.03 % of the requests."""
    return raw > noise and (raw - noise) / (raw + noise) > 0.2 and (raw - noise) / REQUESTS > 0.0003


def tables(routes: int, only: str | None) -> Iterator[tuple[Table, dict[str, Any]]]:
    """Measure, table by table."""
    if only in {None, "bugs"}:
        for rate in (1.0, 0.01):
            for twice, more in ((SAMPLE, True), (1.0, False), (SAMPLE, False)):
                yield _bugs(rate, twice, routes, more=more)
    if only in {None, "clean"}:
        yield _clean(routes)
    if only in {None, "hard"}:
        yield _hard(routes)


def _bugs(rate: float, twice: float, routes: int, *, more: bool) -> tuple[Table, dict[str, Any]]:
    title = f"bugs found; in {rate:.0%} of new's answers, legacy asked twice about {_twice(twice, more=more)}"
    table, rows = _table(title, "bug", [f"noise {noise:.0%}" for noise in NOISES]), {}
    total = [0] * len(NOISES)
    for kind in MUTATIONS:
        found = [
            sum(documents(kind, noise, rate, twice, seed, more=more) for seed in range(routes)) for noise in NOISES
        ]
        total = [before + count for before, count in zip(total, found, strict=True)]
        rows[kind] = [count / routes for count in found]
        table.add_row(kind, *(f"{count}/{routes}" for count in found))
    table.add_row("all", *(str(Share(count, routes * len(MUTATIONS))) for count in total))
    rows["all"] = [count / routes / len(MUTATIONS) for count in total]
    return table, {"title": title, "rows": rows}


def _twice(share: float, *, more: bool) -> str:
    return f"{share:.0%}, {ASKED_MORE:.0%} while unsettled" if more else f"{share:.0%}"


def _clean(routes: int) -> tuple[Table, dict[str, Any]]:
    title = "clean routes shown"
    table, rows = _table(title, "legacy asked twice about", [f"noise {noise:.0%}" for noise in NOISES]), {}
    for twice, more in ((SAMPLE, True), (1.0, False), (SAMPLE, False)):
        name = _twice(twice, more=more)
        ends = [[follow(None, noise, 0.0, twice, seed, more=more) for seed in range(routes)] for noise in NOISES]
        shown = [sum(end.shown for end in found) for found in ends]
        asks = [sum(end.second_asks for end in found) / routes for found in ends]
        rows[name] = [count / routes for count in shown]
        rows[f"{name}: second asks"] = asks
        table.add_row(name, *(str(Share(count, routes)) for count in shown))
        table.add_row("  second asks of a route", *(f"{count:.0f}" for count in asks))
    return table, {"title": title, "rows": rows}


def _hard(routes: int) -> tuple[Table, dict[str, Any]]:
    title = "hard case: routes shown by us / by Diffy's rule"
    table, rows = _table(title, "bug in", [f"noise {noise:.0%}" for noise in NOISES]), {}
    for regression in (0.0, *REGRESSIONS):
        pairs = [hard_case(noise, regression, routes) for noise in NOISES]
        rows[str(regression)] = [[ours.count / ours.total, diffys.count / diffys.total] for ours, diffys in pairs]
        cells = (f"{ours.count / ours.total:.0%} / {diffys.count / diffys.total:.0%}" for ours, diffys in pairs)
        table.add_row("no answer" if not regression else f"{regression:.2%}", *cells)
    return table, {"title": title, "rows": rows}


def _table(title: str, first: str, columns: list[str]) -> Table:
    table = Table(first, *columns, title=title, title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def curves(rows: dict[str, list[list[float]]]) -> list[Curve]:
    """The hard case as one pair of curves per noise."""
    return [
        Curve(noise, [(rate, *rows[str(rate)][at]) for rate in REGRESSIONS]) for at, noise in enumerate(NOISES) if noise
    ]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--routes", type=click.IntRange(min=1), default=20, show_default=True, help="Routes per cell.")
@click.option("--only", type=click.Choice(["bugs", "clean", "hard"]), help="One measurement, not all.")
@click.option("--json", "kept", type=click.Path(path_type=Path), help="Keep the figures as JSON.")
@click.option("--svg", type=click.Path(path_type=Path), help="Draw the hard case.")
def main(routes: int, only: str | None, kept: Path | None, svg: Path | None) -> None:
    """Bugs found and clean routes shown after 3,000 requests."""
    console, figures, begun = Console(width=160), [], time.process_time()
    for table, data in tables(routes, only):
        console.print(table)
        figures.append(data)
    console.print(f"{time.process_time() - begun:.0f} s of CPU time")
    if kept is not None:
        kept.write_text(json.dumps(figures, indent=1) + "\n")
    if svg is not None and only in {None, "hard"}:
        svg.write_text(plot(curves(figures[-1]["rows"])))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks.detection")
