"""What can go wrong in a benchmark run.

BenchError
├── MissingError   a program that an entrant needs is not installed: the entrant is skipped
├── StartError     a program did not come up, or ended at once
└── InvalidError   a measurement that must not be believed: socket errors, wrong answers
"""

from __future__ import annotations


class BenchError(Exception):
    """Base of the errors that the run reports in one line instead of a traceback."""


class MissingError(BenchError):
    """A program is not installed. The text says how to get it."""


class StartError(BenchError):
    """A program did not become ready. The text holds the end of what it printed."""


class InvalidError(BenchError):
    """A measurement that must not be believed, and why."""
