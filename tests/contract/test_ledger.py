"""The ledger on SQLite and on PostgreSQL: alone, and with processes that race for an alias."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from tests.contract import racing
from tests.unit.registry import small
from workbench.errors import AliasMoved
from workbench.project import Project
from workbench.registry import aliases, promotion
from workbench.store import tables
from workbench.store.database import Database, open_database
from workbench.tracking import store


@pytest.fixture
def project(tmp_path: Path, database_url: str) -> Project:
    return small.small_project(tmp_path / "project", database=database_url)


@pytest.fixture
def two(project: Project) -> Project:
    """A project with versions 1 and 2, which passed their gates."""
    run = small.start(project)
    trained = small.train(run)
    small.register(run, trained)
    small.register(run, trained)
    return project


@pytest.fixture
def database(project: Project) -> Iterator[Database]:
    opened = open_database(project)
    yield opened
    opened.close()


def _race(target: Callable[..., None], project: Project, versions: tuple[int, ...]) -> list[tuple[Any, Any]]:
    """Run ``target`` in a process for each version, all at once, and collect what they tell."""
    context = multiprocessing.get_context("spawn")
    gate, results = context.Barrier(len(versions), timeout=120), context.Queue()
    racers = [
        context.Process(target=target, args=(str(project.root), gate, results, version))
        for version in versions
    ]
    for racer in racers:
        racer.start()
    found = [results.get(timeout=120) for _ in racers]
    for racer in racers:
        racer.join(timeout=60)
    assert [racer.exitcode for racer in racers] == [0] * len(racers)
    return found


def _is_one_line(entries: list[aliases.LedgerEntry]) -> bool:
    """Whether each entry takes over from the one before, without a gap."""
    positions = [entry.position for entry in entries]
    before = [None, *(entry.to_version for entry in entries)]
    return positions == [*range(1, len(entries) + 1)] and [e.from_version for e in entries] == before[:-1]


def _mlflow_champion(project: Project) -> int:
    return int(store.client(project).get_registered_model("tiny-model").aliases["champion"])


def _entry(position: int) -> dict[str, Any]:
    at = small.CUT_OFF
    common = {
        "model": "m",
        "alias": "champion",
        "at": at,
        "actor": "ada",
        "reason": "x",
        "evidence": {"a": None},
    }
    return {**common, "position": position, "to_version": position}


def _write_and_raise(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(tables.ledger), _entry(3))
        raise KeyError("somebody's mistake")


def test_what_a_transaction_wrote_is_there_and_what_failed_is_not(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(tables.ledger), _entry(1))
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(insert(tables.ledger), [_entry(2), _entry(1)])
    with pytest.raises(KeyError, match="mistake"):
        _write_and_raise(database)
    with database.read() as connection:
        rows = connection.execute(select(tables.ledger)).all()
    assert [(row.position, row.at, row.evidence) for row in rows] == [(1, small.CUT_OFF, {"a": None})]


def test_an_entry_reads_back_as_it_was_written(two: Project) -> None:
    entry = aliases.set_alias(
        two, "champion", 1, expected_from=None, reason="é → x", evidence={"gain": 0.25, "none": float("nan")}
    )
    assert aliases.ledger(two, "champion") == [entry]
    assert (entry.evidence["gain"], entry.evidence["none"]) == (0.25, None)
    with pytest.raises(AliasMoved, match="champion of tiny-model is v1 since"):
        aliases.set_alias(two, "champion", 2, expected_from=None, reason="too late")


def test_promotions_and_rollbacks_work_the_same(two: Project) -> None:
    promotion.promote(two, 1, reason="a")
    promotion.promote(two, 2, reason="b")
    promotion.rollback(two, reason="c")
    assert [entry.to_version for entry in aliases.ledger(two, "champion")] == [1, 2, 1]
    assert aliases.current(two, "champion") == _mlflow_champion(two) == 1


def test_two_first_uses_at_once_migrate_once(project: Project) -> None:
    assert sorted(_race(racing.open_first, project, (1, 2))) == [(1, "opened"), (2, "opened")]
    assert aliases.ledger(project) == []


@pytest.mark.practice("T1")
def test_racing_promoters_leave_one_line_of_succession(two: Project) -> None:
    found = dict(_race(racing.race, two, (1, 2)))
    entries = aliases.ledger(two, "champion")
    winner = entries[0].to_version
    assert found[winner]["first"] == ""
    assert "nothing was changed" in found[3 - winner]["first"]
    assert _is_one_line(entries)
    assert len(entries) == 1 + sum(told["moved"] + told["promoted"] for told in found.values())
    # Who gets how many turns is the database's to say; that both kinds went on is not.
    assert all(sum(told[kind] for told in found.values()) for kind in ("moved", "promoted"))
    assert aliases.current(two, "champion") == entries[-1].to_version == _mlflow_champion(two)
