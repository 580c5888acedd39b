"""How far the monitor has looked; of findings, a revision may go once there is a newer one.

Revision ID: 0008
"""

import sqlalchemy as sa
from alembic import op

from workbench.store.tables import UtcTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_NEWER = (
    'SELECT 1 FROM findings f WHERE f.log = OLD.log AND f.model = OLD.model AND f."window" = OLD."window" '
    "AND f.window_start = OLD.window_start AND f.window_end = OLD.window_end AND f.revision > OLD.revision"
)
_REFUSED = "table findings is append-only: the newest revision of a window stays"


def upgrade() -> None:
    op.create_table(
        "looks",
        sa.Column("log", sa.String(200), primary_key=True),
        sa.Column("model", sa.String(200), primary_key=True),
        sa.Column("as_of", UtcTime, nullable=False),
        sa.Column("over_at", UtcTime, nullable=False),
        sa.Column("judged_by", sa.String(64), nullable=False),
        sa.Column("truth", sa.Integer, nullable=False),
        sa.Column("truth_rows", sa.Integer, nullable=False),
        sa.Column("feedback", sa.Integer, nullable=False),
        sa.Column("feedback_rows", sa.Integer, nullable=False),
        sa.Column("pending", UtcTime),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION workbench_newest_finding() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            f"IF NOT EXISTS ({_NEWER}) THEN RAISE EXCEPTION '{_REFUSED}'; END IF; RETURN OLD; END $$"
        )
        op.execute("DROP TRIGGER findings_append_only ON findings")
        op.execute(
            "CREATE TRIGGER findings_append_only BEFORE UPDATE OR TRUNCATE ON findings "
            "FOR EACH STATEMENT EXECUTE FUNCTION workbench_append_only()"
        )
        op.execute(
            "CREATE TRIGGER findings_newest_stays BEFORE DELETE ON findings "
            "FOR EACH ROW EXECUTE FUNCTION workbench_newest_finding()"
        )
    else:
        op.execute("DROP TRIGGER findings_no_delete")
        op.execute(
            f"CREATE TRIGGER findings_no_delete BEFORE DELETE ON findings WHEN NOT EXISTS ({_NEWER}) "
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
        )


def downgrade() -> None:
    op.drop_table("looks")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER findings_newest_stays ON findings")
        op.execute("DROP FUNCTION workbench_newest_finding()")
        op.execute("DROP TRIGGER findings_append_only ON findings")
        op.execute(
            "CREATE TRIGGER findings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON findings "
            "FOR EACH STATEMENT EXECUTE FUNCTION workbench_append_only()"
        )
    else:
        op.execute("DROP TRIGGER findings_no_delete")
        op.execute(
            "CREATE TRIGGER findings_no_delete BEFORE DELETE ON findings "
            "BEGIN SELECT RAISE(ABORT, 'table findings is append-only'); END"
        )
