"""What a world's process does: ``python -m workbench.monitoring.backtest TASK``."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from threadpoolctl import threadpool_limits

from workbench.errors import WorkbenchError
from workbench.monitoring.backtest.beginning import First
from workbench.monitoring.backtest.events import events_of
from workbench.monitoring.backtest.hindsight import Hindsight
from workbench.monitoring.backtest.outcome import PolicyOutcome
from workbench.monitoring.backtest.process import Step, Task
from workbench.monitoring.backtest.stepping import Life
from workbench.monitoring.backtest.trainings import Trainings
from workbench.monitoring.backtest.worlds import Place
from workbench.project import open_project


def main(path: Path) -> int:
    """Live through a world, tell of each step on standard output, and leave what came of it."""
    told = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # what libraries print is no step
    task = Task.read(path)
    try:
        with threadpool_limits(limits=1):
            task.keep(_outcome(task, lambda step: print(step.to_line(), file=told)))
    except WorkbenchError as error:
        print(json.dumps({"failed": error.message}), file=told)
        raise
    return 0


def _outcome(task: Task, tell: Callable[[Step], None]) -> PolicyOutcome:
    begun = time.monotonic()
    place = Place.of(open_project(task.project), task.name)
    world, trainings = place.make(task.policy), Trainings(place.shared)
    with Life.begun(world, task.plan, First.of(place.project, task.plan), trainings) as life:
        steps = life.history.steps(task.plan)
        for number, step in enumerate(steps, start=1):
            life.ask(step)
            tell(Step(task.plan.day_of(step.start), number, len(steps), life.decide(step)))
    lived = life.lived()
    hindsight = Hindsight(place.project, world.project, task.plan, lived)
    events = events_of(world.project, lived, hindsight)
    alone = time.monotonic() - begun - trainings.elapsed
    return PolicyOutcome(
        policy=task.policy.name,
        about=task.policy.about,
        settings=dict(task.policy.settings),
        first_version_note=lived.first,
        days=hindsight.days(),
        spans=hindsight.spans(),
        events=events,
        trainings=sum(event.kind == "retrained" for event in events),
        seconds=round(alone + trainings.seconds, 1),
        unknown=hindsight.unknown(),
    )


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
