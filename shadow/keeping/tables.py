"""Every table of shadow mode. The same on SQLite and PostgreSQL; `migrations` makes them, `ShadowStore` fills them.

```
streams            how far each worker's stream was taken: committed together with what it brought
tallies            per route, minute, verdict, reason and kind of answer    ┐
latencies          duration histogram per route, minute and arm             │ added up, so that a report need not
clusters           one row per fingerprint, with redacted examples          │ look at exchanges
cluster_tallies    exchanges per cluster and five minutes                   │
rule_uses          how often each rule explained or shaped something        │
self_proofs        mutations that were injected, and found                  ┘
exchanges          one row per stored exchange: what lists and filters need
exchange_clusters  which stored exchanges show which cluster
contents           the redacted request, answers and differences of a stored exchange, compressed
noise              what was learned about the noise of each route, per node
rules              rules that were made while running; `versions` says that they changed
audit              who changed what and why; each entry holds the hash of the one before
```
Times are Unix seconds (`*_at`, float) or Unix minutes (`minute`, whole: seconds // 60). Minutes older than
`shadow.keeping.retention.FINE_S` are rolled up into the first minute of their hour.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
)

from shadow.keeping.values import dump, load

#: Upper bounds of the duration histograms in seconds, four to a factor of ten; one more bucket counts what took longer.
LATENCY_BOUNDS_S: Final = (
    *(0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.3, 0.5, 0.75),
    *(1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 20.0, 30.0),
)
#: The columns of `latencies` that hold the buckets, in the order of their bounds.
BUCKETS: Final = tuple(f"bucket_{number:02}" for number in range(len(LATENCY_BOUNDS_S) + 1))

#: Longest text in a column that is searched or shown in lists; what is longer is cut.
NAME_CHARACTERS_MAX: Final = 200
PATH_CHARACTERS_MAX: Final = 500
#: Width of one row of `cluster_tallies`.
CLUSTER_MINUTES: Final = 5

#: Why an exchange is kept.
KEPT_FINDING: Final = "finding"  # not match and not explained
KEPT_SAMPLE: Final = "sample"  # one of the steady sample that rules and the comparer itself are proved on

_Key: Final = BigInteger().with_variant(Integer(), "sqlite")


class Json(TypeDecorator[Any]):
    """A JSON value as text: the same bytes on every database, and no database ever looks inside."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """To the database."""
        del dialect
        return None if value is None else dump(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """From the database."""
        del dialect
        return None if value is None else load(value)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _name(column: str, *, primary_key: bool = False) -> Column[str]:
    return Column(column, String(NAME_CHARACTERS_MAX), primary_key=primary_key, nullable=False)


def _count(column: str) -> Column[int]:
    return Column(column, BigInteger(), nullable=False)


def _time(column: str, *, nullable: bool = False) -> Column[float]:
    return Column(column, Double(), nullable=nullable)


streams = Table(
    "shadow_streams",
    metadata,
    _name("stream", primary_key=True),  # <worker number>:<uuid of its incarnation>
    _count("seq"),  # of the last batch that was committed
    Column("verdicts", Json(), nullable=False),  # what was acknowledged for it: {route: {verdict: n}}
    _time("at"),
)

tallies = Table(
    "shadow_tallies",
    metadata,
    _name("route", primary_key=True),
    Column("minute", BigInteger(), primary_key=True, autoincrement=False),  # of `Exchange.at`
    Column("verdict", String(20), primary_key=True),  # `shadow.comparison.Verdict`
    _name("reason", primary_key=True),  # "" where the verdict has none
    # Of legacy's answer, so that a report can say which kinds of answers were compared and which never were:
    Column("status", SmallInteger(), primary_key=True, autoincrement=False),  # 2 is 2xx; 0 where there is no response
    Column("media", String(20), primary_key=True),  # `Comparison.media`; "" where nothing was decoded
    _count("count"),
)

latencies = Table(
    "shadow_latencies",
    metadata,
    _name("route", primary_key=True),
    Column("minute", BigInteger(), primary_key=True, autoincrement=False),
    Column("arm", String(6), primary_key=True),  # legacy or new
    _count("count"),  # of complete answers, whatever the verdict
    _time("seconds"),  # their sum
    *(Column(bucket, Integer(), nullable=False) for bucket in BUCKETS),
)

clusters = Table(
    "shadow_clusters",
    metadata,
    _name("fingerprint", primary_key=True),
    _name("route"),
    Column("path", String(PATH_CHARACTERS_MAX), nullable=False),  # the pattern, `/items/*/price`
    Column("kind", String(20), nullable=False),  # `shadow.comparison.Kind`
    _name("relation"),  # between the two values; "" where none was found
    _count("count"),  # exchanges that show it, since `first_at`
    _time("first_at"),
    _time("last_at"),
    # At most `shadow.clusters.cluster.EXAMPLES_MAX`, redacted: [{"exchange": id, "path": …, "legacy": …, "new": …}]
    Column("examples", Json(), nullable=False),
    Index(None, "route", "last_at"),
)

cluster_tallies = Table(
    "shadow_cluster_tallies",
    metadata,
    _name("fingerprint", primary_key=True),
    Column("minute", BigInteger(), primary_key=True, autoincrement=False),  # a multiple of CLUSTER_MINUTES
    _count("count"),
    Index(None, "minute"),
)

rule_uses = Table(
    "shadow_rule_uses",
    metadata,
    _name("route", primary_key=True),
    _name("rule", primary_key=True),  # `RuleModel.id`
    _count("count"),  # exchanges
    _time("first_at"),
    _time("last_at"),
)

self_proofs = Table(
    "shadow_self_proofs",
    metadata,
    _name("route", primary_key=True),
    Column("minute", BigInteger(), primary_key=True, autoincrement=False),
    _name("mutation", primary_key=True),  # "" counts the copies that were left as they are: found = false alarms
    _count("injected"),
    _count("found"),
)

exchanges = Table(
    "shadow_exchanges",
    metadata,
    Column("key", _Key, primary_key=True, autoincrement=True),
    _name("id"),  # the request id; clients can choose it, so it may stand twice: the newest counts
    _time("at"),
    _name("route"),
    Column("verdict", String(20), nullable=False),
    _name("reason"),
    Column("kept", String(10), nullable=False),  # KEPT_FINDING or KEPT_SAMPLE
    Column("served", String(6), nullable=False),
    _name("method"),
    Column("target", String(PATH_CHARACTERS_MAX), nullable=False),  # redacted, cut; whole in `contents`
    Column("media", String(20), nullable=False),
    Column("legacy_status", SmallInteger(), nullable=False),  # 0 where there is no response
    Column("new_status", SmallInteger(), nullable=False),
    _time("legacy_s"),
    _time("new_s"),
    Column("differences", Integer(), nullable=False),  # unexplained ones that are listed
    Column("replayable", Boolean(), nullable=False),  # a safe method of which nothing was redacted or cut
    _count("bytes"),  # of its content as stored
    Index(None, "id"),
    Index(None, "route", "at"),
    Index(None, "at"),
)

exchange_clusters = Table(
    "shadow_exchange_clusters",
    metadata,
    _name("fingerprint", primary_key=True),
    Column("exchange_key", _Key, ForeignKey(exchanges.c.key, ondelete="CASCADE"), primary_key=True),
    Index(None, "exchange_key"),
)

contents = Table(
    "shadow_contents",
    metadata,
    Column("exchange_key", _Key, ForeignKey(exchanges.c.key, ondelete="CASCADE"), primary_key=True),
    Column("content", LargeBinary(), nullable=False),  # `shadow.keeping.records.Record`, zstd of JSON
)

noise = Table(
    "shadow_noise",
    metadata,
    _name("node", primary_key=True),  # the machine whose comparer learned it
    _name("route", primary_key=True),
    Column("state", Json(), nullable=False),  # `RouteNoise.to_json`
    _time("at"),
)

rules = Table(
    "shadow_rules",
    metadata,
    Column("number", _Key, primary_key=True, autoincrement=True),  # the rule's id is `live:<number>`
    _name("route"),
    Column("path", String(PATH_CHARACTERS_MAX), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("argument", Json(), nullable=True),
    Column("reason", Text(), nullable=False),
    _name("owner"),
    _time("expires_at", nullable=True),
    _time("created_at"),
    _time("withdrawn_at", nullable=True),  # NULL while it is in force
    Index(None, "route"),
)

versions = Table(
    "shadow_versions",
    metadata,
    _name("name", primary_key=True),  # "rules"; `test:<route>` is the number of the route's paired test
    _count("version"),  # counts up with each change
)

audit = Table(
    "shadow_audit",
    metadata,
    Column("number", _Key, primary_key=True, autoincrement=False),  # 1, 2, 3 … without gaps
    _time("at"),
    _name("who"),
    _name("action"),  # rule.accepted, rule.withdrawn, exchange.replayed
    Column("subject", String(PATH_CHARACTERS_MAX), nullable=False),  # what was changed: a route, a rule
    Column("before", Json(), nullable=True),
    Column("after", Json(), nullable=True),
    Column("why", Text(), nullable=False),
    Column("evidence", Json(), nullable=True),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),  # SHA-256 over everything above
)
