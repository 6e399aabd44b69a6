"""The first tables: everything that `shadow.keeping.tables` had when it was first released."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Make them."""
    op.create_table(
        "shadow_audit",
        sa.Column("number", _KEY, autoincrement=False, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("who", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.String(length=500), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=True),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_shadow_audit"),
    )
    op.create_table(
        "shadow_cluster_tallies",
        sa.Column("fingerprint", sa.String(length=200), nullable=False),
        sa.Column("minute", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", "minute", name="pk_shadow_cluster_tallies"),
    )
    op.create_index("ix_shadow_cluster_tallies_minute", "shadow_cluster_tallies", ["minute"], unique=False)
    op.create_table(
        "shadow_clusters",
        sa.Column("fingerprint", sa.String(length=200), nullable=False),
        sa.Column("route", sa.String(length=200), nullable=False),
        sa.Column("path", sa.String(length=500), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("relation", sa.String(length=200), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.Double(), nullable=False),
        sa.Column("last_at", sa.Double(), nullable=False),
        sa.Column("examples", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", name="pk_shadow_clusters"),
    )
    op.create_index("ix_shadow_clusters_route", "shadow_clusters", ["route", "last_at"], unique=False)
    op.create_table(
        "shadow_exchanges",
        sa.Column("key", _KEY, autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=200), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("route", sa.String(length=200), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("kept", sa.String(length=10), nullable=False),
        sa.Column("served", sa.String(length=6), nullable=False),
        sa.Column("method", sa.String(length=200), nullable=False),
        sa.Column("target", sa.String(length=500), nullable=False),
        sa.Column("media", sa.String(length=20), nullable=False),
        sa.Column("legacy_status", sa.SmallInteger(), nullable=False),
        sa.Column("new_status", sa.SmallInteger(), nullable=False),
        sa.Column("legacy_s", sa.Double(), nullable=False),
        sa.Column("new_s", sa.Double(), nullable=False),
        sa.Column("differences", sa.Integer(), nullable=False),
        sa.Column("replayable", sa.Boolean(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_shadow_exchanges"),
    )
    op.create_index("ix_shadow_exchanges_at", "shadow_exchanges", ["at"], unique=False)
    op.create_index("ix_shadow_exchanges_id", "shadow_exchanges", ["id"], unique=False)
    op.create_index("ix_shadow_exchanges_route", "shadow_exchanges", ["route", "at"], unique=False)
    op.create_table(
        "shadow_latencies",
        sa.Column("route", sa.String(length=200), nullable=False),
        sa.Column("minute", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("arm", sa.String(length=6), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("bucket_00", sa.Integer(), nullable=False),
        sa.Column("bucket_01", sa.Integer(), nullable=False),
        sa.Column("bucket_02", sa.Integer(), nullable=False),
        sa.Column("bucket_03", sa.Integer(), nullable=False),
        sa.Column("bucket_04", sa.Integer(), nullable=False),
        sa.Column("bucket_05", sa.Integer(), nullable=False),
        sa.Column("bucket_06", sa.Integer(), nullable=False),
        sa.Column("bucket_07", sa.Integer(), nullable=False),
        sa.Column("bucket_08", sa.Integer(), nullable=False),
        sa.Column("bucket_09", sa.Integer(), nullable=False),
        sa.Column("bucket_10", sa.Integer(), nullable=False),
        sa.Column("bucket_11", sa.Integer(), nullable=False),
        sa.Column("bucket_12", sa.Integer(), nullable=False),
        sa.Column("bucket_13", sa.Integer(), nullable=False),
        sa.Column("bucket_14", sa.Integer(), nullable=False),
        sa.Column("bucket_15", sa.Integer(), nullable=False),
        sa.Column("bucket_16", sa.Integer(), nullable=False),
        sa.Column("bucket_17", sa.Integer(), nullable=False),
        sa.Column("bucket_18", sa.Integer(), nullable=False),
        sa.Column("bucket_19", sa.Integer(), nullable=False),
        sa.Column("bucket_20", sa.Integer(), nullable=False),
        sa.Column("bucket_21", sa.Integer(), nullable=False),
        sa.Column("bucket_22", sa.Integer(), nullable=False),
        sa.Column("bucket_23", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("route", "minute", "arm", name="pk_shadow_latencies"),
    )
    op.create_table(
        "shadow_noise",
        sa.Column("node", sa.String(length=200), nullable=False),
        sa.Column("route", sa.String(length=200), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("node", "route", name="pk_shadow_noise"),
    )
    op.create_table(
        "shadow_rule_uses",
        sa.Column("route", sa.String(length=200), nullable=False),
        sa.Column("rule", sa.String(length=200), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.Double(), nullable=False),
        sa.Column("last_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("route", "rule", name="pk_shadow_rule_uses"),
    )
    op.create_table(
        "shadow_rules",
        sa.Column("number", _KEY, autoincrement=True, nullable=False),
        sa.Column("route", sa.String(length=200), nullable=False),
        sa.Column("path", sa.String(length=500), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("argument", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("withdrawn_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("number", name="pk_shadow_rules"),
    )
    op.create_index("ix_shadow_rules_route", "shadow_rules", ["route"], unique=False)
    op.create_table(
        "shadow_self_proofs",
        sa.Column("route", sa.String(length=200), nullable=False),
        sa.Column("minute", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("mutation", sa.String(length=200), nullable=False),
        sa.Column("injected", sa.BigInteger(), nullable=False),
        sa.Column("found", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("route", "minute", "mutation", name="pk_shadow_self_proofs"),
    )
    op.create_table(
        "shadow_streams",
        sa.Column("stream", sa.String(length=200), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("verdicts", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("stream", name="pk_shadow_streams"),
    )
    op.create_table(
        "shadow_tallies",
        sa.Column("route", sa.String(length=200), nullable=False),
        sa.Column("minute", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("status", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("media", sa.String(length=20), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("route", "minute", "verdict", "reason", "status", "media", name="pk_shadow_tallies"),
    )
    op.create_table(
        "shadow_versions",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_shadow_versions"),
    )
    op.create_table(
        "shadow_contents",
        sa.Column("exchange_key", _KEY, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["exchange_key"],
            ["shadow_exchanges.key"],
            name="fk_shadow_contents_exchange_key_shadow_exchanges",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("exchange_key", name="pk_shadow_contents"),
    )
    op.create_table(
        "shadow_exchange_clusters",
        sa.Column("fingerprint", sa.String(length=200), nullable=False),
        sa.Column("exchange_key", _KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["exchange_key"],
            ["shadow_exchanges.key"],
            name="fk_shadow_exchange_clusters_exchange_key_shadow_exchanges",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("fingerprint", "exchange_key", name="pk_shadow_exchange_clusters"),
    )
    op.create_index(
        "ix_shadow_exchange_clusters_exchange_key", "shadow_exchange_clusters", ["exchange_key"], unique=False
    )


def downgrade() -> None:
    """Drop them, and everything that was kept."""
    for table in (
        "shadow_exchange_clusters",
        "shadow_contents",
        "shadow_versions",
        "shadow_tallies",
        "shadow_streams",
        "shadow_self_proofs",
        "shadow_rules",
        "shadow_rule_uses",
        "shadow_noise",
        "shadow_latencies",
        "shadow_exchanges",
        "shadow_clusters",
        "shadow_cluster_tallies",
        "shadow_audit",
    ):
        op.drop_table(table)
