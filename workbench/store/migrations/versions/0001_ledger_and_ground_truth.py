"""The ledger of aliases and the ground truth.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op

from workbench.store.tables import UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ledger",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("alias", sa.String(50), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("from_version", sa.Integer),
        sa.Column("to_version", sa.Integer),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("run_id", sa.String(64)),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.UniqueConstraint("model", "alias", "position", name="ledger_one_successor"),
    )
    op.create_table(
        "ground_truth",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("log", sa.String(200), nullable=False),
        sa.Column("prediction_id", sa.String(64), nullable=False),
        sa.Column("value", sa.Float, nullable=False),
        sa.Column("known_at", UtcTime, nullable=False),
        sa.Column("received_at", UtcTime, nullable=False),
    )
    op.create_index("ground_truth_by_prediction", "ground_truth", ["log", "prediction_id"])


def downgrade() -> None:
    op.drop_table("ground_truth")
    op.drop_table("ledger")
