"""The ledger on SQLite and on PostgreSQL: alone, and with processes that race for an alias."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from sqlalchemy import create_engine, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from tests.contract import racing
from tests.repeats import repeats
from tests.unit.registry import small
from tests.unit.registry.warm import warm
from workbench.errors import AliasMoved, RegistryError
from workbench.project import Project, open_project
from workbench.registry import aliases, approvals, promotion
from workbench.store import tables
from workbench.store.database import Database
from workbench.tracking import store

_RACERS, _ROUNDS = 8, repeats(250, 4)  # so many take minutes
_LONGEST = 120 + 8 * _ROUNDS


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


def _race(
    target: Callable[..., None], project: Project, versions: tuple[int, ...], *more: Any
) -> list[tuple[Any, Any]]:
    """Run ``target`` in a process for each version, all at once, and collect what they tell."""
    with warm(racing.all_at_once, target, str(project.root), versions, more) as racers:
        assert racers.poll(_LONGEST), "the race does not end"
        found, exits = racers.recv()
    assert exits == [0] * len(versions)
    return list(found)


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


@pytest.mark.practice("T1")
def test_of_two_who_move_the_same_aliases_crosswise_one_is_told(
    two: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, both = aliases._append, Barrier(2)
    present = {"canary": None, "challenger": 2}

    def slowly(*given: Any) -> aliases.LedgerEntry:
        entry = append(*given)
        with suppress(BrokenBarrierError):  # as long as one waits for the other they do not meet
            both.wait(timeout=0.5)
        return entry

    def move(names: tuple[str, str]) -> str:
        try:
            aliases.move(two, [aliases.Move(name, present[name], 1) for name in names], reason="x")
        except AliasMoved as moved:
            return moved.message
        return ""

    monkeypatch.setattr(aliases, "_append", slowly)
    with ThreadPoolExecutor(2) as pool:
        told = sorted(pool.map(move, [("canary", "challenger"), ("challenger", "canary")]))
    assert told[0] == ""
    assert "nothing was changed" in told[1]
    assert [len(aliases.ledger(two, name)) for name in ("canary", "challenger")] == [1, 3]


@pytest.mark.timeout(_LONGEST + 60)
@pytest.mark.practice("T1", "P4")
def test_many_promoters_and_rollbacks_lose_nothing(two: Project) -> None:
    small.register(small.start(two))
    promotion.promote(two, 1, reason="first")
    told = _race(racing.race_often, two, tuple(range(_RACERS)), _ROUNDS)
    entries = aliases.ledger(two, "champion")
    moved = sum(done for _, done in told)
    print(f"{moved:,} of {_RACERS * _ROUNDS:,} went through, the others were told")
    assert _is_one_line(entries)
    assert len(entries) == 1 + moved
    assert moved > 0
    assert _is_one_line(aliases.ledger(two, "challenger"))
    found = store.client(two).get_registered_model("tiny-model").aliases
    assert {alias: int(version) for alias, version in found.items()} == aliases.held(two)


def test_what_was_written_is_neither_changed_nor_removed(two: Project, database: Database) -> None:
    aliases.set_alias(two, "champion", 1, expected_from=None, reason="x")
    vote = {"version": 2, "note": "read it", "withdrawn": False, "evidence_hash": "0", "at": small.CUT_OFF}
    with database.write() as connection:
        connection.execute(insert(tables.approvals), {**vote, "model": "tiny-model", "actor": "grace"})
    for table in (tables.ledger, tables.approvals):
        for statement in (table.delete(), table.update().values(actor="nobody")):
            with pytest.raises(DBAPIError, match="append-only"), database.write() as connection:
                connection.execute(statement)
    assert [entry.reason for entry in aliases.ledger(two, "champion")] == ["x"]


@pytest.mark.practice("O3")
def test_who_the_database_knows_is_kept_and_a_name_is_a_claim(two: Project, database: Database) -> None:
    entry = aliases.set_alias(two, "champion", 1, expected_from=None, reason="x", actor="grace")
    assert aliases.ledger(two, "champion") == [entry]
    told = entry.to_dict()
    if database.engine.dialect.name == "sqlite":
        assert (told["who"], told["authenticated"]) == ("grace (claimed)", False)
        with pytest.raises(DBAPIError, match="authenticates nobody"), database.write() as connection:
            connection.execute(insert(tables.ledger), {**_entry(1), "database_user": "ada"})
        return
    assert (told["who"], told["authenticated"]) == ("postgres (login grace)", True)
    with database.write() as connection:
        connection.execute(insert(tables.ledger), {**_entry(1), "database_user": "somebody else"})
        kept = connection.execute(select(tables.ledger.c.database_user).where(tables.ledger.c.model == "m"))
        assert kept.scalar_one() == "postgres"
    # Another name does not make another person: the author is who logged in.
    with pytest.raises(RegistryError, match=r"registered by postgres .*somebody else's to give"):
        approvals.approve(two, 2, note="me again", actor="ada")


@pytest.mark.postgres
@pytest.mark.practice("M5")
def test_a_person_with_a_role_of_their_own_approves_once(tmp_path: Path, postgres_url: str) -> None:
    project = small.small_project(tmp_path / "project", database=postgres_url)
    small.register(small.start(project))
    engine = create_engine(postgres_url)
    role = f"grace_{uuid.uuid4().hex[:8]}"
    with engine.begin() as connection:
        connection.execute(text(f"CREATE ROLE {role} LOGIN"))
        connection.execute(text(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}"))
        connection.execute(text(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO {role}"))
    engine.dispose()
    file = project.root / "workbench.toml"
    file.write_text(file.read_text().replace("//postgres@", f"//{role}@"))
    theirs = open_project(project.root)
    approvals.approve(theirs, 1, note="read it", actor="one")
    approvals.approve(theirs, 1, note="read it again", actor="two")
    (vote,) = approvals.approvals(theirs, 1)
    assert (vote.database_user, vote.note, vote.counts) == (role, "read it again", True)
