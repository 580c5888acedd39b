"""Policy backtests: ``make bench ARGS="backtest --only year,step"``."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import psutil
from threadpoolctl import threadpool_limits

from tests.benchmarks.execution.place import place
from tests.benchmarks.execution.table import Goal, Row, Table
from tests.benchmarks.measure import run as command
from tests.unit.monitoring.backtest import orders
from workbench.monitoring.backtest import USUAL, find, run, vary
from workbench.monitoring.backtest.beginning import First
from workbench.monitoring.backtest.history import plan_of
from workbench.monitoring.backtest.stepping import Life
from workbench.monitoring.backtest.trainings import Trainings
from workbench.monitoring.backtest.worlds import Place
from workbench.project import Project, open_project

__all__ = ["MEASURES", "main"]

_DAYS, _TEN_YEARS = (90, 180, 365), 3650
_A_DAY = 300
_SAMPLE_SECONDS = 1.0
_MIB = 2**20


def main(repeats: int, only: Sequence[str] = ()) -> None:
    """Print a table for each measure."""
    for name in only or MEASURES:
        print(MEASURES[name](repeats), flush=True)


def _year(repeats: int) -> Table:
    """Four policies over a year of flights, a day at a time."""
    seconds, memory, told = [], [], ""
    with place() as scratch:
        project = _flights(scratch)
        for _ in range(repeats):
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
    return Table(f"flights, {found.began} to {found.until} by day, {repeats} times", rows, [told])


def _step(repeats: int) -> Table:
    """What a day without a retraining takes, beside the scoring itself."""
    with place() as scratch:
        scoring, beside = _days(_flights(scratch), "never")
    rows = [
        Row("scoring and its log", scoring, unit="ms", digits=1),
        Row("all the rest of a day", beside, goal=Goal(most=50), unit="ms", digits=1),
    ]
    return Table(f"{len(beside)} days of flights, none with a retraining", rows)


def _history(repeats: int) -> Table:
    """How a day's step grows with the days before it."""
    rows = []
    with place() as scratch:
        for days in (*_DAYS, _TEN_YEARS):
            shop = orders.make_shop(scratch / f"shop-{days}", orders.orders(days, _A_DAY))
            scoring, beside = _days(shop, "never", days)
            total = [one + other for one, other in zip(scoring, beside, strict=True)]
            weeks = [sum(total[first : first + 7]) / 7 for first in range(0, len(total) - 7, 7)]
            rows.append(Row(f"{days} days", weeks, unit="ms a day", digits=1))
            rows.append(Row("… the last weeks of them", weeks[-8:], unit="ms a day", digits=1))
    return Table(f"{_A_DAY} orders a day, a window each week, no retraining", rows)


def _variants(repeats: int) -> Table:
    """Twenty-four variants of a policy at once, and one after the other, a thread each."""
    seconds: dict[int, list[float]] = {1: [], 2: []}
    with place() as scratch:
        shop = orders.make_shop(scratch / "shop", orders.orders())
        settings = {
            "retraining.training_days": [8, 10, 12, 14],
            "monitoring.performance_drop": [0.05, 0.1, 0.2],
        }
        policies = vary(find(shop, ["performance", "weekly"]), settings)
        for number in range(repeats):
            for jobs in (1, 2) if number % 2 else (2, 1):
                started = time.perf_counter()
                run(shop, policies, jobs=jobs, again=True)
                seconds[jobs].append(time.perf_counter() - started)
    row = Row(f"{len(policies)} variants", seconds[2], seconds[1], goal=Goal(times=1.7), digits=0)
    return Table("two at once against one after the other", [row])


def _flights(scratch: Path) -> Project:
    workbench = [sys.executable, "-m", "workbench"]
    command([*workbench, "init", str(scratch / "flights"), "--template", "flights"], scratch)
    command([*workbench, "run", "gather", "prepare"], scratch / "flights")
    return open_project(scratch / "flights")


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

    def sample() -> None:
        while not over.wait(_SAMPLE_SECONDS):
            total = 0
            for process in psutil.process_iter(["name"]):
                if process.info["name"].startswith(("wb-", "python")):
                    try:
                        total += process.memory_full_info().pss
                    except psutil.Error:
                        continue
            peak[0] = max(peak[0], total)

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


MEASURES: dict[str, Callable[[int], Table]] = {
    "year": _year,
    "step": _step,
    "history": _history,
    "variants": _variants,
}
