"""asyncmy: sessions whose settings are ours, and MariaDB's and MySQL's errors in our words."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import asyncmy
from asyncmy import errors
from asyncmy.constants import CLIENT
from sqlalchemy.engine import URL

from legacy_adapters.errors import PlanError, SchemaChangedError, StoreUnavailableError, SyncError
from legacy_adapters.sql import connection
from legacy_adapters.sql.connection import CONNECT_TIMEOUT_S, LOCK_TIMEOUT_S, Connection, Record, RefusedError

#: Strict, since a value that does not fit must be refused and not cut; 0 is a number in an AUTO_INCREMENT column; zero
#: dates are let through, since a legacy store may be full of them and gets them back.
SQL_MODE: Final = (
    "STRICT_ALL_TABLES,STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,NO_AUTO_VALUE_ON_ZERO"
)
#: The comment runs on MariaDB alone: long lists of keys stay lists, so that the key's index is used.
SESSION: Final = (
    "SET time_zone = '+00:00', sql_mode = '{mode}', foreign_key_checks = 1, unique_checks = 1, "
    "sql_auto_is_null = 0, sql_notes = 0, innodb_lock_wait_timeout = {lock_s}, net_write_timeout = 600, "
    "@strangler_origin = '{origin}' /*M!100300 , in_predicate_conversion_threshold = 0 */"
)
#: MySQL does not have it; the first part stands there so that the statement is one.
IDLE: Final = "SET @strangler_idle = {idle_s} /*M!100300 , idle_transaction_timeout = {idle_s} */"
ISOLATION: Final = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"
#: What remains of a packet for what is not values.
PACKET_SHARE: Final = 0.5
PACKET_BYTES_MAX: Final = 4 << 20
#: Of a packet for what is not the statement.
PACKET_HEAD_BYTES: Final = 64
UTF8_BYTES_MAX: Final = 4

#: Error number -> reason of a rejection.
REASONS: Final = {
    1062: "unique",
    1169: "unique",
    1586: "unique",
    1216: "foreign_key",
    1217: "foreign_key",
    1451: "foreign_key",
    1452: "foreign_key",
    1048: "not_null",
    1364: "not_null",
    1263: "not_null",
    3819: "check",
    4025: "check",
    1369: "check",
    1406: "too_long",
    1264: "type",
    1265: "type",
    1292: "type",
    1366: "type",
    1367: "type",
    1411: "type",
    1441: "type",
    1416: "type",
    3140: "type",
    3156: "type",
    4038: "type",
    1644: "other",
    1442: "other",
    1118: "too_long",
    1153: "too_long",
}
#: Errors of the server in which it is nobody's row: connections, locks, rights, memory, disk, a server that only reads.
AWAY: Final = frozenset(
    {1020, 1021, 1023, 1024, 1025, 1026, 1030, 1037, 1038, 1040, 1041, 1042, 1043, 1044, 1045, 1049, 1053, 1077, 1078}
    | {1079, 1080, 1105, 1114, 1129, 1130, 1141, 1142, 1143, 1152, *range(1154, 1162), 1180, 1181, 1184, 1194, 1203}
    | {1205, 1206, 1213, 1218, 1223, 1226, 1227, 1229, 1290, 1297, 1298, 1317, 1370, 1396, 1399, 1412, 1420, 1436}
    | {1463, 1479, 1595, 1613, 1614, 1637, 1689, 1694, 1698, 1712, 1785, 1792, 1815, 1820, 1836, 1873, 1927, 1969}
    | {3024, 3100, 3101, 3168, 3572, 4031, 4151}
)
#: Errors of the client begin here and end there: a connection that broke.
_CLIENT_ERRORS: Final = range(2000, 3000)
#: Errors that say that a table or column is not there any more.
MISSING: Final = frozenset({1054, 1146, 1305, 1051})
#: Where a message names what refused: a value that it quotes stands before.
_NAMED: Final = {
    "unique": r"for key '([^']*)'$",
    "foreign_key": r"CONSTRAINT `([^`]+)` FOREIGN KEY",
    "check": r"^CONSTRAINT `([^`]+)` failed",
    "not_null": r"^(?:Column|Field) '([^']*)'",
    "too_long": r"^Data too long for column '([^']*)'",
    "type": r"column (?:`[^`]*`\.`[^`]*`\.)?[`']([^`']*)[`'] at row \d+$",
}
_TLS_QUERY = frozenset({"ssl_ca", "ssl_cert", "ssl_key"})


class MariaDBConnection(Connection):
    """One session."""

    def __init__(self, native: Any, packet_bytes: int, packet_bytes_max: int) -> None:
        self.native = native
        self.packet_bytes = packet_bytes
        self._packet_bytes_max = packet_bytes_max

    async def fetch(self, sql: str, args: Sequence[Any] = ()) -> Sequence[Record]:
        with translated():
            async with self.native.cursor() as cursor:
                await cursor.execute(sql, tuple(args) or None)
                records: Sequence[Record] = await cursor.fetchall()
                return records

    async def execute(self, sql: str, args: Sequence[Any] = ()) -> int:
        self._require_room(sql)
        with translated():
            async with self.native.cursor() as cursor:
                await cursor.execute(sql, tuple(args) or None)
                return max(0, int(cursor.rowcount))

    async def script(self, statements: Sequence[str]) -> None:
        for statement in statements:
            await self.execute(statement)

    async def several(self, statements: Sequence[str]) -> None:
        """Statements in one packet; the first that fails ends it."""
        sql = ";".join(statements)
        self._require_room(sql)
        with translated():
            async with self.native.cursor() as cursor:
                await cursor.execute(sql)
                while await cursor.nextset():
                    pass

    def _require_room(self, sql: str) -> None:
        """See that a statement fits into a packet: the server would end the connection, and again each time."""
        if len(sql) > self._packet_bytes_max // UTF8_BYTES_MAX and len(sql.encode(errors="replace")) > (
            self._packet_bytes_max - PACKET_HEAD_BYTES
        ):
            raise RefusedError("too_long", f"it does not fit into max_allowed_packet, {self._packet_bytes_max} bytes")

    async def begin_snapshot(self) -> None:
        await self.several(
            [
                IDLE.format(idle_s=0),
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ",
                "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
            ]
        )

    async def begin(self) -> None:
        await self.several([IDLE.format(idle_s=int(connection.IDLE_TIMEOUT_S)), "START TRANSACTION"])

    async def close(self) -> None:
        with translated():
            await self.native.ensure_closed()

    def terminate(self) -> None:
        self.native.close()


async def connect(url: URL, origin: str) -> MariaDBConnection:
    """A session of ours; `origin` marks what it writes."""
    settings = SESSION.format(mode=SQL_MODE, lock_s=int(LOCK_TIMEOUT_S), origin=re.sub(r"[^\w.:-]", "_", origin))
    socket = url.query.get("unix_socket")
    with translated():
        native = await asyncmy.connect(
            host=url.host or "127.0.0.1",
            port=url.port or 3306,
            user=url.username or "root",
            password=str(url.password or ""),
            database=url.database,
            unix_socket=str(socket) if socket else None,
            charset="utf8mb4",
            init_command=settings,
            autocommit=True,
            # An update says how many rows it found, also where they had the values already.
            client_flag=CLIENT.FOUND_ROWS,
            connect_timeout=CONNECT_TIMEOUT_S,
            ssl=_tls(url),
        )
    session = MariaDBConnection(native, PACKET_BYTES_MAX, PACKET_BYTES_MAX)
    await session.execute(ISOLATION)
    ((packet,),) = await session.fetch("SELECT @@max_allowed_packet")
    return MariaDBConnection(native, min(PACKET_BYTES_MAX, int(int(packet) * PACKET_SHARE)), int(packet))


def _tls(url: URL) -> ssl.SSLContext | None:
    """TLS where the URL names files for it: `?ssl_ca=…&ssl_cert=…&ssl_key=…`."""
    given = {name: str(url.query[name]) for name in _TLS_QUERY if name in url.query}
    if not given:
        return None
    try:
        context = ssl.create_default_context(cafile=given.get("ssl_ca"))
        if "ssl_cert" in given:
            context.load_cert_chain(given["ssl_cert"], given.get("ssl_key"))
    except (OSError, ssl.SSLError) as error:
        raise PlanError(f"the TLS files of a store's URL cannot be used: {error}") from None
    return context


@contextmanager
def translated() -> Iterator[None]:
    """Asyncmy's errors in our words; none of them repeats a value."""
    try:
        yield
    except errors.MySQLError as error:
        raise _translate(error) from None
    except UnicodeEncodeError:
        raise RefusedError("type", "a text holds half of a character (a lone surrogate)") from None
    except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
        raise StoreUnavailableError(f"MariaDB cannot be reached: {type(error).__name__}: {error}") from None


def _translate(error: Exception) -> SyncError:
    number, message = (*error.args, "", "")[:2]
    if number in REASONS:
        reason = REASONS[number]
        constraint = _constraint(reason, str(message))
        return RefusedError(reason, f"error {number}{f', {constraint}' if constraint else ''}", constraint)
    if number in MISSING:
        return SchemaChangedError(f"MariaDB says: {message}")
    if isinstance(number, int) and number not in AWAY and number not in _CLIENT_ERRORS:
        # Raised by a trigger of somebody's, with a number of its choice and in words that may repeat values.
        return RefusedError("other", f"error {number}")
    return StoreUnavailableError(f"MariaDB says: {number} {message}")


def _constraint(reason: str, message: str) -> str:
    """The key, constraint or column that a message names, where no value that it quotes can be taken for it."""
    found = re.search(_NAMED[reason], message) if reason in _NAMED else None
    return found[1] if found else ""
