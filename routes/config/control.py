"""The control API and the state that it keeps."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from routes.config.address import Address, split_address
from routes.config.part import Part, folder_of
from routes.config.text import Name
from routes.faults import fault
from routes.units import Duration, Size

_TOKEN = re.compile(r"[\x21-\x7e]{1,512}\Z")
_KEY_CHARACTERS_MIN = 16
_URL_ALLOWED = "sqlite:///FILE, such as sqlite:///var/strangler.db, or postgresql://USER:PASSWORD@HOST/DATABASE"


def _token(value: str) -> str:
    if _TOKEN.match(value) is None:
        raise fault(
            "is not a token", allowed="1 to 512 visible ASCII characters without spaces, since it travels in a header"
        )
    return value


def _state_url(value: Any, info: ValidationInfo) -> str:
    text = value if isinstance(value, str) else ""
    if text.startswith(("postgresql://", "postgres://")):
        return "postgresql://" + text.partition("://")[2]
    if not text.startswith("sqlite:///") or text == "sqlite:///":
        raise fault("is not a URL of a database", allowed=_URL_ALLOWED)
    file, folder = text.removeprefix("sqlite:///"), folder_of(info)
    if folder is None or file.startswith(":memory:"):
        return text
    return f"sqlite:///{folder / file}"


def _redaction_key(value: str) -> str:
    if len(value) < _KEY_CHARACTERS_MIN:
        raise fault("is too short to be a secret", allowed=f"{_KEY_CHARACTERS_MIN} characters or more")
    return value


class Token(Part):
    """Who may use the control API."""

    name: Name
    """Whose token it is; stands in the audit log."""
    role: Literal["viewer", "operator", "admin"]
    """`viewer` reads, `operator` also changes routes, `admin` also does what cannot be undone."""
    token: Annotated[str, AfterValidator(_token)] = Field(repr=False)
    """The secret that is sent as `Authorization: Bearer …`. Keep it out of the file: `"${STRANGLER_TOKEN}"`."""


class Control(Part):
    """The control API: admin API, `/metrics`, `/healthz`, `/readyz`."""

    address: Address = "127.0.0.1:9090"
    """Where it listens. Any other than a loopback address needs `tokens`."""
    tokens: list[Token] = Field(default_factory=list)
    """Who may use it. Default: without any, everybody on this machine is trusted."""

    @property
    def host(self) -> str:
        """The host of the address, IPv6 without brackets."""
        return split_address(self.address)[0]

    @property
    def port(self) -> int:
        """The port of the address; 0 is any free one."""
        return split_address(self.address)[1]


class State(Part):
    """Where state is kept that outlives a restart: what shadow mode found, and why."""

    url: Annotated[str, BeforeValidator(_state_url)] = Field(
        default="sqlite:///var/strangler.db", validate_default=True, repr=False
    )
    """`sqlite:///FILE` for one node, `postgresql://…` for several. A relative file starts at the configuration's
    folder."""
    keep_exchanges: Duration = 14 * 86400.0
    """How long stored exchanges are kept."""
    keep_bytes: Size = 2 << 30
    """Size of all stored exchanges together. Beyond it the oldest go first, before `keep_exchanges` is over."""
    redaction_key: Annotated[str, AfterValidator(_redaction_key)] | None = Field(default=None, repr=False)
    """The secret behind the tokens that stand for redacted values, 16 characters or more. Keep it out of the file:
    `"${STRANGLER_REDACTION_KEY}"`. Default: a random one for each run, so that tokens of two runs differ."""


class Shutdown(Part):
    """How the proxy stops."""

    drain_timeout: Duration = 30.0
    """After SIGTERM requests that are under way may finish for this long; then they are cut."""
