"""Policy backtests: ``make bench ARGS="backtest --only year,step"``."""

from __future__ import annotations

import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil
from threadpoolctl import threadpool_limits

from tests.benchmarks.execution.place import place
from tests.benchmarks.execution.table import Goal, Row, Table
from tests.benchmarks.measure import run as command
from tests.unit.monitoring.backtest import orders
from workbench.execution.agent import client
from workbench.monitoring.backtest import USUAL, find, run, vary
from workbench.monitoring.backtest.beginning import First
from workbench.monitoring.backtest.history import plan_of
from workbench.monitoring.backtest.stepping import Life
from workbench.monitoring.backtest.trainings import Trainings
from workbench.monitoring.backtest.worlds import Place
from workbench.project import Project, open_project

__all__ = ["MEASURES", "main"]

_DAYS, _TEN_YEARS = (90, 180, 365), 3650
_A_DAY = 40
# Once the world has turned, all of them have retrained.
_AFTER_TURN = date(2026, 2, 28)
_SAMPLE_SECONDS = 1.0
_MIB = 2**20


def main(repeats: int, only: Sequence[str] = (), *, fast: bool = False) -> None:
    """Print a table for each measure; they share what takes long to make."""
    with place(started=False) as scratch:  # each project starts one of its own
        for name in only or MEASURES:
            print(MEASURES[name](_Measure(scratch, repeats, fast)), flush=True)


@dataclass(frozen=True)
class _Measure:
    """Where something is measured, and how often."""

    scratch: Path
    repeats: int
    fast: bool

    @cached_property
    def flights(self) -> Project:
        """The flights project, prepared; made once."""
        root = self.scratch / "flights"
        if not root.exists():
            workbench = [sys.executable, "-m", "workbench"]
            command([*workbench, "init", str(root), "--template", "flights"], self.scratch)
            command([*workbench, "run", "gather", "prepare"], root)
        return open_project(root)


def _year(at: _Measure) -> Table:
    """Four policies over a year of flights, a day at a time."""
    seconds, memory, told = [], [], ""
    project = at.flights
    for _ in range(at.repeats):
        with _peak_memory() as peak:
            started = time.perf_counter()
            found = run(project, USUAL, again=True)
            seconds.append(time.perf_counter() - started)
        memory.append(peak[0] / _MIB)
        told = ", ".join(f"{each.policy}: {each.trainings} retrainings" for each in found.policies)
    rows = [
        Row("four policies", seconds, goal=Goal(most=360), digits=0),
        Row("memory of all processes", memory, goal=Goal(most=3 * 1024), unit="MiB", digits=0),
    ]
    return Table(f"flights, {found.began} to {found.until} by day, {at.repeats} times", rows, [told])


def _step(at: _Measure) -> Table:
    """What a day without a retraining takes, beside the scoring itself."""
    scoring, beside = _days(at.flights, "never")
    ordinary = sorted(beside)[: len(beside) * 9 // 10]
    rows = [
        Row("scoring and its log", scoring, unit="ms", digits=1),
        Row("all the rest of a day", beside, goal=Goal(most=50), unit="ms", digits=1),
        Row("… the mean, ends of months included", [statistics.mean(beside)], unit="ms", digits=1),
        Row("… of the nine in ten that took least", [statistics.mean(ordinary)], unit="ms", digits=1),
    ]
    return Table(f"{len(beside)} days of flights, none with a retraining", rows)


def _history(at: _Measure) -> Table:
    """How a day's step grows with the days before it: one life of many years, looked at as it goes on."""
    days = 2 * _DAYS[-1] if at.fast else _TEN_YEARS
    shop = orders.make_shop(at.scratch / "long", orders.orders(days, _A_DAY))
    scoring, beside = _days(shop, "never", days)
    total = [one + other for one, other in zip(scoring, beside, strict=True)]
    weeks = [sum(total[first : first + 7]) / 7 for first in range(0, len(total) - 6, 7)]
    quarter = weeks[: _DAYS[0] // 7]
    about: dict[str, Any] = {"unit": "ms a day", "digits": 1}
    rows = [
        Row("the first 3 months", quarter, **about),
        Row("the first 6 months", weeks[: _DAYS[1] // 7], quarter, **about),
        Row("the first year", weeks[: _DAYS[2] // 7], quarter, goal=Goal(longer=1.25), **about),
        Row(f"{days // 365} years", weeks, quarter, **about),
        Row("… the last of them", weeks[-(_DAYS[2] // 7) :], quarter, **about),
    ]
    told = [
        f"all of it: {sum(total) / 1000:,.0f} s; in proportion to the first year: "
        f"{sum(total[: _DAYS[2]]) * len(total) / _DAYS[2] / 1000:,.0f} s"
    ]
    return Table(f"{len(total):,} days, {_A_DAY} orders a day, a window each week, no retraining", rows, told)


def _variants(at: _Measure) -> Table:
    """Twenty-four variants of a policy at once, and one after the other, a thread each."""
    seconds: dict[int, list[float]] = {1: [], 2: []}
    shop = orders.make_shop(at.scratch / "shop", orders.orders())
    settings: dict[str, Sequence[Any]] = {
        "monitoring.performance_drop": [0.04, 0.06, 0.08, 0.1, 0.15, 0.2],
        # Varied last: neighbours do not wait for the same training.
        "retraining.training_days": [8, 10, 12, 14],
    }
    policies = vary(find(shop, ["performance"]), settings)
    policies = policies[:8] if at.fast else policies
    run(shop, policies[:1], name="before", until=_AFTER_TURN)  # so that there is an agent for either
    for number in range(at.repeats):
        for jobs in (1, 2) if number % 2 else (2, 1):
            started = time.perf_counter()
            found = run(shop, policies, until=_AFTER_TURN, jobs=jobs, again=True)
            seconds[jobs].append(time.perf_counter() - started)
    row = Row(f"{len(policies)} variants", seconds[2], seconds[1], goal=Goal(times=1.7), digits=0)
    told = [
        f"{len(found.policies[0].days)} days, {sum(each.trainings for each in found.policies)} retrainings"
    ]
    return Table("two at once against one after the other", [row], told)


def _days(project: Project, policy: str, days: int = 0) -> tuple[list[float], list[float]]:
    """Milliseconds of each day: of scoring, and of all else."""
    plan = plan_of(project)
    if days:
        plan = replace(plan, until=date.fromisoformat(orders.FIRST) + timedelta(days=days))
    where = Place.of(project, "days")
    where.prepare(again=False)
    world, trainings = where.make(find(project, [policy])[0]), Trainings(where.shared)
    scoring: list[float] = []
    beside: list[float] = []
    with threadpool_limits(limits=1), Life.begun(world, plan, First.of(project, plan), trainings) as life:
        for step in plan.steps():
            started = time.perf_counter()
            life.ask(step)
            between = time.perf_counter()
            life.decide(step)
            scoring.append(1000 * (between - started))
            beside.append(1000 * (time.perf_counter() - between))
    return scoring, beside


@contextmanager
def _peak_memory() -> Iterator[list[int]]:
    """Of all our processes, wherever they were forked: the peak of their proportional sizes, in bytes."""
    peak, over = [0], threading.Event()
    for agent in client.running(Path(os.environ["WORKBENCH_AGENT_DIR"])):  # of what was measured before
        client.ask(agent, "stop")

    def sample() -> None:
        while not over.wait(_SAMPLE_SECONDS):
            total = 0
            for process in psutil.process_iter(["name"]):
                if process.info["name"].startswith(("wb-", "python")):
                    with suppress(psutil.Error):
                        total += process.memory_full_info().pss
            peak[0] = max(peak[0], total)

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


MEASURES: dict[str, Callable[[_Measure], Table]] = {
    "year": _year,
    "step": _step,
    "history": _history,
    "variants": _variants,
}
