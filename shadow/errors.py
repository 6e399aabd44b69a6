"""What can go wrong in shadow mode.

```
ShadowError
├── MalformedExchangeError   a message of the stream is no exchange
├── MalformedFrameError      what came on the stream is no frame
├── UndecodableError         a body cannot be read as what its headers say it is
├── RuleError                a rule is not usable
├── NoiseStateError          what was learned about a route's noise cannot be read back
├── StoreError               the state database cannot be read or written
├── ReplayError              a stored exchange cannot be sent again
└── ReportError              what should be a report is none
```
"""

from __future__ import annotations


class ShadowError(Exception):
    """Anything that this package raises on purpose."""


class MalformedExchangeError(ShadowError):
    """A message of the stream is no exchange."""


class MalformedFrameError(ShadowError):
    """What came on the stream is no frame, or one that is too long."""


class UndecodableError(ShadowError):
    """A body cannot be read as what its headers say it is.

    Attributes:
        reason: one word for counters: `encoding`, `too_large`, `too_deep`, `syntax`, `charset`.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason


class RuleError(ShadowError):
    """A rule is not usable: the path, the kind or the argument is wrong."""


class NoiseStateError(ShadowError):
    """What was learned about a route's noise cannot be read back: begin anew."""


class StoreError(ShadowError):
    """The state database cannot be read or written.

    Attributes:
        reason: one word for counters: `full`, `busy`, `away`, `refused`, `newer`, `damaged` or `other`.
    """

    def __init__(self, detail: str, *, reason: str = "other") -> None:
        super().__init__(detail)
        self.reason = reason


class ReplayError(ShadowError):
    """A stored exchange cannot be sent again."""


class ReportError(ShadowError):
    """What should be a report is none, or one of another release."""
