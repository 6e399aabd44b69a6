"""Where the records of a sync are, and how changes to them are noticed."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, ValidationInfo

from routes.config.part import Part, folder_of
from routes.faults import did_you_mean, fault
from routes.units import Duration, DurationOrZero

_URL_ALLOWED = "postgresql://, mysql:// or mariadb://USER:PASSWORD@HOST/DATABASE, or sqlite:///FILE"
_SCHEME = re.compile(r"[a-z][a-z0-9]*(\+[a-z0-9_]+)?\Z")
#: The port of what stands behind `://`, as SQLAlchemy takes it apart.
_PORT = re.compile(r"(?>(?:[^:/]*(?::[^@]*)?@)?)(?:\[[^/?]*\]|[^/:?]*):([^/?]*)")
_SAME = {"postgres": "postgresql", "pgsql": "postgresql"}
_COLUMN_MAX_CHARACTERS = 128
_CAPTURES = "outbox or {poll: COLUMN}"
_UNTIL_THEN = "use outbox, or {poll: COLUMN} where triggers are not allowed"
#: Captures of the design that come later: what to use until then.
LATER = {
    "binlog": f"reading MariaDB's binary log comes later; {_UNTIL_THEN}",
    "logical": f"logical decoding of PostgreSQL comes later; {_UNTIL_THEN}",
    "webhook": f"inbound webhooks come later; {_UNTIL_THEN}",
}


def _sql_url(value: Any, info: ValidationInfo) -> str:
    text = value.strip() if isinstance(value, str) else ""
    scheme, separator, rest = text.partition("://")
    if not separator or _SCHEME.match(scheme) is None:
        raise fault("is not a URL of a database", allowed=_URL_ALLOWED)
    if scheme in {"http", "https"}:
        raise fault("is the URL of a web service, and the connector sql wants a database", allowed=_URL_ALLOWED)
    scheme = _SAME.get(scheme, scheme)
    if not scheme.startswith("sqlite"):
        if not rest or rest.startswith("/"):
            raise fault("names no host", allowed=_URL_ALLOWED)
        port = _PORT.match(rest)
        if port is not None and not (port[1].isascii() and port[1].isdigit()):
            raise fault("has a port that is no number", allowed=_URL_ALLOWED)
        return f"{scheme}://{rest}"
    file = rest.removeprefix("/")
    if not rest.startswith("/") or not file:
        raise fault("names no file", allowed=_URL_ALLOWED, hint="three slashes before a relative file, four before /")
    if file.startswith(":memory:"):
        raise fault("is a database in memory, which ends with the process", allowed=_URL_ALLOWED)
    folder = folder_of(info)
    return f"{scheme}:///{file if folder is None else folder / file}"


def _column(value: str) -> str:
    if not value or value != value.strip() or not value.isprintable() or len(value) > _COLUMN_MAX_CHARACTERS:
        raise fault("is not the name of a table or column", allowed="1 to 128 characters, as the database spells them")
    return value


def _unique(value: list[str]) -> list[str]:
    twice = next((name for index, name in enumerate(value) if name in value[:index]), None)
    if twice is not None:
        raise fault(f"names {twice} twice")
    return value


#: Name of a column or table, as the database spells it.
Column = Annotated[str, AfterValidator(_column)]
Columns = Annotated[list[Column], Field(min_length=1, max_length=16), AfterValidator(_unique)]


class SyncStore(Part):
    """One side of a sync: a table in a database."""

    connector: Literal["sql"] = "sql"
    """How the store is reached. `sql`: through SQLAlchemy. PostgreSQL, MariaDB, MySQL and SQLite are tested."""
    url: Annotated[str, BeforeValidator(_sql_url)] = Field(repr=False)
    """`postgresql://`, `mysql://` or `mariadb://USER:PASSWORD@HOST/DATABASE`, or `sqlite:///FILE` (a relative file
    starts at the configuration's folder). Keep the password out of the file: `"mysql://erp:${ERP_PASSWORD}@db/erp"`."""
    table: Column
    """The table, as the database spells it."""
    schema_: Column | None = Field(default=None, alias="schema")
    """Schema of the table. Default: where the database looks first."""
    key: Columns
    """Columns that name a record, in order: the primary key, or a unique key without NULL."""


class Poll(Part):
    """Looks for rows whose column has grown. Does not see deletes, and sees two changes in between as one."""

    poll: Column
    """A column that grows with every change: a time of change or a version number, with an index."""
    interval: Duration = 5.0
    """From one look to the next."""
    overlap: DurationOrZero = 30.0
    """How far back each look begins, for transactions that commit late. Must be longer than any of them; what is seen
    twice is applied once. Only for columns that hold a time."""


def _capture(value: Any) -> Any:
    if isinstance(value, str) and value in LATER:
        raise fault(LATER[value], allowed=_CAPTURES)
    if isinstance(value, str) and value != "outbox":
        hint = did_you_mean(value, ["outbox"]) or (
            "write {poll: UPDATED_AT}" if did_you_mean(value[:4], ["poll"]) else None
        )
        raise fault("is not a way to notice changes", allowed=_CAPTURES, hint=hint)
    if not isinstance(value, str | dict | Poll):
        raise fault("is not a way to notice changes", allowed=_CAPTURES)
    return value


#: How changes of one side are noticed.
CaptureWay = Annotated[
    Annotated[Literal["outbox"], Tag("outbox")] | Annotated[Poll, Tag("polling")],
    Discriminator(lambda value: "outbox" if isinstance(value, str) else "polling"),
    BeforeValidator(_capture),
]


class Capture(Part):
    """How changes are noticed, on each side that changes are taken from."""

    legacy: CaptureWay = "outbox"
    """In the legacy store. `outbox`: triggers write down which keys changed, in the same transaction. `{poll: COLUMN}`
    where triggers are not allowed."""
    new: CaptureWay = "outbox"
    """In the new store, the same."""
