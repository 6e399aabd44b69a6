"""A report as JUnit XML, for pipelines: a suite per route, a test case per condition of the gate.

A condition that is broken is a failure, and so is one of which too little is known: a pipeline that goes on although
nothing was compared would go on by luck. What differs is in the suite's output.
"""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from shadow.reporting.figures import interval, moment, share
from shadow.reporting.judgement import Condition, Outcome
from shadow.reporting.model import Report, RouteReport
from shadow.reporting.sentences import proven, seen


def render_junit(report: Report) -> str:
    """The whole document."""
    suites = [_suite(route, report) for route in report.routes]
    tests = sum(len(suite.findall("testcase")) for suite in suites)
    failures = sum(len(suite.findall("testcase/failure")) for suite in suites)
    root = ET.Element("testsuites", name="strangler shadow", tests=str(tests), failures=str(failures), errors="0")
    root.set("time", "0")
    root.extend(suites)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _suite(route: RouteReport, report: Report) -> ET.Element:
    conditions = route.judgement.conditions
    failed = sum(one.outcome is not Outcome.PASSED for one in conditions)
    suite = ET.Element("testsuite", name=f"shadow.{route.route}", tests=str(len(conditions)), failures=str(failed))
    suite.set("errors", "0")
    suite.set("skipped", "0")
    suite.set("time", "0")
    suite.set("timestamp", f"{datetime.fromtimestamp(report.made_at, UTC):%Y-%m-%dT%H:%M:%S}")
    for condition in conditions:
        suite.append(_case(route, condition))
    ET.SubElement(suite, "system-out").text = "\n".join(_output(route))
    return suite


def _case(route: RouteReport, condition: Condition) -> ET.Element:
    case = ET.Element("testcase", name=condition.name, classname=f"shadow.{route.route}", time="0")
    if condition.outcome is not Outcome.PASSED:
        failure = ET.SubElement(case, "failure", message=condition.words, type=str(condition.outcome))
        failure.text = condition.words
    return case


def _output(route: RouteReport) -> list[str]:
    lines = [f"{route.route}: {route.headline}"]
    for cluster in route.clusters:
        flagged = ", more often than noise" if cluster.flagged else ""
        lines.append(
            f"{cluster.words} at {cluster.pattern or '/'}: {seen(cluster.exchanges)} "
            f"({interval(cluster.exchanges)}){flagged}, last {moment(cluster.last)}"
        )
        lines += [
            f"  {one.exchange} {one.path}: legacy {_value(one.legacy)}, new {_value(one.new)}"
            for one in cluster.examples
        ]
    if route.clusters_more:
        lines.append(f"and {route.clusters_more} more kinds of difference")
    lines += [f"{share(one.share.value)} {one.verdict}" for one in route.verdicts if one.share is not None]
    return [*lines, proven(route.self_proof)]


def _value(text: str | None) -> str:
    return "nothing" if text is None else text
