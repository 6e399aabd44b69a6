"""A report for a terminal. Text from strangers is never markup here, and it was made printable before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from shadow.comparison import Kind
from shadow.reporting.figures import count, duration, interval, moment, plural, power, share, span, times
from shadow.reporting.findings import ClusterReport
from shadow.reporting.judgement import Outcome, State
from shadow.reporting.marking import Piece, mark
from shadow.reporting.measured import ArmLatency, Trend
from shadow.reporting.model import Report, RouteReport
from shadow.reporting.sentences import IDLE, idle, proven, seen

_STATES: Final = {State.READY: "green", State.NOT_READY: "red", State.TOO_EARLY: "yellow"}
_SIGNS: Final = {Outcome.PASSED: ("✓", "green"), Outcome.FAILED: ("✕", "red"), Outcome.UNKNOWN: ("?", "yellow")}
_STEPS: Final = " ▁▂▃▄▅▆▇█"
_TREND_COLUMNS_MAX: Final = 60
_INDENT: Final = (0, 0, 0, 2)
#: Kinds of difference of which one example says what all say, as where a relation was found.
_PLAIN: Final = frozenset({Kind.MISSING, Kind.EXTRA, Kind.ORDER})


def render_text(report: Report) -> RenderableType:
    """The whole report, to be printed with `crop=False`: what is to be copied is not broken where a terminal ends.

    It is longer than a screen, so its end says again how each route is, and how to look closer.
    """
    parts: list[RenderableType] = [
        Text(f"Shadow report, {span(report.until - report.since)} to {moment(report.until)}", style="dim")
    ]
    if not report.routes:
        parts.append(Text("No route is in shadow, and nothing was compared in this time."))
    for route in report.routes:
        parts += ["", *_route(route)]
    return Group(*parts, *_end(report))


def _end(report: Report) -> Iterator[RenderableType]:
    """Every sentence again, and the commands that show more."""
    first = next((one for route in report.routes for kind in route.clusters for one in kind.examples), None)
    if first is None:
        return
    yield ""
    yield from map(_headline, report.routes)
    asked = f"{report.routes[0].route} " if len(report.routes) == 1 else ""
    yield _line(f"  one exchange whole   strangler exchange {first.exchange}")
    yield _line(f"  all of it as a page  strangler report {asked}--format html --output report.html")


def _line(text: str) -> Text:
    """Text to be copied: nothing breaks it, so print it with `crop=False`, and inside of nothing."""
    return Text(text, no_wrap=True, overflow="ignore")


def _headline(route: RouteReport) -> Text:
    said, _, state = route.headline.rpartition("; ")
    line = Text.assemble((route.route, "bold"), ": ")
    if said:
        line.append(f"{said}; ").append(state, style=f"bold {_STATES[route.judgement.state]}")
    else:
        line.append(route.headline)
    return line


def _route(route: RouteReport) -> Iterator[RenderableType]:
    yield _headline(route)
    if idle(route.coverage):
        yield Padding(Text(IDLE), _INDENT)
        return
    for one in route.judgement.in_the_way:
        sign, colour = _SIGNS[one.outcome]
        yield _hanging(Text(sign, style=colour), Text(one.words))
    for cluster in route.clusters:
        yield ""
        yield from (Padding(part, _INDENT) for part in _cluster(cluster))
        yield from _rule(cluster.rule)
    if route.clusters_more:
        yield Padding(Text(f"and {count(route.clusters_more)} more, less frequent kinds", style="dim"), _INDENT)
    for part in (
        _verdicts(route),
        _left_out(route),
        _latency(route),
        _keys(route),
        _proof(route),
        _rules(route),
        _trend(route.trend),
    ):
        if part is not None:
            yield ""
            yield Padding(part, _INDENT)
    if route.settled:
        yield ""
        words = f"{plural(len(route.settled), 'kind')} of difference that learned noise has come to account for"
        yield Padding(Text(words, style="dim"), _INDENT)


def _hanging(sign: Text, words: Text) -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_row(Text(" "), sign, words)
    return table


def _cluster(cluster: ClusterReport) -> Iterator[RenderableType]:
    title = Text.assemble(("● ", "red"), (cluster.words, "bold"), "  ", (cluster.pattern or "/", "cyan"))
    if cluster.flagged:
        title.append("  more often than noise", style="red")
    yield title
    yield Padding(
        Text(f"{seen(cluster.exchanges)} ({interval(cluster.exchanges)}), last {moment(cluster.last)}", style="dim"),
        _INDENT,
    )
    grid = Table.grid(padding=(0, 2))
    grid.add_column()
    grid.add_column(overflow="fold", ratio=1)
    examples = cluster.examples[:1] if cluster.relation or cluster.kind in _PLAIN else cluster.examples
    for example in examples:
        legacy, new = mark(example.legacy, example.new)
        grid.add_row(Text("legacy", style="dim"), _pieces(legacy))
        grid.add_row(Text("new", style="dim"), _pieces(new))
        where = f"{example.path or '/'} in exchange {example.exchange}"
        grid.add_row("", Text(f"{where}: {example.method} {example.target}" if example.target else where, style="dim"))
    if more := ", ".join(example.exchange for example in cluster.examples[len(examples) :]):
        grid.add_row("", Text(f"also in exchange {more}", style="dim"))
    yield Padding(grid, _INDENT)


def _rule(rule: str) -> Iterator[RenderableType]:
    if rule:
        yield Padding(Text("if that is as it should be:", style="dim"), (0, 0, 0, 4))
        yield from (_line(f"      {line}") for line in rule.splitlines())


def _pieces(pieces: tuple[Piece, ...]) -> Text:
    if not pieces:
        return Text("nothing", style="dim italic")
    return Text.assemble(*((piece.text, "bold red" if piece.differs else "") for piece in pieces))


def table(title: str, *columns: str, left: int = 1) -> Table:
    """A plain table; the first `left` columns are text, the others numbers."""
    made = Table(title=Text(title, style="bold"), title_justify="left", box=None, pad_edge=False)
    for index, column in enumerate(columns):
        made.add_column(column, justify="left" if index < left else "right", overflow="fold", header_style="dim")
    return made


def _verdicts(route: RouteReport) -> Table | None:
    if not route.coverage.compared:
        return None
    made = table("Verdicts", "", "exchanges", "share", "95 % interval")
    for one in route.verdicts:
        if one.share is not None:
            made.add_row(one.verdict.replace("_", " "), count(one.count), share(one.share.value), interval(one.share))
    return made


def _left_out(route: RouteReport) -> Table:
    made = table("Coverage", "", "requests")
    made.add_row("mirrored", count(route.coverage.mirrored))
    made.add_row("compared", count(route.coverage.compared))
    for one in route.coverage.left_out:
        made.add_row(Text(f"left out: {one.words}"), count(one.count))
    for cover in (*route.coverage.statuses, *route.coverage.media):
        left = f", {count(cover.left_out)} left out" if cover.left_out else ""
        made.add_row(Text(f"{cover.name} answers compared{left}", style="dim"), count(cover.compared))
    return made


def _latency(route: RouteReport) -> Table | None:
    if not route.latency.legacy.count and not route.latency.new.count:
        return None
    made = table("Latency", "", "median", "90th percentile", "99th percentile")
    for name, arm in (("legacy", route.latency.legacy), ("new", route.latency.new)):
        made.add_row(name, *_quantiles(arm))
    both = route.latency
    made.add_row("new ÷ legacy", times(both.p50_ratio), times(both.p90_ratio), times(both.p99_ratio))
    return made


def _quantiles(arm: ArmLatency) -> tuple[str, str, str]:
    return duration(arm.p50_s), duration(arm.p90_s), duration(arm.p99_s)


def _keys(route: RouteReport) -> Table | None:
    if not route.keys:
        return None
    made = table("Held against noise", "place", "kind", "only new", "only legacy", "e-value", "", left=2)
    for key in route.keys:
        flag = Text("flagged", style="red") if key.flagged else Text()
        numbers = (count(key.new_only), count(key.legacy_only), power(key.e_value_log10))
        made.add_row(Text(key.pattern or "/"), key.kind, *numbers, flag)
    return made


def _proof(route: RouteReport) -> Text:
    line = Text.assemble(("Self-proof  ", "bold"), proven(route.self_proof))
    kinds = () if route.self_proof is None else route.self_proof.mutations
    missed = [(one.kind.replace("_", " "), one.detected) for one in kinds if one.detected.count < one.detected.of]
    if missed:
        each = (f"{kind} {count(found.of - found.count)} of {count(found.of)}" for kind, found in missed)
        line.append(f" It missed: {', '.join(each)}.", style="yellow")
    return line


def _rules(route: RouteReport) -> Table | None:
    if not route.rules:
        return None
    made = table("Rules in force", "rule", "kind", "where", "why", "used", "", left=4)
    for rule in route.rules:
        state = {"unused": "never used", "expired": "expired"}.get(rule.state, "")
        cells = (Text(rule.id), rule.kind, Text(rule.path), Text(rule.reason), count(rule.uses))
        made.add_row(*cells, Text(state, style="yellow"))
    return made


def _trend(trend: Trend) -> Text | None:
    points = trend.points[-_TREND_COLUMNS_MAX:]
    shares = [point.different / point.compared if point.compared else 0.0 for point in points]
    if len(points) < 2 or not any(shares):  # noqa: PLR2004 - one point is no trend
        return None
    highest = max(shares)
    line = "".join(_STEPS[-(-round(value / highest * 1000) * (len(_STEPS) - 1) // 1000)] for value in shares)
    return Text.assemble(
        ("Differing over time  ", "bold"),
        line,
        (f"  a step is {span(trend.step_s)}, at most {share(highest)}", "dim"),
    )
