"""How a scheduled time that failed for good ends, and who hears of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from tests.scheduled import make
from workbench.config import FailureConfig
from workbench.errors import UsageError
from workbench.execution.schedule import ending, records
from workbench.execution.schedule.outcomes import Outcome
from workbench.project import Project
from workbench.store import backlog
from workbench.store.database import Database, open_database

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def _claimed(folder: Path) -> tuple[Project, Database, records.ScheduledTime]:
    project = make(folder / "project")
    database = open_database(project)
    with database.write() as connection:
        (time,) = records.claim(connection, project.name, "nightly", [NOW], by="ada", at=NOW)
    return project, database, time


@pytest.mark.parametrize("notify", [("webhook:chat",), ("backlog", "webhook:chat")])
def test_a_channel_that_is_away_is_on_record_and_the_failure_on_the_backlog(
    tmp_path: Path, notify: tuple[str, ...]
) -> None:
    project, database, time = _claimed(tmp_path)

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


class _Killed(BaseException):
    pass


class Away(list[str]):
    """A channel during which something happens: the scheduler is killed, the database goes away."""

    def __init__(self, happens: Callable[[], None]) -> None:
        self.happens = happens

    def __call__(self, channel: str, failure: ending.Failure) -> None:
        self.append(f"{channel} {failure.key}")
        self.happens()


@pytest.mark.practice("T3")
def test_a_channel_that_was_told_before_the_scheduler_was_killed_is_told_again_under_the_same_key(
    tmp_path: Path,
) -> None:
    project, database, time = _claimed(tmp_path)

    def killed() -> None:
        raise _Killed

    def finish(notify: ending.Notify, time: records.ScheduledTime = time) -> str:
        failed = Outcome("failed", why="train: no rows")
        chat = FailureConfig(notify=("webhook:chat",))
        return ending.finish(project, database, time, failed, chat, now=NOW, notify=notify)

    chat = Away(killed)
    with pytest.raises(_Killed):
        finish(chat)
    with database.read() as connection:
        (found,) = records.open_times(connection, project.name)
    chat.happens = lambda: None
    assert finish(chat, found).endswith("failed: train: no rows")
    assert len(chat) == 2
    assert len(set(chat)) == 1
    assert finish(chat).endswith("another scheduler has taken it over")
    assert len(chat) == 2, "of what is over nobody is told"


def test_while_the_database_is_away_nobody_is_told_and_what_ends_meanwhile_is_ended_later(
    tmp_path: Path,
) -> None:
    project, database, time = _claimed(tmp_path)
    path = Path(str(database.engine.url.database))

    def goes_away() -> None:
        database.close()  # all that was written is in the one file
        path.rename(path.with_suffix(".away"))
        path.mkdir()  # nothing opens a folder as a database

    def finish() -> str:
        failed = Outcome("failed", why="train: no rows")
        notify = FailureConfig(notify=("backlog", "webhook:chat"))
        return ending.finish(project, database, time, failed, notify, now=NOW, notify=chat)

    chat = Away(goes_away)
    for _ in range(3):
        with pytest.raises(OperationalError):
            finish()
    assert len(chat) == 1
    path.rmdir()
    path.with_suffix(".away").rename(path)
    chat.happens = lambda: None
    finish()
    with database.read() as connection:
        (found,) = records.history(connection, project.name)
        assert len(backlog.items(connection, project.name)) == 1
    assert (found.status, found.note) == ("failed", "train: no rows")
