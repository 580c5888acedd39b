"""What people judge of answers; remarks on reports, and who signs them off.

Revision ID: 0009
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from workbench.store.tables import UtcTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_TABLES = ("judgements", "report_remarks", "sign_offs")


def upgrade() -> None:
    op.create_table(
        "judgements",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("log", sa.String(200), nullable=False),
        sa.Column("prediction_id", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("remark", sa.Text, nullable=False),
        sa.Column("drawn", sa.String(20), nullable=False),
        sa.Column("slices", sa.JSON, nullable=False),
        *_who(),
    )
    op.create_index("judgements_by_log", "judgements", ["log"])
    op.create_table(
        "report_remarks",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("project", sa.String(200), nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("report", sa.String(64), nullable=False),
        sa.Column("cell", sa.Integer),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("item", sa.Integer),
        *_who(),
    )
    op.create_index("report_remarks_by_run", "report_remarks", ["project", "run_id"])
    op.create_table(
        "sign_offs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("project", sa.String(200), nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("report", sa.String(64), nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        *_who(),
    )
    op.create_index("sign_offs_by_run", "sign_offs", ["project", "run_id"])
    hold = _hold_on_postgresql if op.get_bind().dialect.name == "postgresql" else _hold_on_sqlite
    for table in _TABLES:
        hold(table)


def _who() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("database_user", sa.String(200)),
    )


def _hold_on_postgresql(table: str) -> None:
    # The functions are those of the ledger.
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION workbench_append_only()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_identify BEFORE INSERT ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION workbench_identify()"
    )


def _hold_on_sqlite(table: str) -> None:
    for action in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'table {table} is append-only'); END"
        )
    # Nobody is authenticated here, so nobody may be said to have been.
    op.execute(
        f"CREATE TRIGGER {table}_identify BEFORE INSERT ON {table} WHEN NEW.database_user IS NOT NULL "
        "BEGIN SELECT RAISE(ABORT, 'SQLite authenticates nobody'); END"
    )


def downgrade() -> None:
    # A table takes its triggers with it.
    for table in reversed(_TABLES):
        op.drop_table(table)
