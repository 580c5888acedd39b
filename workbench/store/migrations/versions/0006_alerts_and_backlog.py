"""Findings of the monitor, alerts, what is to be told about them, and the backlog.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op

from workbench.store.tables import UtcTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_APPEND_ONLY = ("findings", "backlog_events")


def upgrade() -> None:
    _findings_and_alerts()
    _backlog()
    if op.get_bind().dialect.name == "postgresql":
        _hold_on_postgresql()
    else:
        _hold_on_sqlite()


def _findings_and_alerts() -> None:
    op.create_table(
        "findings",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("log", sa.String(200), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("window", sa.String(40), nullable=False),
        sa.Column("window_start", UtcTime, nullable=False),
        sa.Column("window_end", UtcTime, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("evaluated_at", UtcTime, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.UniqueConstraint(
            "log", "model", "window_start", "window_end", "revision", name="findings_one_revision"
        ),
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("log", sa.String(200), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("rule", sa.String(100), nullable=False),
        sa.Column("signal", sa.Text, nullable=False),
        sa.Column("severity", sa.String(20), nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("first_window", sa.String(40), nullable=False),
        sa.Column("first_start", UtcTime, nullable=False),
        sa.Column("last_window", sa.String(40), nullable=False),
        sa.Column("last_end", UtcTime, nullable=False),
        sa.Column("raised_at", UtcTime, nullable=False),
        sa.Column("cleared_at", UtcTime),
        sa.Column("cleared", sa.String(20), nullable=False),
        sa.Column("evidence", sa.JSON, nullable=False),
        sa.UniqueConstraint("key", "first_start", name="alerts_one_episode"),
    )
    op.create_index("alerts_by_log", "alerts", ["log", "model"])
    op.create_table(
        "notifications",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("alert", sa.Integer, nullable=False),
        sa.Column("channel", sa.String(200), nullable=False),
        sa.Column("event", sa.String(20), nullable=False),
        sa.Column("message", sa.JSON, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_try", UtcTime),
        sa.Column("sent_at", UtcTime),
        sa.Column("last_error", sa.Text, nullable=False),
        sa.UniqueConstraint("alert", "channel", "event", name="notifications_once"),
    )
    op.create_index("notifications_by_next_try", "notifications", ["next_try"])


def _backlog() -> None:
    op.create_table(
        "backlog",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("project", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("links", sa.JSON, nullable=False),
        sa.Column("priority", sa.String(20), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("assignee", sa.String(200), nullable=False),
        sa.Column("opened_at", UtcTime, nullable=False),
        sa.Column("opened_by", sa.String(200), nullable=False),
        sa.Column("closed_at", UtcTime),
        sa.Column("closed_by", sa.String(200), nullable=False),
        sa.Column("closed_why", sa.Text, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("key", sa.String(64)),
        sa.UniqueConstraint("key", name="backlog_once"),
    )
    op.create_index("backlog_by_status", "backlog", ["project", "status"])
    op.create_table(
        "backlog_events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("item", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("database_user", sa.String(200)),
        sa.Column("what", sa.String(20), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.UniqueConstraint("item", "number", name="backlog_events_one_successor"),
    )


def _hold_on_postgresql() -> None:
    # The functions are those of the ledger.
    for table in _APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION workbench_append_only()"
        )
    op.execute(
        "CREATE TRIGGER backlog_events_identify BEFORE INSERT ON backlog_events "
        "FOR EACH ROW EXECUTE FUNCTION workbench_identify()"
    )


def _hold_on_sqlite() -> None:
    for table in _APPEND_ONLY:
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'table {table} is append-only'); END"
            )
    # Nobody is authenticated here, so nobody may be said to have been.
    op.execute(
        "CREATE TRIGGER backlog_events_identify BEFORE INSERT ON backlog_events "
        "WHEN NEW.database_user IS NOT NULL BEGIN SELECT RAISE(ABORT, 'SQLite authenticates nobody'); END"
    )


def downgrade() -> None:
    # A table takes its triggers with it.
    for table in ("backlog_events", "backlog", "notifications", "alerts", "findings"):
        op.drop_table(table)
