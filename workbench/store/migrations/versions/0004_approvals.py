"""Approvals; who the database knows a person to be; what was written is neither changed nor removed.

Revision ID: 0004
"""

import sqlalchemy as sa
from alembic import op

from workbench.store.tables import UtcTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLES = ("ledger", "approvals")
_DENY = """
CREATE FUNCTION workbench_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME;
END $$
"""
# `session_user` is who logged in; `current_user` could be anybody whom they may act as.
_IDENTIFY = """
CREATE FUNCTION workbench_identify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.database_user := session_user;
  RETURN NEW;
END $$
"""


def upgrade() -> None:
    op.add_column("ledger", sa.Column("database_user", sa.String(200)))
    op.create_index("ledger_by_version", "ledger", ["model", "to_version"])
    op.create_table(
        "approvals",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("database_user", sa.String(200)),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("withdrawn", sa.Boolean, nullable=False),
        sa.Column("evidence_hash", sa.String(64), nullable=False),
        sa.Column("against", sa.Integer),
    )
    op.create_index("approvals_by_version", "approvals", ["model", "version"])
    if op.get_bind().dialect.name == "postgresql":
        _hold_on_postgresql()
    else:
        _hold_on_sqlite()


def _hold_on_postgresql() -> None:
    op.execute(_DENY)
    op.execute(_IDENTIFY)
    for table in _TABLES:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION workbench_append_only()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_identify BEFORE INSERT ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION workbench_identify()"
        )


def _hold_on_sqlite() -> None:
    for table in _TABLES:
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'table {table} is append-only'); END"
            )
        # Nobody is authenticated here, so nobody may be said to have been.
        op.execute(
            f"CREATE TRIGGER {table}_identify BEFORE INSERT ON {table} WHEN NEW.database_user IS NOT NULL "
            f"BEGIN SELECT RAISE(ABORT, 'SQLite authenticates nobody'); END"
        )


def downgrade() -> None:
    postgresql = op.get_bind().dialect.name == "postgresql"
    for table in _TABLES:
        on = f" ON {table}" if postgresql else ""
        for name in ("append_only",) if postgresql else ("no_update", "no_delete"):
            op.execute(f"DROP TRIGGER {table}_{name}{on}")
        op.execute(f"DROP TRIGGER {table}_identify{on}")
    if postgresql:
        op.execute("DROP FUNCTION workbench_append_only()")
        op.execute("DROP FUNCTION workbench_identify()")
    op.drop_table("approvals")
    op.drop_index("ledger_by_version", "ledger")
    op.drop_column("ledger", "database_user")
