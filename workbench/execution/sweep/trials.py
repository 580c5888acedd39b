"""Trials as they are kept: what a sweep was asked to do, and what came of each of its trials.

Nothing is written down twice. A trial is told by the manifests of its runs, which lie together in
``.workbench/reports/trials/<sweep>``; beside them one file says what the sweep was.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from workbench.errors import UnknownName, UsageError
from workbench.project import Project
from workbench.tracking import reports, runs
from workbench.tracking.context import Judged
from workbench.tracking.reports import Manifest

__all__ = [
    "Objective",
    "Runs",
    "Sweep",
    "TrialStatus",
    "Tried",
    "best",
    "find",
    "parameters_of",
    "read",
    "runs_of",
    "sweeps",
]

TrialStatus = Literal["finished", "pruned", "failed", "killed"]
Runs = list[tuple[Manifest, Path]]
_FILE = "sweep.json"
_NAMED = re.compile(r"(\d+)-.+-[0-9a-f]{8}")


class Objective(BaseModel):
    """A metric that the trials' notebooks log, and whether more of it is better."""

    model_config = ConfigDict(frozen=True)

    metric: str
    maximize: bool = True

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        return "maximize" if self.maximize else "minimize"


class Sweep(BaseModel):
    """What a sweep was asked to do.

    Attributes
    ----------
    run_id : str
        Of the run that its trials are children of.
    name : str
        What that run is called, such as ``train-sweep``.
    phases : dict
        Each phase of a trial, to its notebook; ``own`` are those that run for each trial.
    fixed : dict
        Parameters that are the same for all trials.
    varied : dict
        Each parameter that differs, and in words what it goes through: of a search, its domain.
    trials : dict
        Number to the parameters of each trial of a sweep; a search finds its own on its way.
    reused : dict
        Number to the reports of an earlier sweep's trial, phase by phase, that is still up to date.
    during : tuple of str
        Those of ``fixed`` that only make trials cheaper, and that nobody takes on.
    study : str
        Of a search, the study's name.
    """

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="constants")

    run_id: str
    name: str
    phases: dict[str, str]
    own: tuple[str, ...]
    fixed: dict[str, Any] = {}
    during: tuple[str, ...] = ()
    varied: dict[str, str] = {}
    trials: dict[int, dict[str, Any]] = {}
    reused: dict[int, dict[str, str]] = {}
    objectives: tuple[Objective, ...] = ()
    constraints: tuple[str, ...] = ()
    study: str = ""

    def save(self, project: Project) -> Path:
        """Write it beside its trials' reports, whole or not at all."""
        folder = reports.trials_folder(project.reports, self.run_id)
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{_FILE}.new"
        draft.write_text(self.model_dump_json(indent=1), encoding="utf-8")
        os.replace(draft, folder / _FILE)
        return folder


@dataclass(frozen=True)
class Tried:
    """What came of one trial.

    Attributes
    ----------
    parameters : dict
        Those that vary.
    metrics : dict
        What its notebooks logged, those left out that looked at the holdout of the gates.
    why : str
        One line on what went wrong; empty when it finished.
    reports : dict
        Each phase of its own to the folder of its report.
    judged : tuple of Judged
        The rows on which it judged itself.
    seconds, cpu_seconds : float
        Of its notebooks.
    reused : bool
        Whether an earlier sweep's trial stands for it.
    holds : bool
        Whether it holds the constraints of its search; one that does not is never the best.
    """

    number: int
    parameters: dict[str, Any]
    status: TrialStatus
    metrics: dict[str, float] = field(default_factory=dict)
    why: str = ""
    reason: str = ""
    run_ids: tuple[str, ...] = ()
    reports: dict[str, str] = field(default_factory=dict)
    judged: tuple[Judged, ...] = ()
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    reused: bool = False
    holds: bool = True

    @classmethod
    def of(
        cls,
        number: int,
        parameters: Mapping[str, Any],
        runs: Runs,
        own: Sequence[str],
        *,
        reused: bool = False,
    ) -> Tried:
        """A trial from the runs that it came to, in their order; ``own`` are the phases that it has."""
        metrics: dict[str, float] = {}
        for manifest, _ in runs:
            if not any(rows.gates for rows in manifest.judged):
                metrics.update(manifest.metrics)
        last = runs[-1][0]
        status, why = _status(last), last.error.message if last.error else ""
        if status == "finished" and len(runs) < len(own):
            status, why = "killed", f"it was cut short after {last.phase}"
        return cls(
            number,
            dict(parameters),
            status,
            metrics,
            why,
            last.error.reason if last.error else "",
            tuple(manifest.run_id for manifest, _ in runs),
            {manifest.phase: str(folder) for manifest, folder in runs},
            tuple(rows for manifest, _ in runs for rows in manifest.judged),
            round(sum(manifest.seconds for manifest, _ in runs), 3),
            round(sum(manifest.cpu_seconds for manifest, _ in runs), 3),
            reused,
        )

    def value(self, metric: str) -> float:
        """A metric of it; NaN where it has none."""
        return self.metrics.get(metric, math.nan)


def _status(manifest: Manifest) -> TrialStatus:
    if manifest.error is not None and manifest.error.reason == "pruned":
        return "pruned"
    return manifest.status


def best(found: Iterable[Tried], objective: Objective) -> Tried | None:
    """The finished trial with the best value; of equal ones the first."""
    rated = [
        trial
        for trial in found
        if trial.status == "finished" and trial.holds and math.isfinite(trial.value(objective.metric))
    ]
    sign = -1 if objective.maximize else 1
    return min(rated, key=lambda trial: (sign * trial.value(objective.metric), trial.number), default=None)


def sweeps(project: Project) -> Iterator[tuple[Sweep, Path]]:
    """All sweeps whose trials are kept, the newest first, each with the folder of its trials' reports."""
    root = reports.trials_folder(project.reports, "").parent
    for path in sorted(
        root.glob(f"trials/[!.]*/{_FILE}"), key=lambda path: path.stat().st_mtime, reverse=True
    ):
        try:
            yield Sweep.model_validate_json(path.read_text(encoding="utf-8")), path.parent
        except (OSError, ValidationError):
            continue


def find(project: Project, prefix: str) -> tuple[Sweep, Path]:
    """The sweep whose run's id begins like that.

    Raises
    ------
    UnknownName
        There is none, or there are several.
    """
    known = list(sweeps(project))
    found = [item for item in known if prefix and item[0].run_id.startswith(prefix)]
    if len(found) != 1:
        kind = "single sweep" if found else "sweep"
        raise UnknownName(kind, prefix, [sweep.run_id[:8] for sweep, _ in found or known[:5]])
    return found[0]


def parameters_of(project: Project, run: str) -> dict[str, Any]:
    """The parameters of the trial that a run belongs to, or of the run itself when it is no trial.

    Raises
    ------
    UnknownName
        There is no such run, or several.
    UsageError
        It left no report that tells them.
    """
    found = runs.find(project, run)
    if any(sweep.run_id == found.run_id for sweep, _ in sweeps(project)):
        raise UsageError(
            f"run {found.run_id[:8]} is a sweep, which has many trials: name the run of one of them; "
            f"they are listed by workbench runs --sweep {found.run_id[:8]}"
        )
    manifest = reports.read(Path(found.report)) if found.report else None
    if manifest is None:
        raise UsageError(f"run {found.run_id[:8]} has no report any more, which would tell its parameters")
    together = dict(manifest.parameters)
    if manifest.trial is not None:
        sweep, folder = find(project, manifest.trial.sweep)
        for other, _ in runs_of(folder, manifest.trial.number).get(manifest.trial.number, []):
            together |= other.parameters
        together = {name: value for name, value in together.items() if name not in sweep.during}
    return together


def runs_of(folder: Path, number: int | None = None) -> dict[int, Runs]:
    """The runs of each trial (or of one) in a sweep's folder, in the order in which they began.

    Of several attempts at a phase the last counts.
    """
    found: dict[int, dict[str, tuple[Manifest, Path]]] = {}
    which = "[!.]*" if number is None else f"{number:04}-*"
    for path in folder.glob(f"{which}/{reports.MANIFEST}"):
        named = _NAMED.fullmatch(path.parent.name)
        manifest = reports.read(path.parent) if named else None
        if named and manifest is not None:
            of_trial = found.setdefault(int(named[1]), {})
            other = of_trial.get(manifest.phase)
            if other is None or other[0].started_at < manifest.started_at:
                of_trial[manifest.phase] = (manifest, path.parent)
    return {
        number: sorted(of_trial.values(), key=lambda run: run[0].started_at)
        for number, of_trial in sorted(found.items())
    }


def read(project: Project, sweep: Sweep) -> list[Tried]:
    """What came of a sweep's trials so far, those of earlier sweeps that stand for them included."""
    found = {
        number: Tried.of(number, sweep.trials.get(number) or _varied(sweep, runs), runs, sweep.own)
        for number, runs in runs_of(reports.trials_folder(project.reports, sweep.run_id)).items()
    }
    for number, folders in sweep.reused.items():
        runs = [
            (manifest, Path(folder))
            for folder in folders.values()
            if (manifest := reports.read(Path(folder)))
        ]
        if number not in found and len(runs) == len(folders):
            found[number] = Tried.of(number, sweep.trials[number], runs, sweep.own, reused=True)
    return [found[number] for number in sorted(found)]


def _varied(sweep: Sweep, runs: Iterable[tuple[Manifest, Path]]) -> dict[str, Any]:
    given = {name: value for manifest, _ in runs for name, value in manifest.parameters.items()}
    return {name: given[name] for name in sweep.varied if name in given}
