"""Leases, scheduled times, retrainings and baking periods.

Revision ID: 0007
"""

import sqlalchemy as sa
from alembic import op

from workbench.store.tables import UtcTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# Rows change as things go on, and stay: what was claimed or decided once must not come again.
_KEPT = ("scheduled_times", "retrainings", "baking")


def upgrade() -> None:
    _leases_and_scheduled_times()
    _retrainings_and_baking()
    if op.get_bind().dialect.name == "postgresql":
        for table in _KEPT:  # the function is the ledger's
            op.execute(
                f"CREATE TRIGGER {table}_kept BEFORE DELETE OR TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION workbench_append_only()"
            )
    else:
        for table in _KEPT:
            op.execute(
                f"CREATE TRIGGER {table}_kept BEFORE DELETE ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'table {table} is append-only'); END"
            )


def _leases_and_scheduled_times() -> None:
    op.create_table(
        "leases",
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("holder", sa.String(100), nullable=False),
        sa.Column("until", UtcTime, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
    )
    op.create_table(
        "scheduled_times",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("project", sa.String(200), nullable=False),
        sa.Column("schedule", sa.String(200), nullable=False),
        sa.Column("scheduled_at", UtcTime, nullable=False),
        sa.Column("claimed_by", sa.String(100), nullable=False),
        sa.Column("claimed_at", UtcTime, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("run_id", sa.String(64)),
        sa.Column("report", sa.Text, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("ended_at", UtcTime),
        sa.Column("next_try", UtcTime),
        sa.Column("note", sa.Text, nullable=False),
        sa.UniqueConstraint("project", "schedule", "scheduled_at", name="scheduled_times_claimed_once"),
    )
    op.create_index("scheduled_times_by_status", "scheduled_times", ["project", "status"])


def _retrainings_and_baking() -> None:
    op.create_table(
        "retrainings",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("trigger", sa.String(50), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("run_id", sa.String(64)),
        sa.Column("version", sa.Integer),
        sa.Column("started_at", UtcTime, nullable=False),
        sa.Column("updated_at", UtcTime, nullable=False),
        sa.Column("decided_at", UtcTime),
        sa.Column("decision", sa.String(20), nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.UniqueConstraint("key", name="retrainings_once"),
    )
    op.create_index(
        "retrainings_one_open",
        "retrainings",
        ["model"],
        unique=True,
        sqlite_where=sa.text("status <> 'decided'"),
        postgresql_where=sa.text("status <> 'decided'"),
    )
    op.create_table(
        "baking",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("previous", sa.Integer),
        sa.Column("ledger_position", sa.Integer, nullable=False),
        sa.Column("started_at", UtcTime, nullable=False),
        sa.Column("until", UtcTime, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("checked_at", UtcTime),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.UniqueConstraint("model", "ledger_position", name="baking_one_a_promotion"),
    )
    op.create_index("baking_by_status", "baking", ["model", "status"])


def downgrade() -> None:
    # A table takes its triggers with it.
    for table in ("baking", "retrainings", "scheduled_times", "leases"):
        op.drop_table(table)
