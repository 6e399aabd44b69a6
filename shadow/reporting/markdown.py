"""A report as Markdown, for a pull request or a chat: short, and with the examples folded away."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from shadow.reporting.figures import count, duration, interval, moment, plural, power, share, span, times
from shadow.reporting.findings import ClusterReport
from shadow.reporting.judgement import Condition, Outcome, State
from shadow.reporting.measured import ArmLatency
from shadow.reporting.model import Report, RouteReport
from shadow.reporting.sentences import IDLE, idle, proven

_SIGNS = {Outcome.PASSED: "✅", Outcome.FAILED: "❌", Outcome.UNKNOWN: "❔"}
_STATES = {State.READY: "✅", State.NOT_READY: "❌", State.TOO_EARLY: "❔"}
#: What Markdown would act on inside of a line, links that it makes by itself included.
_SPECIAL = re.compile(r"([\\`*_\[\]|~<>&$]|:(?=//)|(?<=www)\.)", re.IGNORECASE)
#: What a code host makes a mention or a reference of, after Markdown and whatever is escaped; code it leaves alone.
_REFERENCE = re.compile(r"(\S*(?:@|#(?=[0-9]))\S*)")
_ESCAPED_BAR = re.compile(r"(?<=\\)\|")
#: A bar as JSON has it, too.
_BAR = "\\u007c"


def render_markdown(report: Report) -> str:
    """The whole page."""
    lines = [
        "# Shadow report",
        "",
        f"{span(report.until - report.since)} to {moment(report.until)}, strangler {plain(report.release)}",
        "",
    ]
    if not report.routes:
        lines += ["No route is in shadow, and nothing was compared in this time.", ""]
    for route in report.routes:
        lines += _route(route)
    return "\n".join(lines).rstrip() + "\n"


def plain(text: str) -> str:
    """Text that neither Markdown nor a code host makes anything of."""
    pieces = _REFERENCE.split(text.replace("\n", " "))
    return "".join(
        code(piece.replace("|", _BAR)) if at % 2 else _SPECIAL.sub(r"\\\1", piece) for at, piece in enumerate(pieces)
    )


def code(text: str) -> str:
    """Text as a code span, whatever backticks it holds."""
    text = text.replace("\n", "\\u000a")
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    padding = " " if text.startswith("`") or text.endswith("`") or not text else ""
    return f"{fence}{padding}{text}{padding}{fence}"


def cell(text: str) -> str:
    """The same inside of a table, where a bar ends the cell even in code.

    Behind a backslash it cannot be escaped so that all readers of Markdown agree: there it is written in another way.
    """
    return code(_ESCAPED_BAR.sub(lambda _: _BAR, text)).replace("|", "\\|")


def block(text: str, kind: str = "") -> list[str]:
    """Text as a code block, whatever backticks it holds."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence + kind, *text.splitlines(), fence]


def _route(route: RouteReport) -> Iterator[str]:
    yield f"## {_STATES[route.judgement.state]} {plain(route.route)}: {plain(route.headline)}"
    yield ""
    if idle(route.coverage):
        yield plain(IDLE)
        yield ""
        return
    for one in (*route.judgement.in_the_way, *_passed(route)):
        yield f"- {_SIGNS[one.outcome]} {plain(one.words)}"
    yield ""
    yield from _verdicts(route)
    if route.clusters:
        yield "### Kinds of difference"
        yield ""
        for cluster in route.clusters:
            yield from _cluster(cluster)
        if route.clusters_more:
            yield f"And {count(route.clusters_more)} more, less frequent ones."
            yield ""
    yield from _tables(route)


def _passed(route: RouteReport) -> list[Condition]:
    return [one for one in route.judgement.conditions if one.outcome is Outcome.PASSED]


def _verdicts(route: RouteReport) -> Iterator[str]:
    yield from table(
        ("verdict", "exchanges", "share", "95 % interval"),
        [
            (plain(one.verdict.replace("_", " ")), count(one.count), share(one.share.value), interval(one.share))
            for one in route.verdicts
            if one.share is not None
        ],
    )
    left_out = [(plain(one.words), count(one.count)) for one in route.coverage.left_out]
    yield f"{plural(route.coverage.mirrored, 'request')} mirrored, {count(route.coverage.compared)} compared."
    yield ""
    if left_out:
        yield from table(("left out", "requests"), left_out)


def _cluster(cluster: ClusterReport) -> Iterator[str]:
    flagged = ", more often than noise" if cluster.flagged else ""
    yield (
        f"**{plain(cluster.words)}** at {code(cluster.pattern or '/')}: {plural(cluster.exchanges.count, 'exchange')}, "
        f"{share(cluster.exchanges.value)} ({interval(cluster.exchanges)}){flagged}; "
        f"{moment(cluster.first)} to {moment(cluster.last)}"
    )
    yield ""
    yield "<details><summary>Examples and a rule</summary>"
    yield ""
    yield from table(
        ("exchange", "at", "legacy", "new"),
        [(cell(one.exchange), cell(one.path or "/"), _value(one.legacy), _value(one.new)) for one in cluster.examples],
    )
    if cluster.rule:
        yield from block(cluster.rule, "yaml")
        yield ""
    yield "</details>"
    yield ""


def _value(text: str | None) -> str:
    return "*nothing*" if text is None else cell(text)


def _tables(route: RouteReport) -> Iterator[str]:
    latency = route.latency
    yield from table(
        ("latency", "median", "90th percentile", "99th percentile"),
        [
            _arm("legacy", latency.legacy),
            _arm("new", latency.new),
            ("new ÷ legacy", times(latency.p50_ratio), times(latency.p90_ratio), times(latency.p99_ratio)),
        ],
    )
    if route.keys:
        yield from table(
            ("place", "kind", "only new", "only legacy", "e-value", ""),
            [
                (
                    *(cell(key.pattern or "/"), plain(key.kind), count(key.new_only), count(key.legacy_only)),
                    *(power(key.e_value_log10), "flagged" if key.flagged else ""),
                )
                for key in route.keys
            ],
        )
    yield plain(proven(route.self_proof))
    yield ""
    idle = [rule for rule in route.rules if rule.state != "used"]
    if idle:
        yield from table(
            ("rule", "where", "why", "owner", ""),
            [
                (
                    f"{plain(rule.kind)} {plain(rule.id)}",
                    cell(rule.path),
                    plain(rule.reason),
                    plain(rule.owner),
                    _idle(rule.state),
                )
                for rule in idle
            ],
        )


def _idle(state: str) -> str:
    return "never used" if state == "unused" else plain(state)


def _arm(name: str, arm: ArmLatency) -> tuple[str, ...]:
    return name, duration(arm.p50_s), duration(arm.p90_s), duration(arm.p99_s)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    """A table, and the empty line after it."""
    if not rows:
        return
    for cells in (head, tuple("---" for _ in head), *rows):
        yield f"| {' | '.join(cells)} |"
    yield ""
