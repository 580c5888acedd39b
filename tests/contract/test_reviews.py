"""Judgements, remarks and sign-offs on SQLite and on PostgreSQL: only ever added, and whose they are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from sqlalchemy.exc import DBAPIError

from tests.pages import code, manifest, notebook
from tests.unit.monitoring.alerting import make
from workbench.errors import UsageError
from workbench.monitoring.judged import put_on_backlog
from workbench.project import Project
from workbench.registry import reviews as registry_reviews
from workbench.store import backlog, judgements, review_tables, reviews
from workbench.store.backlog import Item
from workbench.store.database import Database, open_database
from workbench.tracking import reports

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BY: dict[str, Any] = {"by": "ada", "at": NOW}
LOG = "predictions/live"
ODD = "späte\0 [red]'Klasse'\n;--\ud800\x1b[31m"


@pytest.fixture
def project(tmp_path: Path, database_url: str) -> Project:
    return make(tmp_path / "project", database_url)


def judge(database: Database, prediction: str, verdict: Any, by: str = "ada", **more: Any) -> None:
    with database.write() as connection:
        judgements.judge(connection, LOG, prediction, verdict, version=3, by=by, at=NOW, **more)


@pytest.mark.practice("P7")
def test_of_a_person_the_newest_judgement_counts(database: Database) -> None:
    judge(database, "p-1", "right", slices={"origin": "JFK"})
    judge(database, "p-2", "wrong", remark="  it snowed ", drawn="uncertain")
    judge(database, "p-1", "can't say")
    known = None if database.engine.dialect.name == "sqlite" else "postgres"
    with database.read() as connection:
        found = judgements.newest(connection, LOG)
        assert judgements.newest(connection, "another") == []
    assert [(each.prediction_id, each.verdict, each.remark, each.drawn) for each in found] == [
        ("p-2", "wrong", "it snowed", "uncertain"),
        ("p-1", "can't say", "", "random"),
    ]
    assert {(each.actor, each.database_user, each.at) for each in found} == {("ada", known, NOW)}


def test_people_who_judge_at_once_are_told_apart(project: Project, database: Database) -> None:
    def act(number: int) -> None:
        for prediction in range(3):
            judge(open_database(project), f"p-{prediction}", "wrong", by=f"person {number}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(act, range(4)))
    with database.read() as connection:
        found = judgements.newest(connection, LOG)
    if database.engine.dialect.name == "sqlite":
        assert len(found) == 12
    else:  # all of them are the one whom the database knows
        assert {(each.person, each.prediction_id) for each in found} == {
            ("postgres", f"p-{n}") for n in range(3)
        }


@pytest.mark.parametrize("given", [{"verdict": "maybe"}, {"verdict": "right", "drawn": "by hand"}])
def test_what_is_no_judgement_is_refused(database: Database, given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="is no"):
        judge(database, "p-1", **given)


@pytest.mark.practice("T2", "T3")
def test_what_two_say_of_an_answer_at_the_same_moment_is_kept_of_both(
    project: Project, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge(database, "p-1", "wrong", remark="snow")
    with database.read() as connection:
        (adas,) = judgements.newest(connection, LOG)
    graces = replace(adas, remark="fog")
    add, others = backlog.add, []

    def meanwhile(*given: Any, **more: Any) -> Item:
        monkeypatch.setattr(backlog, "add", add)
        others.append(pool.submit(put_on_backlog, project, LOG, graces, actor="grace"))
        with pytest.raises(TimeoutError):
            others[0].result(timeout=0.5)
        return add(*given, **more)

    monkeypatch.setattr(backlog, "add", meanwhile)
    with ThreadPoolExecutor(1) as pool:
        item = put_on_backlog(project, LOG, adas, actor="ada")
        assert others[0].result().id == item.id
    with database.read() as connection:
        told = [(event.what, event.detail) for event in backlog.history(connection, item)]
    assert told == [("opened", item.title), ("remark", "fog")]


@pytest.mark.practice("T2", "T3")
def test_a_remark_that_asks_is_on_the_backlog_once_and_opened_again(database: Database) -> None:
    def ask(text: str, cell: int | None = None) -> reviews.Remark:
        with database.write() as connection:
            about: dict[str, Any] = {
                "report": "a" * 64,
                "cell": cell,
                "asks": True,
                "subject": "report of train",
            }
            return reviews.add_remark(connection, "late", "r1" * 16, text, **about, **BY)

    first, again, elsewhere = ask("split by day\nplease"), ask("split by day\nplease"), ask("split by day", 4)
    with database.read() as connection:
        item, other = backlog.items(connection, "late")
        assert [each.item for each in reviews.remarks(connection, "late", ["r1" * 16])] == [
            item.id,
            item.id,
            other.id,
        ]
    assert (first.item, again.item, elsewhere.item) == (item.id, item.id, other.id)
    assert (item.kind, item.title, item.subject) == ("review", "split by day", "report of train")
    assert item.links == (f"run {'r1' * 16}", "workbench review r1r1r1r1")
    assert other.subject == "report of train, cell 4"
    with database.write() as connection:
        backlog.close(connection, item, "done", **BY)
    ask("split by day\nplease")
    with database.read() as connection:
        assert backlog.find(connection, "late", item.id).status == "open"


def test_a_remark_that_cannot_be_kept_leaves_nothing_on_the_backlog(database: Database) -> None:
    for text in ("", " \n"):
        with pytest.raises(UsageError, match="a remark needs words"), database.write() as connection:
            reviews.add_remark(connection, "late", "r", text, report="", asks=True, **BY)
    with pytest.raises(DBAPIError), database.write() as connection:
        reviews.add_remark(connection, "late", "r", "x", report=None, asks=True, **BY)  # type: ignore[arg-type]
    with database.read() as connection:
        assert backlog.items(connection, "late") == []


@pytest.mark.practice("T3")
def test_sign_offs_are_a_history(database: Database) -> None:
    for withdraw in (False, True, False):
        with database.write() as connection:
            reviews.add_sign_off(connection, "late", "r", report="h", withdraw=withdraw, **BY)
    with database.write() as connection:
        reviews.add_sign_off(connection, "late", "another", report="h", by="ada", at=NOW + timedelta(days=1))
        reviews.add_remark(connection, "late", "r", ODD, report="h", by=ODD * 50, at=NOW)
    with database.read() as connection:
        found = reviews.sign_offs(connection, "late", ["r"])
        (remark,) = reviews.remarks(connection, "late", ["r", "another"])
        assert reviews.sign_offs(connection, "another", ["r"]) == []
        assert reviews.reviewed(connection, "late") == {"r": NOW, "another": NOW + timedelta(days=1)}
    assert [each.withdrawn for each in found] == [False, True, False]
    assert len(remark.actor) == 200
    assert "\0" not in remark.text


@pytest.mark.practice("T3")
def test_whose_sign_off_it_is_the_database_tells_where_it_knows(project: Project) -> None:
    made, nb = manifest(project="late", phase="x"), notebook(code("1"))
    reports.publish(project.reports, made, nbformat.writes(nb), "<header></header>")
    registry_reviews.sign_off(project, registry_reviews.look(project, "x"), actor="ada")
    seen = registry_reviews.look(project, "x")
    if open_database(project).engine.dialect.name == "sqlite":
        with pytest.raises(UsageError, match=r"grace \(claimed\) has not signed"):
            registry_reviews.sign_off(project, seen, withdraw=True, actor="grace")
        assert registry_reviews.sign_off(project, seen, actor="grace").signed[1].who.person == "grace"
        return
    with pytest.raises(UsageError, match=r"postgres \(login grace\) has signed .* already"):
        registry_reviews.sign_off(project, seen, actor="grace")
    (mine,) = registry_reviews.sign_off(project, seen, withdraw=True, actor="grace").sign_offs
    assert (mine.state, mine.who.authenticated) == ("withdrawn", True)


@pytest.mark.practice("O3")
@pytest.mark.parametrize(
    "table", [review_tables.judgements, review_tables.report_remarks, review_tables.sign_offs]
)
def test_nothing_of_it_is_changed_or_removed_and_a_name_is_a_claim(database: Database, table: Any) -> None:
    judge(database, "p-1", "right")
    with database.write() as connection:
        reviews.add_sign_off(connection, "late", "r", report="h", **BY)
        reviews.add_remark(connection, "late", "r", "x", report="h", **BY)
    for statement in (table.delete(), table.update().values(actor="nobody")):
        with pytest.raises(DBAPIError, match="append-only"), database.write() as connection:
            connection.execute(statement)
    if database.engine.dialect.name == "sqlite":
        row = {"database_user": "ada", "at": NOW, "actor": "ada"} | {
            column.name: {} if column.name == "slices" else False if column.name == "withdrawn" else 1
            for column in table.columns
            if column.name not in ("id", "database_user", "at", "actor") and not column.nullable
        }
        with pytest.raises(DBAPIError, match="SQLite authenticates nobody"), database.write() as connection:
            connection.execute(table.insert(), row)
