"""What the processes of a race do; imported by name where they start."""

from __future__ import annotations

import multiprocessing
import queue
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from workbench.errors import AliasMoved, PromotionRefused
from workbench.project import Project, open_project

_MOVES = 20
_PROMOTIONS = 9


def all_at_once(
    connection: Connection, target: Callable[..., None], root: str, racers: Sequence[int], more: Sequence[Any]
) -> None:
    """Fork a process for each racer; send what they tell, and how each ended."""
    context = multiprocessing.get_context("fork")
    gate, results = context.Barrier(len(racers), timeout=120), context.Queue()
    started = [context.Process(target=target, args=(root, gate, results, racer, *more)) for racer in racers]
    for process in started:
        process.start()
    found = []
    while len(found) < len(started) and not any(process.exitcode for process in started):
        with suppress(queue.Empty):
            found.append(results.get(timeout=0.5))
    patience = 60 if len(found) == len(started) else 0  # who waits for one that has failed waits for long
    for process in started:
        process.join(patience)
    exits = [process.exitcode for process in started]
    for process in started:
        process.kill()
    connection.send((found, exits))


def open_first(root: str, gate: Any, results: Any, version: int) -> None:
    """Be the first to open the database."""
    from workbench.store.database import open_database

    project = open_project(Path(root))
    gate.wait()
    open_database(project).close()
    results.put((version, "opened"))


def race(root: str, gate: Any, results: Any, version: int) -> None:
    """Try to be the first champion; then move the alias, then promote and roll back, again and again."""
    project = open_project(Path(root))
    first = _take_it(project, gate, version)
    gate.wait()
    moved = _often(project, _MOVES, lambda number: _move(project, version))
    gate.wait()
    promoted = _often(project, _PROMOTIONS, lambda number: _promote_or_roll_back(project, number, version))
    results.put((version, {"first": first, "moved": moved, "promoted": promoted}))


def race_often(root: str, gate: Any, results: Any, racer: int, rounds: int) -> None:
    """Promote any of three versions, and roll back every third time; what became of each attempt."""
    project = open_project(Path(root))
    chance = random.Random(racer)
    gate.wait()
    done = _often(
        project, rounds, lambda number: _promote_or_roll_back(project, number, chance.randint(1, 3))
    )
    results.put((racer, done))


def _take_it(project: Project, gate: Any, version: int) -> str:
    """Both have read that there is no champion; what this one is told, nothing if it wins."""
    from workbench.registry import aliases

    present = aliases.current(project, "champion")
    gate.wait()
    try:
        aliases.set_alias(project, "champion", version, expected_from=present, reason="mine")
    except AliasMoved as error:
        return error.message
    return ""


def _move(project: Project, version: int) -> None:
    from workbench.registry import aliases

    present = aliases.current(project, "champion")
    aliases.set_alias(project, "champion", version, expected_from=present, reason=f"moved to v{version}")


def _promote_or_roll_back(project: Project, number: int, version: int) -> None:
    from workbench.registry import promotion

    if number % 3 == 2:
        promotion.rollback(project, reason=f"rolled back by v{version}")
    else:
        promotion.promote(project, version, reason=f"promoted v{version}")


def _often(project: Project, rounds: int, once: Callable[[int], None]) -> int:
    """How many of so many rounds were not refused."""
    done = 0
    for number in range(rounds):
        try:
            once(number)
            done += 1
        except (AliasMoved, PromotionRefused):
            continue
    return done
