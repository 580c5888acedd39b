"""A study as it is kept: its trials, what came of them, the best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.execution.sweep import space, trials
from workbench.execution.sweep.trials import Objective, Runs, TrialStatus, Tried
from workbench.project import Project
from workbench.tracking import reports, studies

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, TrialState

__all__ = ["CUT_SHORT", "OWNER", "WHY", "KeptStudy", "state_of"]

#: Under these names Optuna keeps of a trial what is ours: who runs it, that its process went and its
#: parameters are tried again, why it failed.
OWNER, CUT_SHORT, WHY = "owner", "cut_short", "why"
_STATUS: dict[str, TrialStatus] = {"COMPLETE": "finished", "PRUNED": "pruned", "FAIL": "failed"}


class KeptStudy:
    """Optuna's study, for whoever reads it.

    Parameters
    ----------
    own : sequence of str
        The phases that each trial runs.

    Raises
    ------
    KeyError
        There is no study of that name.
    """

    def __init__(
        self, project: Project, name: str, own: Sequence[str], objectives: Sequence[Objective]
    ) -> None:
        self._project, self.name, self._own = project, name, tuple(own)
        self._objectives = tuple(objectives)
        self._storage = studies.open_storage(studies.address(project))
        self.study = self._load()

    def _load(self) -> Study:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        return optuna.load_study(study_name=self.name, storage=self._storage)

    def has_values(self) -> bool:
        """Whether any trial has told of a value."""
        return bool(self._trials("COMPLETE", "PRUNED"))

    def newest(self) -> Runs:
        """The runs of the newest trial that finished."""
        for frozen in reversed(self._trials("COMPLETE", "PRUNED")):
            if runs := self.runs_of(frozen):
                return runs
        return []

    def runs_of(self, frozen: FrozenTrial) -> Runs:
        """The runs of a trial, by the reports that are kept."""
        owner = frozen.user_attrs.get(OWNER) or {}
        folder = reports.trials_folder(self._project.reports, str(owner.get("sweep", "")))
        return trials.runs_of(folder, frozen.number).get(frozen.number, [])

    def tried(self) -> list[Tried]:
        """All trials of the study, whoever ran them, but for those that were cut short and tried again."""
        names = [objective.metric for objective in self._objectives]
        found = []
        for frozen in self._trials("COMPLETE", "PRUNED", "FAIL"):
            if CUT_SHORT in frozen.user_attrs:
                continue
            given, status = self._read_back(frozen.params), _STATUS[frozen.state.name]
            trial = Tried(frozen.number, given, status)
            if runs := self.runs_of(frozen):  # else its reports were removed since
                trial = Tried.of(frozen.number, given, runs, self._own)
            metrics = trial.metrics | dict(zip(names, frozen.values or (), strict=False))
            broken = [bound for bound, excess in frozen.constraints.items() if excess > 0]
            why = f"it breaks {', '.join(broken)}" if broken else frozen.user_attrs.get(WHY, trial.why)
            found.append(replace(trial, status=status, metrics=metrics, why=why, holds=not broken))
        return found

    def best(self) -> list[Tried]:
        """The best trial that holds the constraints; of several objectives, the Pareto front."""
        numbers = {frozen.number for frozen in self.study.best_trials}
        front = [trial for trial in self.tried() if trial.number in numbers]
        if len(self._objectives) > 1:
            return front
        first = trials.best(front, self._objectives[0])
        return [first] if first else []

    def counts(self) -> dict[str, int]:
        """How many trials there are by state, in Optuna's words; those that were cut short left out."""
        found: dict[str, int] = {}
        for frozen in self.study.get_trials(deepcopy=False):
            if CUT_SHORT not in frozen.user_attrs:
                found[frozen.state.name] = found.get(frozen.state.name, 0) + 1
        return found

    def _trials(self, *states: str) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=tuple(map(state_of, states)))

    def _trial(self, number: int) -> FrozenTrial:
        return self._storage.get_trial(self._trial_id(number))

    def _trial_id(self, number: int) -> int:
        study_id = self._storage.get_study_id_from_name(self.name)
        return self._storage.get_trial_id_from_study_id_trial_number(study_id, number)

    def _read_back(self, suggested: Mapping[str, Any]) -> dict[str, Any]:
        """What a notebook is given for what Optuna has suggested."""
        return {name: space.read_back(value) for name, value in suggested.items()}


def state_of(name: str) -> TrialState:
    """Optuna's state of that name."""
    from optuna.trial import TrialState

    return TrialState[name]
