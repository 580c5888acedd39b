"""The whole monitor on SQLite and on PostgreSQL, run by several processes at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from tests.contract import monitoring, racing
from tests.processes import FORKED
from tests.repeats import repeats
from tests.unit.monitoring.story import OLDER, Live, month, open_shop
from workbench.project import Project
from workbench.store import tables
from workbench.store.database import open_database

_MONITORS = repeats(6, 2)


@pytest.mark.practice("L7", "T1")
def test_monitors_that_run_at_once_record_and_raise_each_thing_once(
    tmp_path: Path, database_url: str
) -> None:
    live = Live(open_shop(tmp_path / "shop", database=database_url))
    for number in monitoring.MONTHS:
        live.tell(
            live.answers(month(number), count=300, older=OLDER * (number % 2), chance=0.8 * (number > 9))
        )
    here, there = FORKED.Pipe()
    racers = tuple(range(_MONITORS))
    process = FORKED.Process(
        target=racing.all_at_once, args=(there, monitoring.watch_all, str(live.project.root), racers, ())
    )
    process.start()
    there.close()
    assert here.poll(150), "the race does not end"
    told, exits = here.recv()
    process.join(60)
    assert exits == [0] * _MONITORS
    for number in monitoring.MONTHS:
        live.watch(month(number + 1), record_as="predictions/alone")
    found, alone = _documents(live.project, live.name), _documents(live.project, "predictions/alone")
    assert {window: revisions[-1] for window, revisions in found.items()} == {
        window: revisions[-1] for window, revisions in alone.items()
    }
    assert sum(recorded for _, (recorded, _) in told) == sum(map(len, found.values()))
    last = live.watch(month(monitoring.MONTHS[-1] + 1))
    assert last.recorded == 0
    assert sum(raised for _, (_, raised) in told) == len(last.alerts) == len(live.items()) == 2


def _documents(project: Project, log: str) -> dict[str, list[Any]]:
    """Every revision of each window, without when it was looked at."""
    table, database = tables.findings, open_database(project)
    found: dict[str, list[Any]] = {}
    with database.read() as connection:
        for row in connection.execute(
            sqlalchemy.select(table).where(table.c.log == log).order_by(table.c.id)
        ):
            document = json.loads(row.document)
            del document["evaluated_at"]
            found.setdefault(row.window, []).append(document)
    return found
