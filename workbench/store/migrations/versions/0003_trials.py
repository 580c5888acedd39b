"""Which trial of a sweep a run is.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run_index", sa.Column("trial", sa.Integer))


def downgrade() -> None:
    op.drop_column("run_index", "trial")
