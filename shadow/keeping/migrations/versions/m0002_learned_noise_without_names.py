"""Noise that was learned before names and values of secrets were kept out of it goes; it is learned anew."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Remove it, its bytes too where the database can."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")
    op.execute("DELETE FROM shadow_noise")


def downgrade() -> None:
    """There is nothing to undo: the release before learns anew as well."""
