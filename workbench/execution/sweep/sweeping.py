"""A sweep or a search from its start to its report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from filelock import FileLock, Timeout

from workbench.data.tables import DatasetVersion, Tables
from workbench.errors import DatasetNotFound, RunError, UsageError
from workbench.execution import pipeline
from workbench.execution.sweep import listed, trials, tuning
from workbench.execution.sweep.loop import Teller
from workbench.execution.sweep.results import Results
from workbench.execution.sweep.running import Bounds, Running, SweepResult
from workbench.execution.sweep.search import Search
from workbench.execution.sweep.target import Target
from workbench.execution.sweep.trials import Objective, Runs, Tried
from workbench.project import Project
from workbench.tracking import inputs, reports
from workbench.tracking.inputs import Now

__all__ = ["sweep", "tune"]

_LISTED = 12  # values, in words


def sweep(
    target: Target,
    points: Sequence[Mapping[str, Any]],
    fixed: Mapping[str, Any],
    teller: Teller,
    *,
    objective: Objective | None = None,
    bounds: Bounds | None = None,
    force: bool = False,
) -> SweepResult:
    """Run the target's notebooks once for each point; what is there already does not run again.

    Parameters
    ----------
    points : sequence of mapping
        The parameters that differ. Numbers of trials count from 0 in this order.
    fixed : mapping
        Parameters that are the same for all.
    objective : Objective, optional
        What the trials are ranked by.

    Raises
    ------
    UsageError
        A parameter is unknown or ill-typed, or the same sweep goes on already; nothing was started.
    RunError
        A phase that all trials need did not finish.
    """
    varied = {name: _listed(point[name] for point in points if name in point) for name in _names(points)}
    shared, own = _apart(target, varied)
    numbered = {number: dict(point) for number, point in enumerate(points)}
    for point in points:
        target.share_out(own, {**fixed, **point})
    with _alone(target.project, [own, points, dict(fixed), str(objective)]):
        now = _prepared(target, shared, fixed, teller)
        ready = {} if force else listed.finished_before(target, own, fixed, numbered, now)
        about = {
            "trials": numbered,
            "reused": {number: _folders(runs) for number, runs in ready.items()},
            "objectives": (objective,) if objective else (),
        }
        if len(ready) == len(numbered) and (done := _told_before(target, about, own, fixed, ready)):
            return done
        missing = {number: point for number, point in numbered.items() if number not in ready}
        for number, runs in ready.items():
            teller.trial_ended(Tried.of(number, numbered[number], runs, own, reused=True))
        running = Running(target, own, fixed, varied, teller, bounds or Bounds(), kind="sweep")
        return running.run(listed.Listed(missing), now, about, reused=len(ready))


def tune(target: Target, search: Search, teller: Teller, *, bounds: Bounds | None = None) -> SweepResult:
    """Search for good parameters until the study has its number of trials.

    Raises
    ------
    UsageError
        The search contradicts itself or the study that it would join; nothing was started.
    RunError
        A phase that all trials need did not finish.
    """
    varied = {name: str(domain) for name, domain in search.domains.items()}
    shared, own = _apart(target, varied)
    target.share_out(own, {**search.fixed, **search.examples()})
    now = _prepared(target, shared, search.fixed, teller)

    def why_not(runs: Runs) -> str:
        given = {manifest.phase: manifest.parameters for manifest, _ in runs}
        return listed.why_not(target, own, given, runs, now)

    studied = tuning.opened(search, target, own, why_not)
    about = {
        "objectives": search.objectives,
        "constraints": tuple(str(constraint) for constraint in search.constraints),
        "study": studied.name,
        "during": search.during,
    }
    if studied.is_complete() and (done := _told_of(target.project, studied)):
        return done
    running = Running(target, own, search.fixed, varied, teller, bounds or Bounds(), kind="tune")
    return running.run(studied, now, about)


def _folders(runs: Runs) -> dict[str, str]:
    return {manifest.phase: str(folder) for manifest, folder in runs}


def _names(points: Iterable[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for point in points for name in point))


def _listed(values: Iterable[Any]) -> str:
    """What a parameter goes through, in words."""
    texts = list(dict.fromkeys(map(str, values)))
    more = f", … ({len(texts)} in all)" if len(texts) > _LISTED else ""
    return ", ".join(texts[:_LISTED]) + more


def _apart(target: Target, varied: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    for name in varied:
        target.parameter(name)  # raises with the nearest name
    return target.takes_apart(varied)


@contextmanager
def _alone(project: Project, asked: Any) -> Iterator[None]:
    """Held while a sweep goes on: the same one again would run the same trials a second time."""
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()[:16]
    folder = project.state / "work"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = FileLock(folder / f"sweep-{digest}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UsageError("the same sweep goes on already, in another process: let that one end") from None
    try:
        yield
    finally:
        lock.release()


def _prepared(target: Target, shared: Sequence[str], fixed: Mapping[str, Any], teller: Teller) -> Now:
    """What all trials begin with: phases that are the same for all are up to date, versions are pinned."""
    project = target.project
    handed_on = []
    if shared:
        given = target.share_out(shared, fixed)
        together = {name: value for values in given.values() for name, value in values.items()}
        done = pipeline.run(project, shared, together, teller)
        if done.status != "finished":
            broken = next(item for item in done.phases if item.status not in (*pipeline.OVER, "skipped"))
            raise RunError(f"phase {broken.phase!r}, which all trials need, {broken.status}: {broken.why}")
        handed_on = [reports.find(project, item.phase, item.run_id) for item in done.phases]
    now = Now(project, _pinned(project))
    for manifest in handed_on:
        if manifest is not None:
            now.hand_on(manifest)
    return now


def _pinned(project: Project) -> dict[str, DatasetVersion]:
    """The newest version of each dataset: what others write meanwhile makes trials no different."""
    tables, found = Tables(project.data_uri), {}
    for name in tables.names():
        with suppress(DatasetNotFound):
            found[name] = tables.newest(name, lambda version: inputs.is_published(project, version))
    return found


def _told_before(
    target: Target,
    about: Mapping[str, Any],
    own: Sequence[str],
    fixed: Mapping[str, Any],
    ready: Mapping[int, Runs],
) -> SweepResult | None:
    """The result of the same sweep, when it has its report of the very same trials already."""
    folders = {number: _folders(runs) for number, runs in ready.items()}
    for known, _ in trials.sweeps(target.project):
        asked = (known.own, known.fixed, known.trials, known.objectives, known.study)
        if asked != (tuple(own), dict(fixed), about["trials"], about["objectives"], ""):
            continue
        done = _whole(Results(target.project, known))
        if done and {trial.number: trial.reports for trial in done.results.tried} == folders:
            return done
    return None


def _told_of(project: Project, studied: tuning.Studied) -> SweepResult | None:
    """The result of the newest search of a study."""
    newest = next((known for known, _ in trials.sweeps(project) if known.study == studied.name), None)
    return _whole(Results(project, newest, studied)) if newest is not None else None


def _whole(found: Results) -> SweepResult | None:
    """The result of a sweep that has its report, with all trials that there are."""
    sweep = found.sweep
    report = reports.folder_of(found.project, sweep.name, sweep.run_id)
    manifest = reports.read(report) if report else None
    if manifest is None or manifest.status != "finished":
        return None
    if manifest.metrics.get("trials") != len(found.tried):
        return None
    return SweepResult(
        sweep.run_id, "finished", "", found, report, reused=len(found.tried), nothing_to_do=True
    )
