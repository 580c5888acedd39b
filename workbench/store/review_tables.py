"""The tables of reviews in the workbench database: what people judge of answers, and say of reports.

A change here goes together with a new migration in ``migrations/versions``; a test compares both.
"""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Index, Integer, String, Table, Text

from workbench.store.tables import UtcTime, metadata

__all__ = ["judgements", "report_remarks", "sign_offs"]

# What people of the project judged of answers that were given, append-only: of a person on a prediction the
# newest row counts. `slices` are the groups that the row belongs to, so that shares can be told by them
# when the log has gone.
judgements = Table(
    "judgements",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("log", String(200), nullable=False),
    Column("prediction_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("verdict", String(20), nullable=False),
    Column("remark", Text, nullable=False),
    Column("drawn", String(20), nullable=False),
    Column("slices", JSON, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("database_user", String(200)),
    Index("judgements_by_log", "log"),
)

# What was said of reports, and who stands by them; both append-only. `report` is the report's identity at
# that moment, `item` what a remark became on the backlog.
report_remarks = Table(
    "report_remarks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project", String(200), nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("report", String(64), nullable=False),
    Column("cell", Integer),
    Column("text", Text, nullable=False),
    Column("item", Integer),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("database_user", String(200)),
    Index("report_remarks_by_run", "project", "run_id"),
)

sign_offs = Table(
    "sign_offs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project", String(200), nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("report", String(64), nullable=False),
    Column("withdrawn", Boolean, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("database_user", String(200)),
    Index("sign_offs_by_run", "project", "run_id"),
)
