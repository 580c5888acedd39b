"""What the schedulers of a race do; imported by name where they start."""

from __future__ import annotations

import random
import signal
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from workbench.execution.schedule import ending, records, taking_over
from workbench.execution.schedule.claiming import Claiming
from workbench.execution.schedule.ending import Failure
from workbench.execution.schedule.holding import Holder
from workbench.execution.schedule.jobs import Outcome
from workbench.execution.schedule.records import ScheduledTime
from workbench.execution.schedule.times import next_time
from workbench.project import Project, open_project
from workbench.store.clock import SimulatedClock
from workbench.store.database import Database, open_database

__all__ = ["DAYS", "ZONES", "claim_all", "declared", "expected", "run_and_die"]

DAYS = 32
ZONES = ("America/New_York", "Europe/Berlin", "Australia/Sydney")
_HOUR = timedelta(hours=1)


def declared(*crons: str) -> str:
    """Each expression in each zone; nothing is ever left out."""
    return "".join(
        f'[[schedules]]\nname = "s{number}-{zone.partition("/")[2].lower().replace("_", "-")}"\n'
        f'cron = "{cron}"\ntimezone = "{zone}"\nphases = ["gather"]\nmissed = "all"\nmost = 1000\n'
        'overlap = "wait"\ncode = "following"\non_failure = { retries = 20, delay = "1 s", notify = [] }\n'
        for number, cron in enumerate(crons)
        for zone in ZONES
    )


def expected(project: Project, start: datetime, racers: int) -> set[tuple[str, datetime]]:
    """Every scheduled time after the earliest that any clock showed.

    But for the one before the schedule was first seen: that stands on record, and is nobody's.
    """
    earliest = min(now for racer in range(racers) for now in (start, *_set_clock(start, racer)))
    found: set[tuple[str, datetime]] = set()
    for schedule in project.config.schedules:
        times, end = [next_time(schedule, earliest)], start + timedelta(days=DAYS)
        while times[-1] <= end:
            times.append(next_time(schedule, times[-1]))
        before = max((each for each in times if each <= start), default=None)
        found |= {(schedule.name, each) for each in times[:-1] if each != before}
    return found


def claim_all(root: str, gate: Any, results: Any, racer: int, start: datetime) -> None:
    """Claim what comes, by a clock that somebody keeps setting; what this one got."""
    project = open_project(Path(root))
    claiming = Claiming(project, open_database(project), f"racer-{racer}")
    claiming.load(project, start)
    gate.wait()
    mine = [each for now in _set_clock(start, racer) for each in claiming.claim(now)]
    results.put((racer, [(each.schedule, each.scheduled_at) for each in mine]))


def _set_clock(start: datetime, seed: int) -> Iterator[datetime]:
    """Steps of minutes, hours and a day, an hour back now and then, and once a sleep of seven days."""
    chance, now, end = random.Random(seed), start, start + timedelta(days=DAYS)
    asleep = start + timedelta(days=chance.uniform(1, DAYS - 8))
    while now < end:
        before, now = now, now + chance.choice([_HOUR / 4, 5 * _HOUR, 12 * _HOUR, 24 * _HOUR])
        if before < asleep <= now:
            now += timedelta(days=7)
        yield min(now, end)
        if chance.random() < 0.2:
            now -= _HOUR
            yield min(now, end)


def run_and_die(root: str, racer: int, start: datetime, dies_after: float) -> None:
    """Claim, run and end what comes, and what others have left; be killed after so many seconds."""
    signal.setitimer(signal.ITIMER_REAL, dies_after)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    project = open_project(Path(root))
    database, clock = open_database(project), SimulatedClock(start)
    holder = Holder(database, clock)
    claiming = Claiming(project, database, holder.name)
    claiming.load(project, start)
    for now in _set_clock(start, racer):
        clock.time = now
        _work(project, database, clock, holder, claiming)
    clock.time += timedelta(minutes=1)
    while _left(project, database):
        _work(project, database, clock, holder, claiming)
        clock.time += timedelta(seconds=1)
    holder.leave()


def _left(project: Project, database: Database) -> bool:
    with database.read() as connection:
        later = datetime.max.replace(tzinfo=UTC)
        return bool(
            records.open_times(connection, project.name) or records.to_retry(connection, project.name, later)
        )


def _work(
    project: Project, database: Database, clock: SimulatedClock, holder: Holder, claiming: Claiming
) -> None:
    holder.keep()
    held = [
        *claiming.claim(clock.time),
        *taking_over.retried(project, database, holder.name, clock.time),
    ]
    held += taking_over.taken_over(
        project,
        database,
        holder,
        clock,
        in_hand={each.id for each in held},
        notify=_silent,
        say=lambda _: None,
    )
    for time in held:
        _run(project, database, clock, time)


def _run(project: Project, database: Database, clock: SimulatedClock, time: ScheduledTime) -> None:
    """A run that does one thing: it adds a line to a file."""
    with database.write() as connection:
        running = records.change(connection, time, status="running")
    if running is None:
        return
    with open(project.state / "done.txt", "a") as done:
        done.write(f"{time.mark}\n")
    schedule = next(each for each in project.config.schedules if each.name == time.schedule)
    with suppress(KeyError):
        ending.finish(
            project,
            database,
            running,
            Outcome("finished"),
            schedule.on_failure,
            now=clock.time,
            notify=_silent,
        )


def _silent(_channel: str, _failure: Failure) -> None: ...
