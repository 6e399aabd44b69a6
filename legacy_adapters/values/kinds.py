"""What a column can hold, said in the same words for every store.

A connector's reflection makes a `ColumnKind` of each column that a sync uses. Coercion (what a mapped value must
become to fit), canonical forms (what makes two values equal) and the loss analysis of `sync plan` read nothing else of
a store, so a dialect is described once, where it is reflected.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Families of column types. What is in none of them is `OTHER`: carried as the driver gives it."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    TEXT = "text"
    BYTES = "bytes"
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    INTERVAL = "interval"
    UUID = "uuid"
    JSON = "json"
    ENUM = "enum"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class ColumnKind:
    """What one column can hold.

    Attributes:
        name: of the column.
        kind: family of its type.
        type_name: the type as the store writes it, such as `varchar(40)`: for messages.
        nullable: whether it may be NULL.
        length: most characters of a text, bytes of a binary, bits of a bit string; None is unbounded or unknown.
        fixed: padded to its length (CHAR, BINARY): blanks at the end of a text mean nothing.
        bits: size of an integer (8, 16, 24, 32, 64) or float (32, 64); None is unknown or any.
        unsigned: an integer or decimal without negative values.
        precision: digits of a decimal; None is unbounded or unknown.
        scale: digits of a decimal behind the point; None is unbounded or unknown.
        fraction: digits of the second that a time, datetime or interval keeps, 0 to 6.
        zoned: a datetime or time that is an instant (`timestamptz`, MySQL's `timestamp`), not a wall clock.
        charset: of a text: `utf8mb4`, `utf8mb3`, `latin1`, `ascii`, `UTF8`; None is unknown.
        collation: of a text, as the store names it; None is unknown.
        case_sensitive: whether the collation tells `a` from `A`; decides what a unique key takes for equal.
        members: values of an enumeration, in the store's order.
        generated: computed by the store: it is never written.
        identity: the store gives a number where none is written (auto-increment, serial, identity).
        auto_update: the store changes it whenever the row is written (`ON UPDATE CURRENT_TIMESTAMP`, rowversion).
        has_default: the store fills it in where a row does not name it.
        zero_dates: the store may hold `0000-00-00` in it.
    """

    name: str
    kind: Kind
    type_name: str = ""
    nullable: bool = True
    length: int | None = None
    fixed: bool = False
    bits: int | None = None
    unsigned: bool = False
    precision: int | None = None
    scale: int | None = None
    fraction: int = 6
    zoned: bool = False
    charset: str | None = None
    collation: str | None = None
    case_sensitive: bool = True
    members: tuple[str, ...] = ()
    generated: bool = False
    identity: bool = False
    auto_update: bool = False
    has_default: bool = False
    zero_dates: bool = False

    @property
    def writable(self) -> bool:
        """Whether a sync may write it."""
        return not self.generated

    @property
    def integer_range(self) -> tuple[int, int] | None:
        """Least and greatest integer that fits; None is unbounded or no integer."""
        if self.kind is not Kind.INTEGER or self.bits is None:
            return None
        if self.unsigned:
            return 0, (1 << self.bits) - 1
        half = 1 << (self.bits - 1)
        return -half, half - 1
