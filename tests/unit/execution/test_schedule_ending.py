"""How a scheduled time that failed for good ends, and who hears of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.scheduled import make
from workbench.config import FailureConfig
from workbench.errors import UsageError
from workbench.execution.schedule import ending, records
from workbench.execution.schedule.outcomes import Outcome
from workbench.store import backlog
from workbench.store.database import open_database

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize("notify", [("webhook:chat",), ("backlog", "webhook:chat")])
def test_a_channel_that_is_away_is_on_record_and_the_failure_on_the_backlog(
    tmp_path: Path, notify: tuple[str, ...]
) -> None:
    project = make(tmp_path / "project")
    database = open_database(project)
    with database.write() as connection:
        (time,) = records.claim(connection, project.name, "nightly", [NOW], by="ada", at=NOW)

    def away(channel: str, _failure: ending.Failure) -> None:
        raise UsageError("no route to host")

    said = ending.finish(
        project,
        database,
        time,
        Outcome("failed", why="train: no rows"),
        FailureConfig(notify=notify),
        now=NOW,
        notify=away,
    )
    with database.read() as connection:
        (found,) = records.history(connection, project.name)
        (item,) = backlog.items(connection, project.name)
    assert (found.status, found.note) == (
        "failed",
        "webhook:chat was not told: no route to host; train: no rows",
    )
    assert item.title == "schedule nightly of 2026-03-02 09:00 UTC failed: train: no rows"
    assert said.endswith("webhook:chat was not told: no route to host")


def test_a_database_that_goes_away_while_a_channel_is_told_leaves_the_end_on_record_and_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make(tmp_path / "project")
    database = open_database(project)
    with database.write() as connection:
        (time,) = records.claim(connection, project.name, "nightly", [NOW], by="ada", at=NOW)

    def both_away(_channel: str, _failure: ending.Failure) -> None:
        database.close()  # all that was written is in the one file
        path.rename(path.with_suffix(".away"))
        path.mkdir()  # nothing opens a folder as a database
        raise UsageError("no route to host")

    path = Path(str(database.engine.url.database))
    about = {"on_failure": FailureConfig(notify=("webhook:chat",)), "now": NOW, "notify": both_away}
    said = ending.finish(project, database, time, Outcome("failed", why="train: no rows"), **about)
    path.rmdir()
    path.with_suffix(".away").rename(path)
    with database.read() as connection:
        (found,) = records.history(connection, project.name)
        assert backlog.items(connection, project.name) == []
    assert (found.status, found.note) == ("failed", "train: no rows")
    assert said.endswith(
        "not told: no route to host; nor is that on the backlog: the workbench database does not answer"
    )
