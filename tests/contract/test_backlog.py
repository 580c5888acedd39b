"""The backlog on SQLite and on PostgreSQL: what happens to an item, and two people at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy.exc import DBAPIError

from tests.unit.monitoring.alerting import make
from workbench.errors import ItemMoved, UsageError
from workbench.project import Project
from workbench.store import backlog, tables
from workbench.store.backlog import Item
from workbench.store.database import Database, open_database

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BY: dict[str, Any] = {"by": "ada", "at": NOW}


@pytest.fixture
def project(tmp_path: Path, database_url: str) -> Project:
    return make(tmp_path / "project", database_url)


def add(database: Database, title: str = "look at it", **more: Any) -> Item:
    with database.write() as connection:
        return backlog.add(connection, "late", title, **BY, **more)


def change(database: Database, do: Any, item: Item, *given: str) -> Item:
    with database.write() as connection:
        changed: Item = do(connection, item, *given, by="grace", at=NOW)
        return changed


def events(database: Database, item: Item) -> list[tuple[int, str, str, str]]:
    with database.read() as connection:
        return [(e.number, e.what, e.actor, e.detail) for e in backlog.history(connection, item)]


@pytest.mark.practice("T2")
def test_an_item_from_its_opening_to_its_end(database: Database) -> None:
    item = add(database, kind="review", subject="m v1", links=("run 1",), priority="high")
    item = change(database, backlog.assign, item, "grace")
    assert change(database, backlog.assign, item, " grace ") == item
    item = change(database, backlog.link, item, "run 2")
    assert change(database, backlog.link, item, "run 2") == item
    item = change(database, backlog.remark, item, "only HNL")
    item = change(database, backlog.close, item, "done")
    with database.read() as connection:
        assert backlog.find(connection, "late", item.id) == item
    assert (item.status, item.closed_by, item.closed_why, item.links) == (
        *("closed", "grace", "done"),
        ("run 1", "run 2"),
    )
    item = change(database, backlog.reopen, item, "not quite")
    assert (item.status, item.closed_at, item.closed_why) == ("open", None, "")
    assert events(database, item) == [
        (1, "opened", "ada", "look at it"),
        (2, "assigned", "grace", "grace"),
        (3, "linked", "grace", "run 2"),
        (4, "remark", "grace", "only HNL"),
        (5, "closed", "grace", "done"),
        (6, "reopened", "grace", "not quite"),
    ]


def test_the_list_begins_with_what_is_urgent(database: Database) -> None:
    made = [add(database, priority=priority) for priority in ("low", "normal", "high", "normal")]
    change(database, backlog.close, made[2], "done")
    with database.write() as connection:
        backlog.add(connection, "another", "elsewhere", **BY)
        backlog.assign(connection, made[0], "grace", **BY)
    with database.read() as connection:
        assert [item.id for item in backlog.items(connection, "late")] == [2, 4, 1]
        assert [item.id for item in backlog.items(connection, "late", closed=True)] == [2, 4, 1, 3]
        assert [item.id for item in backlog.items(connection, "late", assignee="grace")] == [1]
        with pytest.raises(UsageError, match="no item 5 on the backlog of late"):
            backlog.find(connection, "late", 5)


def test_what_must_be_there_once_is(project: Project, database: Database) -> None:
    def put(_: int) -> int:
        return add(open_database(project), once=("gate", "m", 1)).id

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(put, range(16)))) == 1
    with database.read() as connection:
        (item,) = backlog.items(connection, "late")
    change(database, backlog.close, item, "seen")
    assert add(database, once=("gate", "m", 1)).status == "closed"
    assert add(database, once=("gate", "m", 2)).status == "open"
    assert len(events(database, item)) == 2


def test_of_two_who_change_the_same_one_is_told_and_nothing_is_lost(
    project: Project, database: Database
) -> None:
    item = add(database)
    gate = Barrier(6)

    def act(number: int) -> str:
        opened = open_database(project)
        gate.wait()
        try:
            change(opened, backlog.assign, item, f"person {number}")
        except ItemMoved as error:
            return error.message
        return ""

    with ThreadPoolExecutor(6) as pool:
        told = sorted(pool.map(act, range(6)))
    assert told[0] == ""
    assert all("was changed by grace in the meantime (assigned)" in message for message in told[1:])
    assert len(events(database, item)) == 2


@pytest.mark.parametrize(
    ("do", "given", "expected"),
    [
        (backlog.close, ("",), "needs a reason"),
        (backlog.link, ("  ",), "a link needs something to lead to"),
        (backlog.reopen, (), "item 1 is open"),
    ],
)
def test_what_makes_no_sense_is_refused(
    database: Database, do: Any, given: tuple[str, ...], expected: str
) -> None:
    item = add(database)
    with pytest.raises(UsageError, match=expected):
        change(database, do, item, *given)
    with pytest.raises(UsageError, match="needs a title"):
        add(database, " \n ")
    closed = change(database, backlog.close, item, "done")
    with pytest.raises(UsageError, match=r"closed already, since 2026-01-01 00:00 by grace: done"):
        change(database, backlog.close, closed, "again")


def test_any_text_is_kept(database: Database) -> None:
    odd = "späte\0 [red]'Klasse'\n;--\ud800\x1b[31m"
    item = add(database, odd * 50, subject=odd, links=(odd,), assignee=odd * 50)
    item = change(database, backlog.assign, item, odd * 40)
    item = change(database, backlog.close, item, odd)
    with database.read() as connection:
        assert backlog.find(connection, "late", item.id) == item
    assert "\n" not in item.title
    assert len(item.assignee) == 200


@pytest.mark.practice("O3")
def test_history_is_neither_changed_nor_removed_and_a_name_is_a_claim(database: Database) -> None:
    item = add(database)
    for statement in (tables.backlog_events.delete(), tables.backlog_events.update().values(actor="nobody")):
        with pytest.raises(DBAPIError, match="append-only"), database.write() as connection:
            connection.execute(statement)
    with database.read() as connection:
        (event,) = backlog.history(connection, item)
    known = None if database.engine.dialect.name == "sqlite" else "postgres"
    assert (event.actor, event.database_user) == ("ada", known)
