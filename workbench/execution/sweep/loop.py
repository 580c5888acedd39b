"""The loop that sweeps and searches share: trials side by side, each one run or a chain of runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from workbench.execution.jobs import Executor, Job
from workbench.execution.progress import OneAtATime, Progress
from workbench.execution.runner import Outcome
from workbench.execution.sweep.target import Target
from workbench.execution.sweep.trials import Tried
from workbench.project import Project
from workbench.store import trouble
from workbench.tracking.context import StudyTrial, Trial
from workbench.tracking.inputs import Now
from workbench.tracking.reports import Manifest

__all__ = ["InTurn", "Loop", "Next", "Source", "Teller"]


@dataclass(frozen=True)
class Next:
    """A trial that is to be run: its number, the parameters that vary, and where it is told of."""

    number: int
    parameters: dict[str, Any]
    study: StudyTrial | None = None


class Source(Protocol):
    """Where trials come from."""

    def next(self) -> Next | None:
        """The next one; None when there is none for now. Asked again after each end."""

    def ended(self, trial: Tried) -> Tried:
        """What came of one; what comes back is what it counts as."""


class Teller(Progress, Protocol):
    """Is told how trials go, beside what their notebooks do."""

    def trial_ended(self, trial: Tried) -> None: ...


class InTurn(OneAtATime):
    """Passes on what several threads tell, one call at a time."""

    def __init__(self, teller: Teller) -> None:
        super().__init__(teller)
        self._teller = teller

    def trial_ended(self, trial: Tried) -> None:
        self._tell(self._teller.trial_ended, trial)


@dataclass
class _Chain:
    """One trial on its way: the runs that it has come to, and the phases that are still to run."""

    trial: Next
    parameters: dict[str, dict[str, Any]]
    waiting: list[str]
    now: Now
    runs: list[tuple[Manifest, Path]] = field(default_factory=list)


class Loop:
    """Runs the trials of a source until there are none, or until something stops it.

    Parameters
    ----------
    own : sequence of str
        The phases of the target that each trial runs.
    fixed : mapping
        Parameters that are the same for all trials.
    now : Now
        What is there to begin with: the same versions of everything for all trials.
    sweep : str
        The run that the trials' runs are children of.
    max_failures : int, optional
        Starts no more trials once as many have failed.
    """

    def __init__(
        self,
        target: Target,
        own: tuple[str, ...],
        fixed: Mapping[str, Any],
        now: Now,
        source: Source,
        executor: Executor,
        teller: Teller,
        *,
        sweep: str,
        max_failures: int | None = None,
    ) -> None:
        self._target, self._own, self._fixed, self._now = target, own, dict(fixed), now
        self._source, self._executor, self._teller = source, executor, teller
        self._sweep, self._max_failures = sweep, max_failures
        self._live: dict[Future[Outcome], _Chain] = {}
        self._waiting: list[_Chain] = []
        self._failures = 0
        self._cancelled = False
        self.stopped = ""
        self.problem: Exception | None = None

    @property
    def project(self) -> Project:
        return self._target.project

    def run(self, until: Callable[[], str] = lambda: "") -> None:
        """Until nothing runs and nothing more comes; ``until`` says, when asked, why to start no more."""
        while True:
            try:
                if not self.stopped:
                    self.stopped = until()
                self._start()
                if not self._live:
                    return  # and none waits: where nothing runs, there is room for any
                for future in wait(self._live, timeout=1.0, return_when=FIRST_COMPLETED).done:
                    self._settle(future)
            except KeyboardInterrupt:
                self.stop("interrupted")
            except Exception as error:  # of a store, of the source: what runs is ended in order
                if self.problem is None:
                    self.problem = error
                    self.stop(str(trouble.in_words(error, self.project.state) or error))

    def stop(self, why: str) -> None:
        """End what runs, soon and with reports, and start nothing more."""
        self.stopped, self._cancelled = why, True
        self._executor.cancel()

    def _start(self) -> None:
        """As many as there is room for: those that are on their way first."""
        while self._waiting:
            if self._cancelled:
                self._end(self._waiting.pop(0))
                continue
            phase = self._target.phases[self._waiting[0].waiting[0]]
            if self._live and not self._executor.has_room(phase):
                return
            self._submit(self._waiting.pop(0))
        first = self._target.phases[self._own[0]]
        while not self.stopped and self._executor.has_room(first):
            trial = self._source.next()
            if trial is None:
                return
            given = self._target.share_out(self._own, {**self._fixed, **trial.parameters})
            now = Now(self.project, dict(self._now.datasets), dict(self._now.models), dict(self._now.facts))
            self._submit(_Chain(trial, given, list(self._own), now))

    def _submit(self, chain: _Chain) -> None:
        name = chain.waiting.pop(0)
        phase = self._target.phases[name]
        job = Job(
            name,
            phase,
            chain.parameters[name],
            self._sweep,
            default=False,
            adhoc=self._target.adhoc,
            cores=min(phase.cores, self._executor.cores),
            inputs=dict(chain.now.datasets),
            models=dict(chain.now.models),
            facts=dict(chain.now.facts),
            trial=Trial(sweep=self._sweep, number=chain.trial.number, study=chain.trial.study),
        )
        self._live[self._executor.submit(job)] = chain

    def _settle(self, future: Future[Outcome]) -> None:
        chain = self._live.pop(future)
        error = future.exception()
        if error is not None:  # there is no report: of a fault that all others would meet as well
            raise error
        outcome = future.result()
        chain.runs.append((outcome.manifest, outcome.report))
        if outcome.manifest.status == "finished" and chain.waiting and not self._cancelled:
            chain.now.hand_on(outcome.manifest)
            self._waiting.append(chain)
            return
        self._end(chain)

    def _end(self, chain: _Chain) -> None:
        trial = Tried.of(chain.trial.number, chain.trial.parameters, chain.runs, self._own)
        trial = self._source.ended(trial)
        with suppress(Exception):  # a listener that fails stops no trial
            self._teller.trial_ended(trial)
        if trial.status == "failed":
            self._failures += 1
            if self._failures == self._max_failures and not self.stopped:
                self.stopped = f"{self._failures} trials failed, which is as many as may"
