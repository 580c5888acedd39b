"""The tables of the workbench database (SQLAlchemy Core).

A change here goes together with a new migration in ``migrations/versions``; a test compares both.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

__all__ = [
    "UtcTime",
    "alerts",
    "approvals",
    "backlog",
    "backlog_events",
    "baking",
    "feedback",
    "findings",
    "ground_truth",
    "leases",
    "ledger",
    "looks",
    "metadata",
    "notifications",
    "retrainings",
    "run_index",
    "run_index_state",
    "scheduled_times",
]


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC datetime in and out, on databases that forget the zone as well."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone: {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        stored: datetime = value
        return stored.replace(tzinfo=UTC) if stored.tzinfo is None else stored.astimezone(UTC)


metadata = MetaData()

# Append-only, which triggers hold. `position` counts the entries of one alias of one model: its uniqueness
# is what makes a promotion compare-and-set, on every database. `actor` is who somebody claims to be;
# `database_user` who PostgreSQL knows them to be, which it puts in by itself (SQLite knows nobody).
ledger = Table(
    "ledger",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("model", String(200), nullable=False),
    Column("alias", String(50), nullable=False),
    Column("position", Integer, nullable=False),
    Column("from_version", Integer),
    Column("to_version", Integer),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("run_id", String(64)),
    Column("evidence", JSON, nullable=False),
    Column("database_user", String(200)),
    UniqueConstraint("model", "alias", "position", name="ledger_one_successor"),
    Index("ledger_by_version", "model", "to_version"),
)

# Append-only like the ledger: the newest row of a person on a version is their vote. `evidence_hash` is
# what they voted on; `against` the champion whose notebook they were shown the difference from.
approvals = Table(
    "approvals",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("model", String(200), nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("database_user", String(200)),
    Column("note", Text, nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("evidence_hash", String(64), nullable=False),
    Column("against", Integer),
    Index("approvals_by_version", "model", "version"),
)

# What turned out to be true, possibly late, repeated or corrected: the row received last counts. It is about
# one prediction, or (then without a prediction id) about all with the `business_key`, a JSON object. What is
# true is a number in `value`, or the name of a class in `label`. `source` says who knows, where it is not the
# world itself: `labelling:QUEUE`.
ground_truth = Table(
    "ground_truth",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("log", String(200), nullable=False),
    Column("prediction_id", String(64), nullable=False),
    Column("value", Float),
    Column("known_at", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("business_key", Text),
    Column("label", Text),
    Column("source", String(250)),
    Index("ground_truth_by_prediction", "log", "prediction_id"),
)

# What people think of an answer; never what is true. A client's retry carries its request id again, and so
# finds its rows here; `number` counts what one request says of one prediction.
feedback = Table(
    "feedback",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("log", String(200), nullable=False),
    Column("prediction_id", String(64), nullable=False),
    Column("request_id", String(200), nullable=False),
    Column("number", Integer, nullable=False),
    Column("rating", Float),
    Column("remark", Text, nullable=False),
    Column("user_group", String(200), nullable=False),
    Column("given_at", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    UniqueConstraint("log", "prediction_id", "request_id", "number", name="feedback_once"),
)

# What each window showed: a window that is judged again, when labels came, gets a row with the next
# `revision`. No row is ever changed, and the newest of a window stays. `digest` is of the `document`, a JSON
# text.
findings = Table(
    "findings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("log", String(200), nullable=False),
    Column("model", String(200), nullable=False),
    Column("window", String(40), nullable=False),
    Column("window_start", UtcTime, nullable=False),
    Column("window_end", UtcTime, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("evaluated_at", UtcTime, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("document", Text, nullable=False),
    UniqueConstraint("log", "model", "window_start", "window_end", "revision", name="findings_one_revision"),
)

# How far the monitor has looked at a log: all that was said `as_of` then, up to these rows of ground truth
# and of feedback, is in the findings. `pending` is when something that was said by then becomes known.
looks = Table(
    "looks",
    metadata,
    Column("log", String(200), primary_key=True),
    Column("model", String(200), primary_key=True),
    Column("as_of", UtcTime, nullable=False),
    Column("over_at", UtcTime, nullable=False),
    Column("judged_by", String(64), nullable=False),
    Column("truth", Integer, nullable=False),
    Column("truth_rows", Integer, nullable=False),
    Column("feedback", Integer, nullable=False),
    Column("feedback_rows", Integer, nullable=False),
    Column("pending", UtcTime),
)

# Episodes of rules: `key` is of log, model, version, rule and signal together, and an episode begins once.
# What is `cleared` says how: the rule no longer held, labels corrected it, or the version no longer answers.
alerts = Table(
    "alerts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(64), nullable=False),
    Column("log", String(200), nullable=False),
    Column("model", String(200), nullable=False),
    Column("version", Integer, nullable=False),
    Column("rule", String(100), nullable=False),
    Column("signal", Text, nullable=False),
    Column("severity", String(20), nullable=False),
    Column("owner", Text, nullable=False),
    Column("first_window", String(40), nullable=False),
    Column("first_start", UtcTime, nullable=False),
    Column("last_window", String(40), nullable=False),
    Column("last_end", UtcTime, nullable=False),
    Column("raised_at", UtcTime, nullable=False),
    Column("cleared_at", UtcTime),
    Column("cleared", String(20), nullable=False),
    Column("evidence", JSON, nullable=False),
    UniqueConstraint("key", "first_start", name="alerts_one_episode"),
    Index("alerts_by_log", "log", "model"),
)

# What is to be told about alerts, written with them and sent afterwards. `next_try` is empty when nothing
# more is tried: it was sent, or given up.
notifications = Table(
    "notifications",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("alert", Integer, nullable=False),
    Column("channel", String(200), nullable=False),
    Column("event", String(20), nullable=False),
    Column("message", JSON, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_try", UtcTime),
    Column("sent_at", UtcTime),
    Column("last_error", Text, nullable=False),
    UniqueConstraint("alert", "channel", "event", name="notifications_once"),
    Index("notifications_by_next_try", "next_try"),
)

# What somebody has to look at. `key` is there for what must not be put here twice; `revision` counts the
# events of an item, so that who changes it has seen what it is.
backlog = Table(
    "backlog",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("title", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("links", JSON, nullable=False),
    Column("priority", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("assignee", String(200), nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("opened_by", String(200), nullable=False),
    Column("closed_at", UtcTime),
    Column("closed_by", String(200), nullable=False),
    Column("closed_why", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("key", String(64)),
    UniqueConstraint("key", name="backlog_once"),
    Index("backlog_by_status", "project", "status"),
)

# The history of each item, append-only like the ledger.
backlog_events = Table(
    "backlog_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("item", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("database_user", String(200)),
    Column("what", String(20), nullable=False),
    Column("detail", Text, nullable=False),
    UniqueConstraint("item", "number", name="backlog_events_one_successor"),
)

# Who may do now what only one may do at a time. `number` counts every change of hands and every renewal, so
# that both are compare-and-set.
leases = Table(
    "leases",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("holder", String(100), nullable=False),
    Column("until", UtcTime, nullable=False),
    Column("number", Integer, nullable=False),
)

# What became of each scheduled time. The unique constraint is the claim, so no row is ever removed: its time
# would come again. `next_try` is when one that failed is tried again; `attempt` counts from 1.
scheduled_times = Table(
    "scheduled_times",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project", String(200), nullable=False),
    Column("schedule", String(200), nullable=False),
    Column("scheduled_at", UtcTime, nullable=False),
    Column("claimed_by", String(100), nullable=False),
    Column("claimed_at", UtcTime, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("run_id", String(64)),
    Column("report", Text, nullable=False),
    Column("status", String(20), nullable=False),
    Column("ended_at", UtcTime),
    Column("next_try", UtcTime),
    Column("note", Text, nullable=False),
    UniqueConstraint("project", "schedule", "scheduled_at", name="scheduled_times_claimed_once"),
    Index("scheduled_times_by_status", "project", "status"),
)

# Each retraining from its trigger to its decision. `key` is of what triggered it, which starts one retraining
# only; of those of a model that are not `decided`, there is one at most.
retrainings = Table(
    "retrainings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("model", String(200), nullable=False),
    Column("trigger", String(50), nullable=False),
    Column("reason", Text, nullable=False),
    Column("status", String(20), nullable=False),
    Column("run_id", String(64)),
    Column("version", Integer),
    Column("started_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("decided_at", UtcTime),
    Column("decision", String(20), nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("key", String(64), nullable=False),
    UniqueConstraint("key", name="retrainings_once"),
    Index(
        "retrainings_one_open",
        "model",
        unique=True,
        sqlite_where=text("status <> 'decided'"),
        postgresql_where=text("status <> 'decided'"),
    ),
)

# The baking period after each promotion: `ledger_position` is the promotion's.
baking = Table(
    "baking",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("model", String(200), nullable=False),
    Column("version", Integer, nullable=False),
    Column("previous", Integer),
    Column("ledger_position", Integer, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("until", UtcTime, nullable=False),
    Column("status", String(20), nullable=False),
    Column("checked_at", UtcTime),
    Column("evidence", JSON, nullable=False),
    UniqueConstraint("model", "ledger_position", name="baking_one_a_promotion"),
    Index("baking_by_status", "model", "status"),
)

# A copy of MLflow's runs that answers at once; derived, and never the truth. A run that was deleted
# stays as a row that says so, since it can be restored. `own`: the workbench started it; `trial`: its
# number among those of its parent, which is a sweep.
run_index = Table(
    "run_index",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("experiment", String(250), nullable=False),
    Column("phase", String(200), nullable=False),
    Column("status", String(20), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("parent_run_id", String(64), nullable=False),
    Column("draft", Boolean, nullable=False),
    Column("own", Boolean, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("who", Text, nullable=False),
    Column("code_version", Text, nullable=False),
    Column("report", Text, nullable=False),
    Column("params", JSON, nullable=False),
    Column("metrics", JSON, nullable=False),
    Column("datasets", JSON, nullable=False),
    Column("cpu_seconds", Float),
    Column("peak_memory_bytes", BigInteger),
    Column("cost", Float),
    Column("trial", Integer),
    Index("run_index_by_phase", "phase", "started_at"),
    Index("run_index_by_start", "started_at"),
    Index("run_index_by_end", "ended_at"),
)

# How far the index has followed an experiment. `origin` is the experiment itself: its id in MLflow and
# when it was made, so that another store under the same name is noticed.
run_index_state = Table(
    "run_index_state",
    metadata,
    Column("experiment", String(250), primary_key=True),
    Column("origin", String(100), nullable=False),
    Column("started_until", UtcTime, nullable=False),
    Column("ended_until", UtcTime, nullable=False),
)
