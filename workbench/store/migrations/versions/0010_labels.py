"""Labels: queues, their rows and guidelines, who has which place, and all that became of it; truth's source.

Revision ID: 0010
"""

import sqlalchemy as sa
from alembic import op

from workbench.store.tables import UtcTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_APPEND_ONLY = ("label_batches", "label_rows", "label_guidelines", "label_events")
_IDENTIFIED = ("label_batches", "label_guidelines", "label_events")
# Nobody takes a place, or says something there, in the name of somebody else.
_OWN_PLACE = """
CREATE FUNCTION workbench_own_place() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.person := session_user;
  ELSIF NEW.person <> OLD.person OR NEW.row <> OLD.row THEN
    RAISE EXCEPTION 'a place for a label stays its person''s';
  ELSIF NEW.label IS DISTINCT FROM OLD.label AND OLD.person <> session_user THEN
    RAISE EXCEPTION 'this place for a label is somebody else''s';
  END IF;
  RETURN NEW;
END $$
"""


def upgrade() -> None:
    op.add_column("ground_truth", sa.Column("source", sa.String(250)))
    _queues()
    _places()
    if op.get_bind().dialect.name == "postgresql":
        _hold_on_postgresql()
    else:
        _hold_on_sqlite()


def _queues() -> None:
    op.create_table(
        "label_queues",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("project", sa.String(200), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("choices", sa.JSON, nullable=False),
        sa.Column("made_at", UtcTime, nullable=False),
        sa.Column("made_by", sa.String(200), nullable=False),
        sa.UniqueConstraint("project", "name", name="label_queues_one_name"),
    )
    op.create_table(
        "label_batches",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("queue", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("source", sa.JSON, nullable=False),
        sa.Column("how", sa.String(20), nullable=False),
        sa.Column("double_rate", sa.Float, nullable=False),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("database_user", sa.String(200)),
        sa.UniqueConstraint("queue", "number", name="label_batches_one_successor"),
    )
    op.create_table(
        "label_rows",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("queue", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("batch", sa.Integer, nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("reference", sa.JSON, nullable=False),
        sa.Column("cells", sa.JSON, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("wanted", sa.Integer, nullable=False),
        sa.UniqueConstraint("queue", "number", name="label_rows_one_number"),
        sa.UniqueConstraint("queue", "key", name="label_rows_once"),
    )
    op.create_table(
        "label_guidelines",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("queue", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("database_user", sa.String(200)),
        sa.UniqueConstraint("queue", "version", name="label_guidelines_one_successor"),
    )


def _places() -> None:
    op.create_table(
        "label_places",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("queue", sa.Integer, nullable=False),
        sa.Column("row", sa.Integer, nullable=False),
        sa.Column("person", sa.String(200), nullable=False),
        sa.Column("seat", sa.Integer),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("until", UtcTime),
        sa.Column("label", sa.String(200)),
        sa.Column("guidelines", sa.Integer, nullable=False),
        sa.Column("labelled_at", UtcTime),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.UniqueConstraint("row", "person", name="label_places_one_a_person"),
        sa.UniqueConstraint("row", "seat", name="label_places_one_a_seat"),
    )
    op.create_index("label_places_by_person", "label_places", ["queue", "person", "status"])
    op.create_table(
        "label_events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("queue", sa.Integer, nullable=False),
        sa.Column("row", sa.Integer, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("at", UtcTime, nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("database_user", sa.String(200)),
        sa.Column("what", sa.String(20), nullable=False),
        sa.Column("before", sa.String(200)),
        sa.Column("after", sa.String(200)),
        sa.Column("remark", sa.Text, nullable=False),
        sa.Column("guidelines", sa.Integer, nullable=False),
        sa.UniqueConstraint("place", "number", name="label_events_one_successor"),
    )
    op.create_index("label_events_by_row", "label_events", ["queue", "row"])


def _hold_on_postgresql() -> None:
    # The first two functions are those of the ledger.
    for table in _APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION workbench_append_only()"
        )
    for table in _IDENTIFIED:
        op.execute(
            f"CREATE TRIGGER {table}_identify BEFORE INSERT ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION workbench_identify()"
        )
    op.execute(_OWN_PLACE)
    op.execute(
        "CREATE TRIGGER label_places_own BEFORE INSERT OR UPDATE ON label_places "
        "FOR EACH ROW EXECUTE FUNCTION workbench_own_place()"
    )


def _hold_on_sqlite() -> None:
    for table in _APPEND_ONLY:
        for action in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, 'table {table} is append-only'); END"
            )
    for table in _IDENTIFIED:
        # Nobody is authenticated here, so nobody may be said to have been.
        op.execute(
            f"CREATE TRIGGER {table}_identify BEFORE INSERT ON {table} WHEN NEW.database_user IS NOT NULL "
            "BEGIN SELECT RAISE(ABORT, 'SQLite authenticates nobody'); END"
        )


def downgrade() -> None:
    # A table takes its triggers with it.
    for table in ("label_events", "label_places", "label_guidelines", "label_rows"):
        op.drop_table(table)
    op.drop_table("label_batches")
    op.drop_table("label_queues")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION workbench_own_place()")
    op.drop_column("ground_truth", "source")
