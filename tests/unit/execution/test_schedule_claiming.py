"""What a scheduler claims as time goes by, and what it takes over from others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from tests.projects import make_project
from tests.scheduled import make
from tests.unit.serving.tiny import until
from tests.unit.tracking.published import leave_run
from workbench.config import FreshConfig
from workbench.data.tables import Origin, Tables
from workbench.execution.schedule import freshness, holding, records, taking_over
from workbench.execution.schedule.claiming import Claiming
from workbench.execution.schedule.holding import Holder
from workbench.execution.schedule.records import ScheduledTime
from workbench.project import Project, open_project
from workbench.store import leases
from workbench.store.clock import SimulatedClock
from workbench.store.database import Database, open_database

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ELSEWHERE = "elsewhere:42:77"


def _schedules(**more: str) -> str:
    keys = {"cron": '"0 * * * *"', "phases": '["gather"]', "code": '"following"', **more}
    return '[[schedules]]\nname = "hourly"\n' + "".join(f"{key} = {value}\n" for key, value in keys.items())


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make(tmp_path / "project", _schedules(missed='"all"', overlap='"wait"'))


@pytest.fixture
def database(project: Project) -> Database:
    return open_database(project)


def _change(project: Project, **more: str) -> Project:
    return make(project.root, _schedules(**more))


def _at_work(project: Project, now: datetime, by: str = "ada") -> Claiming:
    found = Claiming(project, open_database(project), by)
    found.load(project, now)
    return found


class _Held:
    """Seconds that go forward when told to: for so long something else keeps a scheduler busy."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def _hours(times: list[ScheduledTime]) -> list[float]:
    return [(each.scheduled_at - START) / HOUR for each in times]


def _rows(database: Database) -> list[tuple[float, str]]:
    with database.read() as connection:
        found = records.history(connection, "night", last=1000)[::-1]
    return [((each.scheduled_at - START) / HOUR, each.status) for each in found]


def test_times_count_from_when_a_schedule_was_first_seen_whoever_looks_then(
    project: Project, database: Database
) -> None:
    first = _at_work(project, START + HOUR / 2)
    assert first.next_look == START + HOUR
    assert first.claim(START + HOUR / 2) == []
    assert _rows(database) == [(0, "skipped")]
    assert _hours(_at_work(project, START + 3.5 * HOUR, "ben").claim(START + 3.5 * HOUR)) == [1, 2, 3]
    assert first.claim(START + 3.5 * HOUR) == []


def test_what_is_missed_and_not_made_up_for_is_one_line_on_record(
    project: Project, database: Database
) -> None:
    once = _change(project, missed='"once"')
    claiming = _at_work(once, START)
    assert _hours(claiming.claim(START + 5.5 * HOUR)) == [5]
    assert _rows(database) == [(0, "skipped"), (4, "missed"), (5, "claimed")]
    with database.read() as connection:
        note = records.history(connection, "night")[1].note
    assert note == "no scheduler ran at 4 times up to this one"


@pytest.mark.parametrize(
    ("held", "last", "note"),
    [
        (5.0, [], "no scheduler ran at 3 times up to this one"),
        (3 * 3600.0, [3], "the scheduler was held up at 2 times up to this one"),
    ],
)
def test_what_came_while_the_scheduler_was_busy_with_something_else_was_not_missed(
    project: Project, database: Database, held: float, last: list[float], note: str
) -> None:
    elapsed, skipping = _Held(), _change(project, missed='"skip"')
    claiming = Claiming(skipping, database, "ada", elapsed)
    claiming.load(skipping, START)
    assert claiming.claim(START + HOUR / 2) == []
    elapsed.seconds += held
    assert _hours(claiming.claim(START + 3.4 * HOUR)) == last
    with database.read() as connection:
        found = [each for each in records.history(connection, "night") if each.status == "missed"]
    assert [(each.note, (each.scheduled_at - START) / HOUR) for each in found] == [(note, 3 - len(last))]


@pytest.mark.parametrize(("overlap", "claimed"), [("skip", []), ("wait", [2])])
def test_a_time_whose_run_before_goes_on(
    project: Project, database: Database, overlap: str, claimed: list[float]
) -> None:
    claiming = _at_work(_change(project, overlap=f'"{overlap}"'), START)
    (before,) = claiming.claim(START + HOUR)
    assert _hours(claiming.claim(START + 2 * HOUR)) == claimed
    with database.write() as connection:
        assert records.change(connection, before, status="finished")
        for each in records.open_times(connection, "night"):
            assert records.change(connection, each, status="finished")
    assert _hours(claiming.claim(START + 3 * HOUR)) == [3]
    assert dict(_rows(database))[2] == ("finished" if claimed else "skipped")


def test_a_clock_that_was_wrong_for_a_while_costs_nothing(project: Project, database: Database) -> None:
    claiming = _at_work(project, START)
    assert _hours(claiming.claim(START + 2 * HOUR)) == [1, 2]
    assert claiming.claim(START + HOUR) == []  # an hour back: it has been there
    assert claiming.claim(START + 2 * HOUR) == []
    ahead = START + 24 * 365 * HOUR
    assert len(claiming.claim(ahead)) == 24  # the last of a year that never was
    assert _hours(claiming.claim(START + 3 * HOUR)) == [3]
    assert _hours(_at_work(project, START + 4 * HOUR, "ben").claim(START + 4 * HOUR)) == [4]


def test_a_schedule_that_is_not_enabled_or_gone_claims_nothing(project: Project) -> None:
    claiming = _at_work(project, START)
    claiming.load(_change(project, enabled="false"), START)
    assert (claiming.next_look, claiming.claim(START + 5 * HOUR)) == (None, [])


@pytest.fixture
def written(tmp_path: Path) -> tuple[Project, datetime]:
    """A project with a dataset that a finished run has written, and when that was."""
    project = make_project(tmp_path / "fresh", {"gather": []})
    with (project.root / "workbench.toml").open("a") as file:
        file.write(
            _schedules(fresh='{ dataset = "numbers", within = "26h" }').replace('cron = "0 * * * *"\n', "")
        )
    origin = Origin(run_id=leave_run(project, "gather", days_ago=0), phase="gather")
    version = Tables(project.data_uri).write("numbers", pd.DataFrame({"x": [1]}), origin=origin)
    return open_project(project.root), datetime.fromisoformat(version.written_at)


def test_a_dataset_is_due_once_each_time_it_gets_too_old(written: tuple[Project, datetime]) -> None:
    project, at = written
    fresh = FreshConfig.model_validate({"dataset": "numbers", "within": "26h"})

    def due(hours: float) -> datetime | None:
        return freshness.due_since(project, fresh, at + hours * HOUR)

    assert [due(1), due(25.9), due(26), due(51), due(53)] == [
        *(None, None),
        *(at + 26 * HOUR, at + 26 * HOUR, at + 52 * HOUR),
    ]
    absent = FreshConfig.model_validate({"dataset": "others", "within": "26h"})
    assert freshness.due_since(project, absent, at) is not None
    claiming = _at_work(project, at)
    assert claiming.claim(at + 25 * HOUR) == []
    (claimed,) = claiming.claim(at + 27 * HOUR)
    assert claimed.scheduled_at == at + 26 * HOUR
    assert claiming.claim(at + 28 * HOUR) == []
    assert _at_work(project, at + 28 * HOUR, "ben").claim(at + 28 * HOUR) == []


def _taken_over(
    project: Project, database: Database, holder: Holder, clock: SimulatedClock
) -> list[ScheduledTime]:
    return taking_over.taken_over(
        project, database, holder, clock, in_hand=(), notify=lambda *_: None, say=lambda _: None
    )


def test_what_a_scheduler_elsewhere_left_is_taken_over_when_its_lease_is_over(
    project: Project, database: Database
) -> None:
    clock = SimulatedClock(START)
    lease = leases.take(database, f"scheduler {ELSEWHERE}", ELSEWHERE, 60, clock)
    (left,) = _at_work(project, START, ELSEWHERE).claim(START + HOUR)
    holder = Holder(database, clock)
    assert _taken_over(project, database, holder, clock) == []
    clock.time += timedelta(seconds=59)
    assert _taken_over(project, database, holder, clock) == []
    clock.time += timedelta(seconds=2)
    (mine,) = _taken_over(project, database, holder, clock)
    assert (mine.id, mine.claimed_by, mine.status) == (left.id, holder.name, "claimed")
    assert lease is not None


def test_a_scheduler_that_something_keeps_busy_is_there_for_those_elsewhere_until_it_leaves(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "_LEASE_SECONDS", 0.04)
    clock = SimulatedClock(START)
    holder = Holder(database, clock)
    holder.keep()
    clock.time += HOUR  # and nothing calls it meanwhile
    name = f"scheduler {holder.name}"
    until(lambda: (found := leases.find(database, name)) is not None and found.held(clock.now()))
    holder.leave()
    assert leases.find(database, name) is None


def test_a_scheduler_here_is_there_as_long_as_its_process(database: Database) -> None:
    clock = SimulatedClock(START)
    holder = Holder(database, clock)
    host, number, began = holder.name.rsplit(":", 2)
    assert holder.sees(holder.name)
    for gone in (f"{host}:{number}:{int(began) + 1}", f"{host}:999999999:0", "", "nobody in particular"):
        assert not holder.sees(gone)


def test_a_failure_is_tried_again_by_one_when_its_time_has_come(project: Project, database: Database) -> None:
    (claimed,) = _at_work(project, START).claim(START + HOUR)
    again = START + 2 * HOUR
    with database.write() as connection:
        assert records.change(connection, claimed, status="failed", ended_at=START, next_try=again)
    assert taking_over.retried(project, database, "ben", again - timedelta(seconds=1)) == []
    (retried,) = taking_over.retried(project, database, "ben", again)
    assert (retried.attempt, retried.claimed_by, retried.status, retried.next_try) == (
        2,
        "ben",
        "claimed",
        None,
    )
    assert taking_over.retried(project, database, "cem", again) == []


@pytest.mark.parametrize(("overlap", "claimed"), [("skip", []), ("wait", [1])])
def test_what_is_tried_again_while_a_later_time_goes_on(
    project: Project, database: Database, overlap: str, claimed: list[float]
) -> None:
    claiming = _at_work(_change(project, overlap=f'"{overlap}"'), START)
    (failed,) = claiming.claim(START + HOUR)
    with database.write() as connection:
        assert records.change(connection, failed, status="failed", next_try=START + 2 * HOUR)
    (later,) = claiming.claim(START + 2 * HOUR)
    now = START + 2.5 * HOUR
    changed = open_project(project.root)
    assert _hours(taking_over.retried(changed, database, "ben", now)) == claimed
    with database.write() as connection:
        assert records.change(connection, later, status="finished")
    assert claimed or _hours(taking_over.retried(changed, database, "ben", now)) == [1]
