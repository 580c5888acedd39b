"""How a pipeline run goes on: what is ready, what was cancelled, what is handed on.

Phases that do not need each other run at the same time, as far as the executor has room. Room is counted
within this pipeline run only: a notebook that runs others waits for them without holding anything that
they wait for, so it cannot block itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

from workbench.config import PhaseConfig
from workbench.execution import plan
from workbench.execution.jobs import Executor, Job
from workbench.execution.local import LocalExecutor
from workbench.execution.parent import Parent
from workbench.execution.progress import OneAtATime, PhaseResult, PipelineResult, Progress
from workbench.execution.runner import Outcome
from workbench.project import Project
from workbench.store import trouble
from workbench.tracking import runs
from workbench.tracking.context import RunContext
from workbench.tracking.inputs import Now

__all__ = ["OVER", "PipelineRun"]

#: With these a phase has what later ones need.
OVER = ("finished", "up_to_date")


class PipelineRun:
    """One pipeline run. The main thread decides and waits; phases run where the executor has them run.

    Parameters
    ----------
    within : RunContext, optional
        Of the notebook that runs it; all of it runs then, and nobody reads by default what it writes.
    """

    def __init__(
        self,
        project: Project,
        phases: Mapping[str, PhaseConfig],
        parameters: Mapping[str, Mapping[str, Any]],
        progress: Progress,
        *,
        within: RunContext | None = None,
        forced: frozenset[str] = frozenset(),
        adhoc: bool = False,
    ) -> None:
        self._project, self._phases, self._parameters = project, phases, parameters
        self._progress = OneAtATime(progress)
        self._within, self._forced, self._adhoc = within, forced, adhoc
        self._now = Now(project)
        if within is not None:
            self._now = Now(project, dict(within.inputs), dict(within.models), dict(within.facts))
        given = {name: value for each in parameters.values() for name, value in each.items()}
        self._parent = Parent(project, runs.PIPELINE, given, within=within)
        cores = within.cores if within is not None else None
        self._executor: Executor = LocalExecutor(project, self._progress, cores=cores)
        self._cores = cores or self._executor.cores
        self._why: dict[str, str] = {}
        self._results: dict[str, PhaseResult] = {}
        self._cancelled = threading.Event()
        self.outcomes: list[Outcome] = []

    def run(self) -> PipelineResult:
        """Until every phase has a result."""
        started = time.monotonic()
        status: Any = "failed"
        try:
            self._go()
            status = self._status()
        except KeyboardInterrupt:
            status = "killed"
            raise
        finally:
            self._parent.close(status)
        ordered = tuple(self._results[name] for name in self._phases)
        return PipelineResult(
            self._parent.run_id, status, ordered, dict(self._now.facts), round(time.monotonic() - started, 3)
        )

    def _status(self) -> str:
        found = {result.status for result in self._results.values()}
        if self._cancelled.is_set() or "killed" in found:
            return "killed"
        return "failed" if found - set(OVER) else "finished"

    def _go(self) -> None:
        waiting = list(self._phases)
        futures: dict[Future[Outcome], str] = {}
        problem: Exception | None = None
        try:
            while waiting or futures:
                try:
                    problem = self._start(waiting, futures) or problem
                    for future in wait(futures, return_when=FIRST_COMPLETED).done:
                        problem = self._settle(futures.pop(future), future) or problem
                except KeyboardInterrupt:
                    self._cancel()
                except BaseException:
                    self._cancel()
                    raise
        finally:
            self._executor.close()
        if problem is not None:
            raise trouble.in_words(problem, self._project.state) or problem

    def _ready(self, waiting: list[str], running: Iterable[str]) -> Iterable[str]:
        """Phases that start now; those that need not run are settled, and leave ``waiting``, on the way."""
        for name in list(waiting):
            phase = self._phases[name]
            if set(phase.needs) & {*waiting, *running}:
                continue
            if self._settled(name):
                waiting.remove(name)
            elif self._executor.has_room(phase):
                yield name

    def _settled(self, name: str) -> bool:
        """Whether a phase has its result without running: up to date, or not to be started any more."""
        needs = [need for need in self._phases[name].needs if need in self._results]
        broken = [need for need in needs if self._results[need].status not in OVER]
        if self._cancelled.is_set() or broken:
            why = f"it needs {broken[0]}, which did not finish" if broken else "interrupted"
            self._end(PhaseResult(name, "skipped", why=why))
            return True
        if name in self._why:  # it was judged before, and waits for room
            return False
        self._why[name] = ""
        if self._within is not None or self._adhoc:
            return False
        step = plan.judge(self._project, name, self._parameters[name], self._now, force=name in self._forced)
        if step.verdict == "run" or step.manifest is None:
            self._why[name] = plan.in_words(step)
            return False
        self._now.hand_on(step.manifest)
        self._end(PhaseResult(name, "up_to_date", step.manifest.run_id, report=str(step.report)))
        return True

    def _start(self, waiting: list[str], futures: dict[Future[Outcome], str]) -> Exception | None:
        """Submit what is ready; the exception when the run that all are children of cannot be opened."""
        problem = None
        for name in self._ready(waiting, futures.values()):
            try:
                futures[self._executor.submit(self._job(name))] = name
            except Exception as error:
                problem = self._broken(name, error)
            waiting.remove(name)
        return problem

    def _job(self, name: str) -> Job:
        within, phase = self._within, self._phases[name]
        return Job(
            name,
            phase,
            self._parameters[name],
            self._parent.open(),
            default=within is None and not self._adhoc,
            adhoc=self._adhoc,
            cores=min(phase.cores, self._cores),
            inputs=dict(self._now.datasets),
            models=dict(self._now.models),
            facts=dict(self._now.facts),
            within=within,
        )

    def _settle(self, name: str, future: Future[Outcome]) -> Exception | None:
        """Take a job's outcome; the exception if there is none, which is a fault of ours or of a store."""
        error = future.exception()
        if error is not None:
            return self._broken(name, error)
        outcome = future.result()
        self.outcomes.append(outcome)
        manifest = outcome.manifest
        if manifest.status == "finished":
            self._now.hand_on(manifest)
        self._now.forget()
        self._end(
            PhaseResult(
                phase=name,
                status=manifest.status,
                run_id=manifest.run_id,
                seconds=round(manifest.seconds, 3),
                report=str(outcome.report),
                why=manifest.error.message if manifest.error else self._why[name],
            )
        )
        return None

    def _broken(self, name: str, error: BaseException) -> Exception:
        plain = trouble.in_words(error, self._project.state)
        self._end(PhaseResult(name, "failed", why=str(plain or f"{type(error).__name__}: {error}")))
        if not isinstance(error, Exception):
            raise error
        return error

    def _end(self, result: PhaseResult) -> None:
        self._results[result.phase] = result
        self._progress.phase_ended(result)

    def _cancel(self) -> None:
        """Start nothing more, and end what runs."""
        self._cancelled.set()
        self._executor.cancel()
