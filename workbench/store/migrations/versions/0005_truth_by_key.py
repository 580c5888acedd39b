"""Ground truth by business key and of several classes; feedback.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op

from workbench.store.tables import UtcTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # SQLite cannot take back that a column must not be empty: the table is copied there.
    with op.batch_alter_table("ground_truth") as table:
        table.alter_column("value", existing_type=sa.Float(), nullable=True)
        table.add_column(sa.Column("business_key", sa.Text))
        table.add_column(sa.Column("label", sa.Text))
    op.create_table(
        "feedback",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("log", sa.String(200), nullable=False),
        sa.Column("prediction_id", sa.String(64), nullable=False),
        sa.Column("request_id", sa.String(200), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("rating", sa.Float),
        sa.Column("remark", sa.Text, nullable=False),
        sa.Column("user_group", sa.String(200), nullable=False),
        sa.Column("given_at", UtcTime, nullable=False),
        sa.Column("received_at", UtcTime, nullable=False),
        sa.UniqueConstraint("log", "prediction_id", "request_id", "number", name="feedback_once"),
    )


def downgrade() -> None:
    op.drop_table("feedback")
    # What the older table cannot hold is not put into it.
    op.execute("DELETE FROM ground_truth WHERE value IS NULL OR business_key IS NOT NULL")
    with op.batch_alter_table("ground_truth") as table:
        table.drop_column("label")
        table.drop_column("business_key")
        table.alter_column("value", existing_type=sa.Float(), nullable=False)
