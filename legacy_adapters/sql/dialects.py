"""Which dialect goes with a URL."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.engine import URL
from sqlalchemy.exc import NoSuchModuleError

from legacy_adapters.errors import PlanError
from legacy_adapters.sql.dialect import Dialect


def _postgresql() -> Dialect:
    from legacy_adapters.sql.postgresql.dialect import PostgreSQLDialect  # noqa: PLC0415 - drivers are slow to load

    return PostgreSQLDialect()


def _mariadb() -> Dialect:
    from legacy_adapters.sql.mariadb.dialect import MariaDBDialect  # noqa: PLC0415

    return MariaDBDialect()


def _sqlite() -> Dialect:
    from legacy_adapters.sql.sqlite.dialect import SQLiteDialect  # noqa: PLC0415

    return SQLiteDialect()


#: Backend of a URL -> what speaks to it; every other one goes the generic path.
DIALECTS: dict[str, Callable[[], Dialect]] = {
    "postgresql": _postgresql,
    "postgres": _postgresql,
    "mysql": _mariadb,
    "mariadb": _mariadb,
    "sqlite": _sqlite,
}


def dialect_of(url: URL) -> Dialect:
    """The dialect of a URL's database.

    Raises:
        PlanError: there is none.
    """
    backend = url.drivername.partition("+")[0]
    if backend in DIALECTS:
        return DIALECTS[backend]()
    from legacy_adapters.sql.generic.dialect import GenericDialect  # noqa: PLC0415 - loads SQLAlchemy's ORM

    try:
        return GenericDialect(url)
    except (NoSuchModuleError, ImportError):
        known = ", ".join(sorted(DIALECTS))
        raise PlanError(
            f"no connector for {backend}: there are {known}, and what SQLAlchemy has a driver for"
        ) from None
