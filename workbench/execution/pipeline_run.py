"""How a pipeline run goes on: what is ready, what fits, what was cancelled, what is handed on.

Phases that do not need each other run at the same time, each in a thread that minds one kernel. What a
phase takes (``cores``, ``memory``) is counted within this pipeline run only: a notebook that runs others
waits for them without holding anything that they wait for, so it cannot block itself.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psutil

from workbench.config import PhaseConfig
from workbench.execution import plan, publish
from workbench.execution.progress import OneAtATime, PhaseResult, PipelineResult, Progress
from workbench.execution.runner import Outcome, PhaseRun
from workbench.project import Project
from workbench.store import trouble
from workbench.tracking import runs, work
from workbench.tracking.context import RunContext
from workbench.tracking.inputs import Now
from workbench.tracking.reports import Manifest

__all__ = ["OVER", "PipelineRun"]

_LOG = logging.getLogger("workbench")

#: With these a phase has what later ones need.
OVER = ("finished", "up_to_date")


@dataclass
class _Room:
    """What of the machine is free for phases of one pipeline run."""

    cores: int
    memory: int
    taken: dict[str, tuple[int, int]] = field(default_factory=dict)

    def take(self, name: str, phase: PhaseConfig) -> bool:
        """Take what a phase needs; one that needs more than there is gets all, when nobody else runs."""
        cores, memory = min(phase.cores, self.cores), min(int(phase.memory or 0), self.memory)
        in_use = [sum(each) for each in zip(*self.taken.values(), strict=True)] or [0, 0]
        if in_use[0] + cores > self.cores or in_use[1] + memory > self.memory:
            return False
        self.taken[name] = (cores, memory)
        return True

    def free(self, name: str) -> None:
        self.taken.pop(name, None)


class PipelineRun:
    """One pipeline run. The main thread decides and waits; each phase that runs has a thread of its own."""

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
        self._room = _room(project, within)
        self._why: dict[str, str] = {}
        self._results: dict[str, PhaseResult] = {}
        self._running: dict[str, PhaseRun] = {}
        self._cancelled = threading.Event()
        self._opening = threading.Lock()
        self._run_id = ""
        self._held: work.Work | None = None
        self._not_opened: Exception | None = None
        self.outcomes: list[Outcome] = []

    def run(self) -> PipelineResult:
        """Until every phase has a result."""
        started = time.monotonic()
        status: Any = "failed"
        try:
            self._go()
            status = self._status()
        finally:
            if self._held is not None:
                self._close(self._held, status)
        ordered = tuple(self._results[name] for name in self._phases)
        return PipelineResult(
            self._run_id, status, ordered, dict(self._now.facts), round(time.monotonic() - started, 3)
        )

    def _close(self, held: work.Work, status: str) -> None:
        """End MLflow's run; the next command does when the store is away."""
        with suppress(OSError):
            held.note_end(status)
        try:
            if self._run_id:
                runs.end(self._project, self._run_id, status)
                held.release()
        except Exception:
            _LOG.debug("pipeline run %s: its end was not told", self._run_id[:8], exc_info=True)
        finally:
            held.leave()

    def _status(self) -> str:
        found = {result.status for result in self._results.values()}
        if self._cancelled.is_set() or "killed" in found:
            return "killed"
        return "failed" if found - set(OVER) else "finished"

    def _go(self) -> None:
        waiting = list(self._phases)
        futures: dict[Future[PhaseResult], str] = {}
        problem: Exception | None = None
        with ThreadPoolExecutor(len(waiting), thread_name_prefix="phase") as pool:
            while waiting or futures:
                try:
                    for name in self._ready(waiting, futures.values()):
                        waiting.remove(name)
                        futures[pool.submit(self._attempts, name)] = name
                    for future in wait(futures, return_when=FIRST_COMPLETED).done:
                        name = futures.pop(future)
                        self._room.free(name)
                        problem = self._settle(name, future) or problem
                except KeyboardInterrupt:
                    self._cancel()
                except BaseException:
                    self._cancel()
                    raise
        if problem is not None:
            raise trouble.in_words(problem, self._project.state) or problem

    def _ready(self, waiting: list[str], running: Iterable[str]) -> Iterable[str]:
        """Phases that start now; those that need not run are settled, and leave ``waiting``, on the way."""
        for name in list(waiting):
            phase = self._phases[name]
            if set(phase.needs) & {*waiting, *running}:
                continue
            if name not in self._why and self._settled(name):
                waiting.remove(name)
            elif self._room.take(name, phase):
                yield name

    def _settled(self, name: str) -> bool:
        """Whether a phase has its result without running: up to date, or not to be started any more."""
        needs = [need for need in self._phases[name].needs if need in self._results]
        broken = [need for need in needs if self._results[need].status not in OVER]
        if self._cancelled.is_set() or broken:
            why = f"it needs {broken[0]}, which did not finish" if broken else "interrupted"
            self._end(PhaseResult(name, "skipped", why=why))
            return True
        self._why[name] = ""
        if self._within is not None or self._adhoc:
            return False
        step = plan.judge(self._project, name, self._parameters[name], self._now, force=name in self._forced)
        if step.verdict == "run" or step.manifest is None:
            self._why[name] = plan.in_words(step)
            return False
        self._hand_on(step.manifest)
        self._end(PhaseResult(name, "up_to_date", step.manifest.run_id, report=str(step.report)))
        return True

    def _attempts(self, name: str) -> PhaseResult:
        """Run a phase, again if it may be; in a thread of its own."""
        phase = self._phases[name]
        pause = phase.retry_delay.total_seconds()
        for attempt in range(1, phase.retries + 2):
            outcome = self._attempt(name, attempt)
            manifest = outcome.manifest
            if manifest.status != "failed" or attempt > phase.retries or self._cancelled.is_set():
                break
            assert manifest.error is not None
            self._progress.said(
                name,
                f"{manifest.error.message}; attempt {attempt} of {phase.retries + 1}, again in {pause:g} s",
            )
            if self._cancelled.wait(pause):
                break
            pause *= 2
        self.outcomes.append(outcome)
        if outcome.undelivered:
            self._progress.said(
                name, f"the tracking store was not told ({outcome.undelivered}); the next command tries again"
            )
        return PhaseResult(
            phase=name,
            status=manifest.status,
            run_id=manifest.run_id,
            seconds=round(manifest.seconds, 3),
            report=str(outcome.report),
            why=manifest.error.message if manifest.error else self._why[name],
        )

    def _attempt(self, name: str, attempt: int) -> Outcome:
        context, held = self._open(name)
        try:
            started = PhaseRun(
                self._project,
                context,
                self._phases[name],
                self._parameters[name],
                self._progress,
                attempt=attempt,
            )
            self._running[name] = started
            if self._cancelled.is_set():
                started.cancel()
            outcome = started.run()
        except Exception:
            with suppress(Exception):
                runs.end(self._project, context.run_id, "failed")
            held.leave()  # with as much of a report as there is: the next command publishes that
            raise
        finally:
            self._running.pop(name, None)
        if outcome.undelivered and not publish.is_noted(self._project, context.run_id):
            held.leave()  # the next command finds the report, and tells the store
        else:
            held.release()
        return outcome

    def _open(self, name: str) -> tuple[RunContext, work.Work]:
        """Open a run of a phase, with a scratch folder that tells others that somebody is at it."""
        within, project = self._within, self._project
        draft = within is not None and within.draft
        parent = self._parent()
        held = work.claim(project, name)
        try:
            run_id = runs.start(
                project,
                name,
                draft=draft,
                parent=parent,
                params=dict(self._parameters[name]),
                token=held.token,
            )
            return self._context(name, run_id, parent, held), held
        except BaseException:
            held.leave()
            raise

    def _context(self, name: str, run_id: str, parent: str, held: work.Work) -> RunContext:
        within, project = self._within, self._project
        draft = within is not None and within.draft
        context = RunContext(
            project_root=project.root,
            phase=name,
            run_id=run_id,
            pipeline_run_id=parent,
            draft=draft,
            default=within is None and not self._adhoc,
            adhoc=self._adhoc,
            cores=min(self._phases[name].cores, self._room.cores),
            data_root=within.data_root if within and draft else project.data_uri,
            database=project.database_url,
            folder=within.folder / f"{name}-{run_id[:8]}" if within and draft else held.folder,
            notebook=self._phases[name].notebook,
            parameters=dict(self._parameters[name]),
            inputs=dict(self._now.datasets),
            models=dict(self._now.models),
            facts=dict(self._now.facts),
        )
        context.save()
        if context.folder != held.folder:
            context.save(held.folder)
        return context

    def _parent(self) -> str:
        """The pipeline run's own id; it is opened when the first phase has to run."""
        with self._opening:
            if self._not_opened is not None:
                raise self._not_opened  # each phase would wait for the store in vain
            if not self._run_id:
                within = self._within
                given = {name: value for each in self._parameters.values() for name, value in each.items()}
                draft = within is not None and within.draft
                self._held = self._held or work.claim(self._project, runs.PIPELINE)
                try:
                    self._run_id = runs.start(
                        self._project,
                        runs.PIPELINE,
                        draft=draft,
                        parent=within.run_id if within else "",
                        params=given,
                        token=self._held.token,
                    )
                except Exception as error:
                    self._not_opened = error
                    raise
                RunContext(
                    project_root=self._project.root,
                    phase=runs.PIPELINE,
                    run_id=self._run_id,
                    pipeline_run_id=self._run_id,
                    draft=draft,
                    data_root=self._project.data_uri,
                    folder=self._held.folder,
                ).save()
            return self._run_id

    def _settle(self, name: str, future: Future[PhaseResult]) -> Exception | None:
        """Take a thread's result; the exception if it raised one, which is a fault of ours or of a store."""
        error = future.exception()
        if error is not None:
            plain = trouble.in_words(error, self._project.state)
            self._end(PhaseResult(name, "failed", why=str(plain or f"{type(error).__name__}: {error}")))
            if not isinstance(error, Exception):
                raise error
            return error
        result = future.result()
        manifest = next(item.manifest for item in self.outcomes if item.manifest.run_id == result.run_id)
        if result.status == "finished":
            self._hand_on(manifest)
        self._now.forget()
        self._end(result)
        return None

    def _hand_on(self, manifest: Manifest) -> None:
        """What a finished phase wrote is what later phases of this pipeline run read."""
        self._now.datasets.update({item.name: item for item in manifest.writes})
        if manifest.models:
            self._now.models = {model.name: model for model in manifest.models}
        self._now.facts[manifest.phase] = dict(manifest.notes)

    def _end(self, result: PhaseResult) -> None:
        self._results[result.phase] = result
        self._progress.phase_ended(result)

    def _cancel(self) -> None:
        """Start nothing more, and end what runs."""
        self._cancelled.set()
        for running in list(self._running.values()):
            running.cancel()


def _room(project: Project, within: RunContext | None) -> _Room:
    """The declared limits, else the machine; a nested pipeline run has what its notebook declared."""
    execution = project.config.execution
    cores = within.cores if within is not None else execution.cores or os.cpu_count() or 1
    return _Room(cores, int(execution.memory or psutil.virtual_memory().total))
