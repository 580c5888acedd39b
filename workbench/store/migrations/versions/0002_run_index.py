"""The run index: a copy of MLflow's runs that answers at once.

Revision ID: 0002
"""

import sqlalchemy as sa
from alembic import op

from workbench.store.tables import UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "run_index",
        sa.Column("run_id", sa.String(64), primary_key=True),
        sa.Column("experiment", sa.String(250), nullable=False),
        sa.Column("phase", sa.String(200), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("started_at", UtcTime, nullable=False),
        sa.Column("ended_at", UtcTime),
        sa.Column("parent_run_id", sa.String(64), nullable=False),
        sa.Column("draft", sa.Boolean, nullable=False),
        sa.Column("own", sa.Boolean, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("code_version", sa.Text, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
        sa.Column("params", sa.JSON, nullable=False),
        sa.Column("metrics", sa.JSON, nullable=False),
        sa.Column("datasets", sa.JSON, nullable=False),
        sa.Column("cpu_seconds", sa.Float),
        sa.Column("peak_memory_bytes", sa.BigInteger),
        sa.Column("cost", sa.Float),
    )
    op.create_index("run_index_by_phase", "run_index", ["phase", "started_at"])
    op.create_index("run_index_by_start", "run_index", ["started_at"])
    op.create_index("run_index_by_end", "run_index", ["ended_at"])
    op.create_table(
        "run_index_state",
        sa.Column("experiment", sa.String(250), primary_key=True),
        sa.Column("origin", sa.String(100), nullable=False),
        sa.Column("started_until", UtcTime, nullable=False),
        sa.Column("ended_until", UtcTime, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("run_index_state")
    op.drop_table("run_index")
