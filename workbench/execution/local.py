"""The executor of this machine: a thread for each job, which minds one warm kernel."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

import psutil

from workbench.config import PhaseConfig
from workbench.execution import publish
from workbench.execution.jobs import Job
from workbench.execution.progress import Progress
from workbench.execution.runner import Outcome, PhaseRun
from workbench.project import Project
from workbench.tracking import runs, work
from workbench.tracking.context import RunContext

__all__ = ["LocalExecutor"]


class LocalExecutor:
    """Jobs side by side on this machine, within the cores and the memory that they say they take.

    Parameters
    ----------
    progress : Progress
        Told from the jobs' threads.
    cores, memory : int, optional
        What all jobs together may take; by default what ``[execution]`` says, else the machine's.
    """

    def __init__(
        self, project: Project, progress: Progress, *, cores: int | None = None, memory: int | None = None
    ) -> None:
        execution = project.config.execution
        self._cores = cores or execution.cores or os.cpu_count() or 1
        self._memory = memory or int(execution.memory or psutil.virtual_memory().total)
        self._project, self._progress = project, progress
        self._taken: dict[Future[Outcome], tuple[int, int]] = {}
        self._running: dict[int, PhaseRun] = {}
        self._cancelled = threading.Event()
        self._pool = ThreadPoolExecutor(4 * self._cores + 4, thread_name_prefix="job")

    @property
    def cores(self) -> int:
        return self._cores

    def has_room(self, phase: PhaseConfig) -> bool:
        """One that needs more than there is gets all, when nobody else runs."""
        cores, memory = self._needs(phase)
        taken = [needs for future, needs in list(self._taken.items()) if not future.done()]
        return (
            sum(each[0] for each in taken) + cores <= self.cores
            and sum(each[1] for each in taken) + memory <= self._memory
        )

    def _needs(self, phase: PhaseConfig) -> tuple[int, int]:
        return min(phase.cores, self.cores), min(int(phase.memory or 0), self._memory)

    def submit(self, job: Job) -> Future[Outcome]:
        future = self._pool.submit(self._attempts, job)
        self._taken = {known: needs for known, needs in self._taken.items() if not known.done()}
        self._taken[future] = self._needs(job.phase)
        return future

    def cancel(self) -> None:
        self._cancelled.set()
        for running in list(self._running.values()):
            running.cancel()

    def close(self) -> None:
        self._pool.shutdown()

    def _attempts(self, job: Job) -> Outcome:
        """Run a job, again if it may be; in a thread of its own."""
        pause = job.phase.retry_delay.total_seconds()
        for attempt in range(1, job.phase.retries + 2):
            outcome = self._attempt(job, attempt)
            manifest = outcome.manifest
            if manifest.status != "failed" or attempt > job.phase.retries or self._cancelled.is_set():
                break
            assert manifest.error is not None
            of = f"attempt {attempt} of {job.phase.retries + 1}"
            self._progress.said(job.name, f"{manifest.error.message}; {of}, again in {pause:g} s")
            if self._cancelled.wait(pause):
                break
            pause *= 2
        if outcome.undelivered:
            self._progress.said(
                job.name,
                f"the tracking store was not told ({outcome.undelivered}); the next command tries again",
            )
        return outcome

    def _attempt(self, job: Job, attempt: int) -> Outcome:
        context, held = self._open(job)
        mine = threading.get_ident()
        try:
            started = PhaseRun(
                self._project, context, job.phase, job.parameters, self._progress, attempt=attempt
            )
            self._running[mine] = started
            if self._cancelled.is_set():
                started.cancel()
            outcome = started.run()
        except Exception:
            with suppress(Exception):
                runs.end(self._project, context.run_id, "failed")
            held.leave()  # with as much of a report as there is: the next command publishes that
            raise
        finally:
            self._running.pop(mine, None)
        if outcome.undelivered and not publish.is_noted(self._project, context.run_id):
            held.leave()  # the next command finds the report, and tells the store
        else:
            held.release()
        return outcome

    def _open(self, job: Job) -> tuple[RunContext, work.Work]:
        """Open a job's run, with a scratch folder that tells others that somebody is at it."""
        project = self._project
        held = work.claim(project, job.name)
        try:
            run_id = runs.start(
                project,
                job.name,
                draft=job.draft,
                parent=job.parent,
                params=dict(job.parameters),
                token=held.token,
                trial=job.trial.number if job.trial else None,
            )
            context = job.context(
                run_id,
                held.folder,
                project_root=project.root,
                data_root=project.data_uri,
                database=project.database_url,
            )
            context.save()
            if context.folder != held.folder:
                context.save(held.folder)
        except BaseException:
            held.leave()
            raise
        return context, held
