"""The tables of labels in the workbench database: queues of rows, and what people say of them.

A change here goes together with a new migration in ``migrations/versions``; a test compares both.
"""

from __future__ import annotations

from sqlalchemy import JSON, Column, Float, Index, Integer, String, Table, Text, UniqueConstraint

from workbench.store.tables import UtcTime, metadata

__all__ = ["label_batches", "label_events", "label_guidelines", "label_places", "label_queues", "label_rows"]

# What people are asked to label. `choices` are the labels there are, each with its key on the keyboard.
label_queues = Table(
    "label_queues",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project", String(200), nullable=False),
    Column("name", String(100), nullable=False),
    Column("question", Text, nullable=False),
    Column("choices", JSON, nullable=False),
    Column("made_at", UtcTime, nullable=False),
    Column("made_by", String(200), nullable=False),
    UniqueConstraint("project", "name", name="label_queues_one_name"),
)

# Where rows of a queue are from and how they were chosen. Batches, rows, guidelines, events are only added.
label_batches = Table(
    "label_batches",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("queue", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("source", JSON, nullable=False),
    Column("how", String(20), nullable=False),
    Column("double_rate", Float, nullable=False),
    Column("seed", Integer, nullable=False),
    Column("rows", Integer, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("database_user", String(200)),
    UniqueConstraint("queue", "number", name="label_batches_one_successor"),
)

# `reference` tells which case it is, and `key` is its hash; `cells` are what annotators see; `wanted` is how
# many people label it.
label_rows = Table(
    "label_rows",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("queue", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("batch", Integer, nullable=False),
    Column("key", String(64), nullable=False),
    Column("reference", JSON, nullable=False),
    Column("cells", JSON, nullable=False),
    Column("why", Text, nullable=False),
    Column("wanted", Integer, nullable=False),
    UniqueConstraint("queue", "number", name="label_rows_one_number"),
    UniqueConstraint("queue", "key", name="label_rows_once"),
)

label_guidelines = Table(
    "label_guidelines",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("queue", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("database_user", String(200)),
    UniqueConstraint("queue", "version", name="label_guidelines_one_successor"),
)

# A person at a row, who is there once: as one of those who label it (seats 1, 2, …), or as who decides
# between them (seat 0). A seat is had by one person; who skipped the row, or had no time for it, has none.
label_places = Table(
    "label_places",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("queue", Integer, nullable=False),
    Column("row", Integer, nullable=False),
    Column("person", String(200), nullable=False),
    Column("seat", Integer),
    Column("status", String(20), nullable=False),
    Column("until", UtcTime),
    Column("label", String(200)),
    Column("guidelines", Integer, nullable=False),
    Column("labelled_at", UtcTime),
    Column("revision", Integer, nullable=False),
    UniqueConstraint("row", "person", name="label_places_one_a_person"),
    UniqueConstraint("row", "seat", name="label_places_one_a_seat"),
    Index("label_places_by_person", "queue", "person", "status"),
)

# What was said at each place and taken back again; `number` counts the events of a place.
label_events = Table(
    "label_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("queue", Integer, nullable=False),
    Column("row", Integer, nullable=False),
    Column("place", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("database_user", String(200)),
    Column("what", String(20), nullable=False),
    Column("before", String(200)),
    Column("after", String(200)),
    Column("remark", Text, nullable=False),
    Column("guidelines", Integer, nullable=False),
    UniqueConstraint("place", "number", name="label_events_one_successor"),
    Index("label_events_by_row", "queue", "row"),
)
