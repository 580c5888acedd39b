"""One sweep or search on its way: its own run, the loop over its trials, its report."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.config import PhaseConfig
from workbench.execution import publish
from workbench.execution.executor.ending import Ending
from workbench.execution.executor.watch import Usage
from workbench.execution.local import LocalExecutor
from workbench.execution.parent import Parent
from workbench.execution.progress import Quiet
from workbench.execution.runner import PhaseRun
from workbench.execution.sweep import results, tuning
from workbench.execution.sweep.loop import InTurn, Loop, Source, Teller
from workbench.execution.sweep.results import Results
from workbench.execution.sweep.target import Target
from workbench.execution.sweep.trials import Sweep
from workbench.tracking import context as contexts
from workbench.tracking import reports, store
from workbench.tracking.inputs import Now

__all__ = ["Bounds", "Running", "SweepResult"]

_SUMMARY = Path(__file__).with_name("summary.ipynb")
_TIME_IS_UP = "its time is up"


@dataclass(frozen=True)
class Bounds:
    """What all trials together may take.

    ``seconds`` is for how long trials are started; those that run then go on to their end.
    """

    cores: int | None = None
    memory: int | None = None
    seconds: float | None = None
    max_failures: int | None = None


@dataclass(frozen=True)
class SweepResult:
    """How a sweep ended.

    Attributes
    ----------
    status : str
        ``finished``, ``failed`` or ``killed``: see ``why``.
    report : Path or None
        The folder of its report.
    reused : int
        How many of the trials were there already.
    nothing_to_do : bool
        Whether all was there, the report too.
    """

    run_id: str
    status: str
    why: str
    results: Results
    report: Path | None
    reused: int = 0
    seconds: float = 0.0
    nothing_to_do: bool = False


class Running:
    """One sweep on its way: its own run, the loop over its trials, its report."""

    def __init__(
        self,
        target: Target,
        own: tuple[str, ...],
        fixed: Mapping[str, Any],
        varied: Mapping[str, str],
        teller: Teller,
        bounds: Bounds,
        *,
        kind: str,
    ) -> None:
        self._target, self._own, self._fixed, self._varied = target, own, dict(fixed), dict(varied)
        self._teller, self._bounds = teller, bounds
        self._name = f"{target.name}-{kind}"
        self._project = target.project
        self._parent = Parent(self._project, self._name, {**self._fixed, **self._varied})
        self._started, self._began = time.monotonic(), datetime.now(UTC)

    def describe(self, about: Mapping[str, Any]) -> Sweep:
        return Sweep(
            run_id=self._parent.run_id or "none",
            name=self._name,
            phases={name: phase.notebook for name, phase in self._target.phases.items()},
            own=self._own,
            fixed=self._fixed,
            varied=self._varied,
            **about,
        )

    def run(self, source: Source, now: Now, about: Mapping[str, Any], *, reused: int = 0) -> SweepResult:
        run_id = self._parent.open()
        published = False
        try:
            self.describe(about).save(self._project)
            if isinstance(source, tuning.Studied):
                source.join(run_id, self._parent.token)
            loop = self._loop(source, now, run_id)
            found = results.load(run_id, self._project)
            why, status = self._verdict(loop, found)
            report = self._report(found, why, status)
            published = True
        finally:
            if not published:
                self._parent.close("failed")
        if loop.problem is not None:
            raise loop.problem
        took = round(time.monotonic() - self._started, 3)
        return SweepResult(run_id, status, why, found, report, reused, took)

    def _loop(self, source: Source, now: Now, run_id: str) -> Loop:
        teller = InTurn(self._teller)
        executor = LocalExecutor(self._project, teller, cores=self._bounds.cores, memory=self._bounds.memory)
        loop = Loop(
            self._target,
            self._own,
            self._fixed,
            now,
            source,
            executor,
            teller,
            sweep=run_id,
            max_failures=self._bounds.max_failures,
        )
        until = self._started + self._bounds.seconds if self._bounds.seconds is not None else None
        try:
            loop.run(lambda: _TIME_IS_UP if until is not None and time.monotonic() > until else "")
        finally:
            executor.close()
        return loop

    def _verdict(self, loop: Loop, found: Results) -> tuple[str, str]:
        """Why it is not finished, in one line, and the status of its run."""
        counts = found.counts()
        if loop.stopped == "interrupted":
            return "interrupted; the same command goes on from here", "killed"
        if loop.problem is not None:
            return loop.stopped, "failed"
        failed = counts.get("failed", 0) + counts.get("killed", 0)
        if loop.stopped and loop.stopped != _TIME_IS_UP:
            return loop.stopped, "failed"
        if not counts.get("finished"):
            return "no trial finished", "failed"
        if failed and not found.sweep.study:
            of = f"{failed} of {len(found.tried)} trials"
            return f"{of} did not finish; the same command tries them again", "failed"
        if found.objectives and not found.best:
            return "no trial holds the constraints" if found.sweep.constraints else "", "finished"
        return "", "finished"

    def _report(self, found: Results, why: str, status: str) -> Path:
        """Run the notebook that shows it, in the name of the sweep's own run."""
        context = self._parent.context(
            notebook=str(_SUMMARY), parameters={"sweep": found.sweep.run_id}, default=False
        )
        context.save()
        self._note(context, found)
        unless = None
        if status != "finished":
            unless = Ending("interrupted" if status == "killed" else "stopped_early", why)
        phase = PhaseConfig(notebook=str(_SUMMARY))
        mine = str(reports.trials_folder(self._project.reports, context.run_id))
        ran = [trial for trial in found.tried if any(at.startswith(mine) for at in trial.reports.values())]
        spent = Usage(time.monotonic() - self._started, sum(trial.cpu_seconds for trial in ran))
        run = PhaseRun(
            self._project,
            context,
            phase,
            context.parameters,
            Quiet(),
            cwd=self._project.root,
            unless=unless,
            before=(self._began, spent),
        )
        outcome = run.run()
        told = not outcome.undelivered or publish.is_noted(self._project, context.run_id)
        self._parent.release(told=told)
        return outcome.report

    def _note(self, context: contexts.RunContext, found: Results) -> None:
        contexts.append(context, "note", {"summary": found.summary(), "judged_on": found.judged})
        metrics = {"trials": float(len(found.tried))}
        if len(found.best) == 1:
            (best,) = found.best
            contexts.append(context, "note", {"best": best.number, "parameters": best.parameters})
            metrics |= {one.metric: best.value(one.metric) for one in found.objectives}
        contexts.append(context, "metrics", metrics)
        with suppress(Exception):  # the store is away: the report has them
            from mlflow.entities import Metric

            now = round(datetime.now(UTC).timestamp() * 1000)
            items = [Metric(name, value, now, 0) for name, value in metrics.items()]
            store.client(self._project).log_batch(context.run_id, metrics=items)
