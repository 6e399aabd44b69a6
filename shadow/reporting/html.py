"""A report as one HTML file: nothing is asked of any network, nothing needs JavaScript, and text stays text.

Everything is escaped by the template; beyond that the page's Content-Security-Policy allows its own style and script
only, by their hashes, so that a value which got through would still do nothing.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from pathlib import Path
from typing import Final

import jinja2
from markupsafe import Markup

from shadow.reporting import drawing, figures
from shadow.reporting.findings import Example
from shadow.reporting.marking import Piece, mark
from shadow.reporting.model import Report
from shadow.reporting.sentences import IDLE, VERDICTS, idle, proven

_UNITS: Final = re.compile("(?<=[0-9]) (?=[%\u00d7]|m?s\\b)|(?<=[<>]) (?=[0-9])")
_FOLDER: Final = Path(__file__).with_name("templates")


def render_html(report: Report) -> str:
    """The whole page."""
    css, js = _asset("report.css"), _asset("report.js")
    return _template().render(
        report=report,
        css=Markup(css),  # noqa: S704 - our own files, without anything filled in
        js=Markup(js),  # noqa: S704
        css_hash=_hash(css),
        js_hash=_hash(js),
        idle_words=IDLE,
        trend_points_min=drawing.TREND_POINTS_MIN,
        verdict_words={str(verdict): words for verdict, words in VERDICTS.items()},
        tones={str(verdict): tone for verdict, tone in drawing.TONES.items()},
    )


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=False
    )
    environment.filters.update(
        count=figures.count,
        share=lambda value: _together(figures.share(value)),
        interval=lambda given: _together(figures.interval(given)),
        duration=lambda seconds: _together(figures.duration(seconds)),
        times=lambda factor: _together(figures.times(factor)),
        moment=figures.moment,
        span=figures.span,
        power=lambda value: _together(figures.power(value)),
        together=_together,
        idle=idle,
        sentence=sentence,
        proven=lambda given: _together(proven(given)),
        mark=_mark,
        verdict_bar=drawing.verdict_bar,
        trend_columns=drawing.trend_columns,
        peak_share=drawing.peak_share,
        peak_volume=drawing.peak_volume,
        whisker=drawing.whisker,
    )
    return environment.get_template("report.html.j2")


@functools.cache
def _asset(name: str) -> str:
    return _FOLDER.joinpath(name).read_text("utf-8").strip()


def _hash(text: str) -> Markup:
    digest = hashlib.sha256(text.encode()).digest()
    return Markup(base64.b64encode(digest).decode())  # noqa: S704 - base64 has nothing to escape, and + must stay


def _mark(example: Example) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    return mark(example.legacy, example.new)


def sentence(words: str, stop: bool = True) -> str:  # noqa: FBT001, FBT002 - a filter of the template
    """A clause as a sentence: a capital letter, and a full stop unless `stop` is False."""
    text = _together(words[:1].upper() + words[1:])
    return text if not stop or text.endswith((".", "…")) else f"{text}."


def _together(text: str) -> str:
    """No line begins with the sign or the unit of a number that the line before ends with."""
    return _UNITS.sub("\u00a0", text)
