"""A search for good parameters: Optuna suggests, trials are run, Optuna is told.

The study is Optuna's own and lies in its storage, so several processes may work on it, and it goes on after a
kill: a trial whose process has gone is told from its report if it left a whole one, else it is tried
again with the same parameters. A suggestion depends on the seed and on what is known by then.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from workbench.errors import UsageError
from workbench.execution.sweep import space
from workbench.execution.sweep.loop import Next
from workbench.execution.sweep.search import Search
from workbench.execution.sweep.study import CUT_SHORT, OWNER, WHY, KeptStudy, state_of
from workbench.execution.sweep.target import Target
from workbench.execution.sweep.trials import Runs, Tried
from workbench.project import Project
from workbench.tracking import reports, studies, work
from workbench.tracking.context import Judged, StudyTrial

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

__all__ = ["Studied", "opened"]

_SPEC, _AGAIN = "search", "again"
_ATTEMPTS = 2  # at one point, when a kernel died of nobody knows what


class Studied(KeptStudy):
    """Optuna's study, as one process sees it. The source of a search's trials.

    Whoever suggests, tells or puts in order holds the study's lock, so that nobody counts amid.
    """

    def __init__(
        self, project: Project, name: str, search: Search, spec: Mapping[str, Any], own: Sequence[str]
    ) -> None:
        self._search, self._spec = search, dict(spec)
        self._distributions = space.distributions(search.domains)
        self._sweep = self._token = ""
        self._project = project
        with studies.alone(self._project):  # of two that make its tables at once, one would fail
            studies.open_storage(studies.address(project))
        super().__init__(project, name, own, search.objectives)

    def _load(self) -> Study:
        """The study, made if there is none of that name."""
        import optuna

        with studies.alone(self._project):
            try:
                return super()._load()
            except KeyError:
                wanted = {one.metric: one.direction for one in self._objectives}
                made = optuna.create_study(
                    study_name=self.name, storage=self._storage, directions=list(wanted.values())
                )
                made.set_user_attr(_SPEC, self._spec)
                return made

    def differs(self) -> str:
        """In what the study searches for something else than it is asked to now; empty when in nothing."""
        then = self.study.user_attrs.get(_SPEC)
        if not isinstance(then, dict):
            return "which somebody else has made"
        for name, now in self._spec.items():
            if then.get(name) != now:
                if name == "code":
                    return "whose notebooks were other ones"
                return f"whose {name} was {_short(then.get(name))} and is {_short(now)} now"
        return ""

    def join(self, sweep: str, token: str) -> None:
        """From now on trials are suggested to this sweep, whose scratch folder is held by this process."""
        self._sweep, self._token = sweep, token

    @cached_property
    def _holdout(self) -> list[Judged]:
        """What the gates judge on, as far as phases that have finished say."""
        found = (reports.latest(self._project, phase) for phase in self._project.config.phases)
        return [rows for manifest in found if manifest for rows in manifest.judged if rows.gates]

    # -- suggested and told ----------------------------------------------------------------------

    def next(self) -> Next | None:
        """A trial, as long as the study has not as many as it is to have."""
        from optuna.samplers import TPESampler

        with studies.alone(self._project):
            self._put_in_order()
            known = self.study.get_trials(deepcopy=False)
            begun = [one for one in known if one.state.name != "WAITING"]
            if sum(CUT_SHORT not in one.user_attrs for one in begun) >= self._search.trials:
                return None
            # Anew for each: what it draws depends on the seed and on how many there are, not on who asks.
            self.study.sampler = TPESampler(seed=(self._search.seed + 7919 * len(known)) % 2**32)
            trial = self.study.ask(self._distributions)
            owner = {"sweep": self._sweep, "token": self._token, "place": self._place}
            trial.set_user_attr(OWNER, owner)
        told = StudyTrial(
            storage=studies.address(self._project),
            name=self.name,
            trial_id=self._trial_id(trial.number),
            pruner=self._search.pruner,
        )
        return Next(trial.number, self._read_back(trial.params), told)

    @property
    def _place(self) -> str:
        return f"{socket.gethostname()}:{self._project.state}"

    def is_complete(self) -> bool:
        """Whether it has all of its trials, and none of them runs."""
        with studies.alone(self._project):
            self._put_in_order()
            counts = self.counts()
        ended = sum(counts.values()) - counts.get("WAITING", 0) - counts.get("RUNNING", 0)
        return ended >= self._search.trials

    def _read_back(self, suggested: Mapping[str, Any]) -> dict[str, Any]:
        domains = self._search.domains
        return {
            name: space.value_of(domains[name], value) for name, value in suggested.items() if name in domains
        }

    def ended(self, trial: Tried) -> Tried:
        """Tell the study; a trial without the values that are searched for has failed, and says so."""
        with studies.alone(self._project):
            return self._tell(trial)

    def _tell(self, trial: Tried) -> Tried:
        frozen = self._trial(trial.number)
        if frozen.state.is_finished():
            return trial  # another process has put it in order
        if trial.status == "finished":
            self._refuse_holdout(trial)
            if why := self._unusable(trial):
                trial = replace(trial, status="failed", why=why, reason="no_value")
        if trial.status == "finished":
            self._bind(trial)
            self.study.tell(trial.number, [trial.value(one.metric) for one in self._objectives])
        elif trial.status == "pruned":
            self.study.tell(trial.number, state=state_of("PRUNED"))
        elif trial.status == "killed" or self._may_try_again(frozen, trial):
            self._again(frozen)
        else:
            self._storage.set_trial_user_attr(self._trial_id(trial.number), WHY, trial.why[:1000])
            self.study.tell(trial.number, state=state_of("FAIL"))
        return trial

    def _unusable(self, trial: Tried) -> str:
        """Why its metrics are none to go by; empty when they are."""
        needed = [one.metric for one in self._objectives]
        for metric in (*needed, *(one.metric for one in self._search.constraints)):
            value = trial.metrics.get(metric)
            if value is None:
                seen = ", ".join(sorted(trial.metrics)) or "nothing"
                gates = any(rows.gates for rows in trial.judged)
                more = "; what is measured on the holdout of the gates does not count" if gates else ""
                return f"it never logged {metric!r} (it logged {seen}){more}"
            if not math.isfinite(value):
                return f"its {metric!r} is {value}, which is no number to go by"
        return ""

    def _refuse_holdout(self, trial: Tried) -> None:
        """Raise when it judged on rows that the gates judge on: what was searched on proves nothing."""
        for rows in trial.judged:
            for held in self._holdout:
                if not rows.gates and rows.first and held.first and _overlap(rows, held):
                    raise UsageError(
                        f"the search would judge on {rows.name} ({rows.first} to {rows.last}), which "
                        f"overlaps with the holdout that the gates judge on ({held.first} to {held.last}): "
                        "judge on rows from before it"
                    )

    def _bind(self, trial: Tried) -> None:
        import optuna

        if not self._search.constraints:
            return
        self.study.sampler = optuna.samplers.RandomSampler()  # which looks at nothing to make the handle
        handle = optuna.trial.Trial(self.study, self._trial_id(trial.number))
        for constraint in self._search.constraints:
            handle.set_constraint(str(constraint), constraint.excess(trial.value(constraint.metric)))

    # -- after a kill ----------------------------------------------------------------------------

    def _put_in_order(self) -> None:
        """Trials whose process has gone: told from their reports, or to be tried again."""
        alive: dict[str, bool] = {self._token: True}
        for frozen in self._trials("RUNNING"):
            owner = frozen.user_attrs.get(OWNER) or {}
            if owner and owner.get("place") != self._place:
                continue  # of another machine: nobody here can tell
            token = str(owner.get("token", ""))
            if token not in alive:
                alive[token] = bool(token) and work.is_held(self._project, token)
            if alive[token] and token:
                continue
            runs = self.runs_of(frozen)
            if runs:
                self._tell(Tried.of(frozen.number, self._read_back(frozen.params), runs, self._own))
            else:
                self._again(frozen)

    def _again(self, frozen: FrozenTrial) -> None:
        """Give up this try, and have its parameters suggested once more."""
        before = [*frozen.user_attrs.get(_AGAIN, []), frozen.number]
        done = any(before == one.user_attrs.get(_AGAIN) for one in self.study.get_trials(deepcopy=False))
        # Killed while it was suggested once more, it has not all of its parameters yet.
        given = {**frozen.system_attrs.get("fixed_params", {}), **frozen.params}
        if not done and len(given) == len(self._distributions):
            self.study.enqueue_trial(given, user_attrs={_AGAIN: before})
        self._storage.set_trial_user_attr(self._trial_id(frozen.number), CUT_SHORT, True)
        self.study.tell(frozen.number, state=state_of("FAIL"))

    @staticmethod
    def _may_try_again(frozen: FrozenTrial, trial: Tried) -> bool:
        """A kernel that died may have been killed; one that dies twice at the same point has a reason."""
        return trial.reason == "kernel_died" and len(frozen.user_attrs.get(_AGAIN, [])) + 1 < _ATTEMPTS


def opened(search: Search, target: Target, own: Sequence[str], why_not: Callable[[Runs], str]) -> Studied:
    """The study to work on: the one of that name, or a new one.

    Without a name it is named after what is searched for, and a new one begins when the trials of the last
    would not come out the same now.

    Parameters
    ----------
    why_not : callable
        In words, why such runs would not come out the same now.

    Raises
    ------
    UsageError
        The study of that name searches for something else, or was measured on something else.
    """
    spec = search.spec(target, own)
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()[:8]
    base = search.study or f"{target.name}-{digest}"
    for generation in itertools.count(1):
        name = base if generation == 1 else f"{base}-{generation}"
        found = Studied(target.project, name, search, spec, own)
        difference = found.differs()
        if not difference and found.has_values():
            runs = found.newest()
            difference = why_not(runs) if runs else "no report is left that tells what it was measured on"
        if not difference:
            return found
        if search.study:
            raise UsageError(
                f"study {name!r} cannot go on: {difference}; give this search another --study name"
            )
    raise AssertionError


def _overlap(rows: Judged, held: Judged) -> bool:
    """Whether one has times of the other, both ends included."""
    first, last, held_first, held_last = map(_moment, (rows.first, rows.last, held.first, held.last))
    if len({type(moment) for moment in (first, last, held_first, held_last)}) > 1:
        return False  # of another kind: a count is before no day
    return bool(first <= held_last and held_first <= last)


def _moment(text: str) -> Any:
    """A time as it can be compared: a number, else a moment (without a zone in UTC), else the text."""
    import pandas as pd

    with suppress(ValueError):
        return float(text)
    with suppress(ValueError):
        moment = pd.Timestamp(text)
        return moment.tz_localize("UTC") if moment.tzinfo is None else moment.tz_convert("UTC")
    return text


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else f"{text[:119]}…"
