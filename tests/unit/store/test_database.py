"""The workbench database: migrated once, durable, one writer at a time."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Inspector, create_engine, insert, inspect, select
from sqlalchemy.exc import IntegrityError, StatementError

from tests.projects import make_project
from workbench.store import database, label_tables, review_tables, tables


def _entry(position: int) -> dict[str, object]:
    return {
        "model": "m",
        "alias": "champion",
        "position": position,
        "to_version": position,
        "at": datetime(2026, 1, 1, tzinfo=UTC),
        "actor": "ada",
        "reason": "because",
        "evidence": {},
    }


def _indexes(inspector: Inspector, table: str) -> list[dict[str, object]]:
    """The indexes of a table, with their conditions as text."""
    return [
        {**index, "dialect_options": {key: str(value) for key, value in index["dialect_options"].items()}}
        for index in inspector.get_indexes(table)
    ]


def test_the_newest_migration_makes_the_tables_that_the_code_declares(tmp_path: Path) -> None:
    opened = database.open_database(make_project(tmp_path, {"gather": []}))
    declared = create_engine("sqlite://")
    tables.metadata.create_all(declared)
    made, wanted = inspect(opened.engine), inspect(declared)
    assert label_tables.label_rows.name in tables.metadata.tables
    assert review_tables.judgements.name in tables.metadata.tables
    for name in tables.metadata.tables:
        assert {column["name"]: str(column["type"]) for column in made.get_columns(name)} == {
            column["name"]: str(column["type"]) for column in wanted.get_columns(name)
        }
        assert made.get_unique_constraints(name) == wanted.get_unique_constraints(name)
        assert str(_indexes(made, name)) == str(_indexes(wanted, name))


def test_the_code_expects_the_head_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(database.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == database.REVISION


def test_many_first_uses_at_once_migrate_once(tmp_path: Path) -> None:
    project = make_project(tmp_path, {"gather": []})
    with ThreadPoolExecutor(8) as pool:
        opened = list(pool.map(lambda _: database.open_database(project), range(8)))
    with opened[0].read() as connection:
        assert connection.execute(select(tables.ledger)).all() == []


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    opened = database.open_database(make_project(tmp_path, {"gather": []}))
    with pytest.raises(IntegrityError), opened.write() as connection:
        connection.execute(insert(tables.ledger), [_entry(1), _entry(1)])
    with opened.write() as connection:
        connection.execute(insert(tables.ledger), _entry(2))
    with opened.read() as connection:
        assert [row.position for row in connection.execute(select(tables.ledger))] == [2]


def test_a_backup_is_restored_while_somebody_uses_the_database(tmp_path: Path) -> None:
    opened = database.open_database(make_project(tmp_path, {"gather": []}))
    file = Path(str(opened.engine.url.database))
    for position in (1, 2):
        with opened.write() as connection:
            connection.execute(insert(tables.ledger), _entry(position))
        shutil.copy(file, tmp_path / f"backup-{position}")
    os.replace(tmp_path / "backup-1", file)
    with opened.write() as connection:
        assert list(connection.scalars(select(tables.ledger.c.position))) == [1]
        connection.execute(insert(tables.ledger), {**_entry(2), "reason": "once more"})
    with create_engine(f"sqlite:///{file}").connect() as connection:
        assert list(connection.scalars(select(tables.ledger.c.reason))) == ["because", "once more"]


def test_a_time_without_a_zone_is_refused_and_others_come_back_in_utc(tmp_path: Path) -> None:
    opened = database.open_database(make_project(tmp_path, {"gather": []}))
    with opened.write() as connection:
        connection.execute(insert(tables.ledger), _entry(1))
    with opened.read() as connection:
        assert connection.execute(select(tables.ledger.c.at)).scalar_one() == datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(StatementError, match="a time without a zone"), opened.write() as connection:
        connection.execute(insert(tables.ledger), {**_entry(2), "at": datetime(2026, 1, 1)})
